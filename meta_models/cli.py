"""The command line. The options of a command are derived from its configuration; nothing is declared twice."""

from __future__ import annotations

import argparse
import importlib
import itertools
import logging
import sys
import types
import typing
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

from pydantic.fields import FieldInfo

from meta_models import __version__, console
from meta_models.analysis.framework.options import AnalysisConfig
from meta_models.build.config import BuildConfig, DemoGenomeConfig
from meta_models.config import Configuration, TrainingConfig, ValueNames
from meta_models.config.sections import FORMER
from meta_models.errors import ExitCode, MetaModelsError, UsageError
from meta_models.experiments.options import (
    CompareConfig,
    EvidenceConfig,
    GatesConfig,
    ReproduceConfig,
    TrackConfig,
)
from meta_models.inference.config import PredictConfig
from meta_models.inference.suggestion.config import SuggestConfig
from meta_models.learners.registry import LEARNERS
from meta_models.local_paths import read_utf8
from meta_models.resources import require_address_space

logger = logging.getLogger(__name__)
Command = Callable[[argparse.Namespace], ExitCode]
Config = TypeVar("Config", bound=Configuration)
#: The field of a configuration that has options of its own, and other names of flags.
_SECTIONS = "sections"
_ALSO = {"learners": ("--learner",)}
#: Loggers whose information is shown without --verbose.
_MILESTONES = frozenset(
    {
        "meta_models.build.command",
        "meta_models.build.tracks.opening",
        "meta_models.build.annotated",
        "meta_models.pipeline",
        "meta_models.progress",
        "meta_models.reporting",
        "meta_models.inference.prediction",
        "meta_models.inference.suggestion.command",
        "meta_models.inference.ensemble_model_loader",
    }
)


@dataclass(frozen=True)
class _OverRuns:
    """A command over finished runs.

    Attributes
    ----------
    kind : type
        Its options.
    work : str
        ``module:function`` that does it: loaded when the command is given, called with the runs and the options.
    several : bool
        Whether it takes more than one run.
    """

    name: str
    help: str
    kind: type[Configuration]
    work: str
    several: bool = False

    def add_to(self, commands: Any) -> None:
        """Add its parser to the subparsers `commands`."""
        parser = commands.add_parser(self.name, help=self.help, argument_default=argparse.SUPPRESS)
        parser.set_defaults(command=self)
        many, words = ("+", "run folders, each PATH or NAME=PATH") if self.several else (1, "folder of the run")
        parser.add_argument("runs", metavar="RUN", nargs=many, help=words)
        add_config_options(parser, self.kind)

    def __call__(self, arguments: argparse.Namespace) -> ExitCode:
        """Do the work."""
        options = config_from(arguments, self.kind)
        _set_up_logging(sys.stdout, everything=True, units=False)
        module, _, function = self.work.partition(":")
        work: Callable[..., ExitCode] = getattr(importlib.import_module(module), function)
        return work(arguments.runs, options)


_OVER_RUNS = (
    _OverRuns(
        "compare", "compare finished runs on the rows that they share", CompareConfig,
        "meta_models.experiments.compare:compare_runs", several=True,
    ),
    _OverRuns(
        "track", "record a finished run in a tracker of experiments", TrackConfig,
        "meta_models.experiments.tracking:track_run",
    ),
    _OverRuns(
        "reproduce", "train a finished run again and say which files are equal", ReproduceConfig,
        "meta_models.experiments.reproduce:reproduce_run",
    ),
    _OverRuns(
        "gates", "say which quality gates a finished run passes; exit code 5 where one fails", GatesConfig,
        "meta_models.experiments.evidence:check_gates",
    ),
    _OverRuns(
        "evidence", "pack what shows that the figures of a finished run hold", EvidenceConfig,
        "meta_models.experiments.evidence:write_evidence",
    ),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code (see `errors.ExitCode`). Never ends in a traceback for what a user can correct."""
    console.prepare_streams()
    try:
        parser = build_parser(_learners_in(sys.argv[1:] if argv is None else argv))
        return int(_run(parser.parse_args(argv)))
    finally:
        console.finish()


def _run(arguments: argparse.Namespace) -> ExitCode:
    command: Command = arguments.command
    try:
        require_address_space()
        return command(arguments)
    except MetaModelsError as error:
        console.complain(f"error: {error}\n")
        return error.exit_code
    except MemoryError as error:
        console.complain(f"error: Out of memory ({error}). Give --max-memory-gb or a smaller table.\n")
        return ExitCode.MEMORY
    except KeyboardInterrupt:
        resumable = (train_command, predict_command, compare_command, build_command)
        again = " (goes on from here with --resume)" if command in resumable else ""
        console.complain(f"interrupted{again}\n")
        return ExitCode.SIGINT


def _learners_in(argv: Sequence[str]) -> list[str]:
    """Learners whose options are there: those after ``--learners``, or named in an option; else the first there was."""
    found: list[str] = []
    for flag in ("--learners", "--learner"):
        for at in [at for at, word in enumerate(argv) if word == flag]:
            found += itertools.takewhile(lambda word: not word.startswith("-"), argv[at + 1 :])
        found += [word.partition("=")[2] for word in argv if word.startswith(f"{flag}=")]
    found += [word[2:].partition(".")[0].replace("-", "_") for word in argv if word.startswith("--") and "." in word]
    return [name for name in dict.fromkeys(found) if name in LEARNERS] or [FORMER]


class _Parser(argparse.ArgumentParser):
    """Takes options by their whole names: a misspelt one is an error, not another option, and its message is short."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but what a command does not know is its own error: the whole program cannot tell more."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            near = [name for word in unknown for name in get_close_matches(word, self._option_string_actions, n=1)]
            meant = f" (did you mean {' '.join(near)}?)" if near else ""
            self.error(f"there is no option {' '.join(unknown)}{meant}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """End with the message alone: the usage of ``train`` fills a screen."""
        self.exit(ExitCode.USAGE, f"error: {message}. See {self.prog} --help\n")


def build_parser(chosen: Sequence[str] = (FORMER,)) -> argparse.ArgumentParser:
    """The parser of all commands; the help of ``train`` shows the options of the `chosen` learners."""
    parser = _Parser(prog="meta-models", description="Honest meta-models over splice-site predictors.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train", help="train, evaluate and save a meta-model", argument_default=argparse.SUPPRESS
    )
    train.set_defaults(command=train_command)
    add_config_options(train, TrainingConfig)
    add_learner_options(train, chosen)
    compare = commands.add_parser(
        "compare-strategies",
        help="train the same genes as one model and as an ensemble, and compare",
        argument_default=argparse.SUPPRESS,
    )
    compare.set_defaults(command=compare_command)
    add_config_options(
        compare, TrainingConfig, without=("strategy", "train_all_genes", "dry_run", "max_features", "targets")
    )
    add_learner_options(compare, chosen)
    predict = commands.add_parser(
        "predict", help="score a table of any size with a trained model", argument_default=argparse.SUPPRESS
    )
    predict.set_defaults(command=predict_command)
    add_config_options(predict, PredictConfig)
    suggest = commands.add_parser(
        "suggest-genes", help="say which genes would teach a trained model most", argument_default=argparse.SUPPRESS
    )
    suggest.set_defaults(command=suggest_command)
    add_config_options(suggest, SuggestConfig)
    build = commands.add_parser(
        "build", help="make a table and genes from genome, annotation and scores", argument_default=argparse.SUPPRESS
    )
    build.set_defaults(command=build_command)
    add_config_options(build, BuildConfig)
    demo = commands.add_parser(
        "demo-genome", help="write a small simulated genome to build from", argument_default=argparse.SUPPRESS
    )
    demo.set_defaults(command=demo_genome_command)
    add_config_options(demo, DemoGenomeConfig)
    analyse = commands.add_parser(
        "analyse", help="repeat or extend the analysis of a finished run", argument_default=argparse.SUPPRESS
    )
    analyse.set_defaults(command=analyse_command)
    analyse.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="folder of the run")
    add_config_options(analyse, AnalysisConfig)
    learners = commands.add_parser("learners", help="list what can be fitted, or the options of one learner")
    learners.set_defaults(command=learners_command)
    learners.add_argument("name", metavar="NAME", nargs="?", help="learner whose options are listed")
    for over in _OVER_RUNS:
        over.add_to(commands)
    verify = commands.add_parser("verify-model", help="say what a model file is, or why it is refused")
    verify.set_defaults(command=verify_command)
    verify.add_argument("file", metavar="FILE", help="model file, or a pattern that one file matches")
    verify.add_argument(
        "--isolated",
        action="store_true",
        help="load it and predict with it in a process of its own, with limits on CPU time and memory",
    )
    return parser


def add_config_options(
    parser: argparse.ArgumentParser, kind: type[Configuration], *, without: Sequence[str] = ()
) -> None:
    """Add ``--config`` and one option for each field of the configuration `kind`, but those `without`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="YAML file of options, or the run_manifest.json of an earlier run (without its out_dir, overwrite, resume "
        "and dry_run); flags win over it",
    )
    for name, field in kind.model_fields.items():
        if name in without or name == _SECTIONS:
            continue
        _add_option(parser, [f"--{name.replace('_', '-')}", *_ALSO.get(name, ())], name, field)


def add_learner_options(parser: argparse.ArgumentParser, chosen: Sequence[str]) -> None:
    """Add the options of the `chosen` learners, dotted; those of the first that there was go without its name, too."""
    parser.add_argument("--family", dest="learners", nargs="+", help=argparse.SUPPRESS)  # what it was called
    for learner in dict.fromkeys([*chosen, FORMER]):
        shown = learner in chosen
        group = parser.add_argument_group(f"options of {learner}") if shown else parser
        for name, field in LEARNERS[learner].Config.model_fields.items():
            plain = name.replace("_", "-")
            flags = [f"--{learner.replace('_', '-')}.{plain}", *([f"--{plain}"] if learner == FORMER else [])]
            _add_option(group, flags, f"{learner}.{name}", field, shown=shown)


def _add_option(parser: Any, flags: Sequence[str], dest: str, field: FieldInfo, *, shown: bool = True) -> None:
    """Add one option that is derived from a field."""
    help_text = f"{field.description}{_default(field)}".replace("%", "%%")
    options: dict[str, Any] = {"dest": dest, "help": help_text if shown else argparse.SUPPRESS}
    plain = _plain_type(field.annotation)
    if plain is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif typing.get_origin(plain) is typing.Literal:
        options["choices"] = typing.get_args(plain)
    else:
        options |= _shape(dest.rpartition(".")[2], plain) | _named_values(field)
    parser.add_argument(*flags, **options)


def config_from(arguments: argparse.Namespace, kind: type[Config]) -> Config:
    """The configuration of that `kind` which ``--config`` and the flags give; flags win.

    Raises
    ------
    UsageError
        For unknown keys and bad values.
    """
    given = {k: v for k, v in vars(arguments).items() if k in kind.model_fields or "." in k}
    file = getattr(arguments, "config", None)
    values = {**(kind.read_yaml(file) if file is not None else {}), **given}
    lists = {name: values[name] for name in ("exclude_features", "protect_features", "genes") if name in values}
    return kind.from_mapping({**values, **{name: _expanded(value) for name, value in lists.items()}})


def train_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models train``."""
    config = config_from(arguments, TrainingConfig)
    config.require_dataset()
    if config.out_dir is None and not config.dry_run:
        raise UsageError("--out-dir must name the run folder", "It is missing", "Give --out-dir DIR or --dry-run")
    _set_up_logging(sys.stderr if config.dry_run else sys.stdout, everything=config.verbose, units=config.resume)
    from meta_models.pipeline import run_training

    with _recorded(config):
        return run_training(config)


def _recorded(config: TrainingConfig) -> AbstractContextManager[None]:
    """Within the block a run is made, which is recorded afterwards where the configuration says so."""
    if config.track is None or config.out_dir is None or config.dry_run:
        return nullcontext()
    from meta_models.experiments.tracking import tracked_afterwards

    return tracked_afterwards(config.track, config.out_dir)


def build_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models build``."""
    config = config_from(arguments, BuildConfig)
    _set_up_logging(sys.stderr if config.dry_run else sys.stdout, everything=config.verbose, units=config.resume)
    from meta_models.build.command import run_build

    return run_build(config)


def demo_genome_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models demo-genome``."""
    config = config_from(arguments, DemoGenomeConfig)
    _set_up_logging(sys.stdout, everything=True, units=False)
    from meta_models.build.demo.genome import run_demo_genome

    return run_demo_genome(config)


def compare_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models compare-strategies``."""
    config = config_from(arguments, TrainingConfig)
    config.require_dataset()
    _set_up_logging(sys.stdout, everything=True, units=False)
    from meta_models.experiments.strategies import compare_strategies

    return compare_strategies(config)


def predict_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models predict``."""
    config = config_from(arguments, PredictConfig)
    _set_up_logging(sys.stdout, everything=config.verbose, units=False)
    from meta_models.inference.prediction import run_prediction

    return run_prediction(config)


def suggest_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models suggest-genes``."""
    config = config_from(arguments, SuggestConfig)
    _set_up_logging(sys.stdout, everything=config.verbose, units=False)
    from meta_models.inference.suggestion.command import run_suggestion

    return run_suggestion(config)


def analyse_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models analyse``."""
    config = config_from(arguments, AnalysisConfig)
    _set_up_logging(sys.stdout, everything=config.verbose, units=False)
    from meta_models.reanalysis import analyse_run

    return analyse_run(arguments.run_dir, config)


def learners_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models learners``."""
    from meta_models.learners.listing import list_learners, list_options

    lines = list_learners() if arguments.name is None else list_options(arguments.name)
    sys.stdout.write("\n".join(lines) + "\n")
    return ExitCode.DONE


def verify_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models verify-model``."""
    from meta_models.inference.verify import verify_model

    facts = verify_model(arguments.file, isolated=arguments.isolated)
    console.say("\n".join(facts.lines()) + "\n")
    return ExitCode.DONE


def _default(field: FieldInfo) -> str:
    """What the help says of a default; nothing where there is none, or it goes without saying."""
    value = None if field.is_required() else field.default
    if value in (None, (), False):
        return ""
    return f" (default: {' '.join(map(str, value)) if isinstance(value, tuple) else value})"


def _shape(name: str, plain: Any) -> dict[str, Any]:
    """How many values an option takes, and what they are called in the help."""
    plain_names = {int: "N", float: "X", Path: "PATH"}
    metavar = plain_names.get(plain, name.rsplit("_", 1)[-1].upper())
    if typing.get_origin(plain) is not tuple:
        return {"metavar": metavar}
    parts = typing.get_args(plain)
    if Ellipsis in parts:
        return {"metavar": metavar, "nargs": "+", "action": "extend"}
    return {"metavar": metavar, "nargs": len(parts)}


def _named_values(field: FieldInfo) -> dict[str, Any]:
    """What the values of an option are called, where the configuration says so."""
    names = [note.names for note in field.metadata if isinstance(note, ValueNames)]
    return {"metavar": names[0]} if names else {}


def _plain_type(annotation: Any) -> Any:
    """The type without ``| None`` and ``Annotated``."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _plain_type(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return _plain_type(next(a for a in typing.get_args(annotation) if a is not type(None)))
    return annotation


def _expanded(values: Any) -> Any:
    """Names, where ``@FILE`` (or a single existing file) stands for one name a line; ``#`` starts a comment.

    What is no text or list of texts is given back: the configuration refuses it.
    """
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return values
    names: list[str] = []
    for value in values:
        file = Path(value[1:]) if value.startswith("@") else Path(value)
        if not value.startswith("@") and not (len(values) == 1 and file.is_file()):
            names.append(value)
            continue
        try:
            lines = read_utf8(file).splitlines()
        except (OSError, UnicodeError) as error:
            raise UsageError(f"A list of features must be readable, found {file}", str(error)) from None
        names += [line.split("\t")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    return tuple(names)


class _Shown(logging.Filter):
    """Milestones and warnings; everything where it is asked for."""

    def __init__(self, *, everything: bool, units: bool) -> None:
        super().__init__()
        self._all, self._units = everything, units

    def filter(self, record: logging.LogRecord) -> bool:
        if self._all or record.levelno >= logging.WARNING or record.name in _MILESTONES:
            return True
        return self._units and record.name == "meta_models.run_folder.units"


def _set_up_logging(stream: TextIO | None, *, everything: bool, units: bool) -> None:
    root = logging.getLogger("meta_models")
    handler = console.LogHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(_Shown(everything=everything, units=units))
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False


if __name__ == "__main__":
    sys.exit(main())
