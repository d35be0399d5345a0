"""The command line. The options of a command are derived from its configuration; nothing is declared twice."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from meta_models import __version__, console
from meta_models.analysis.framework.options import AnalysisConfig
from meta_models.build.config import BuildConfig, DemoGenomeConfig
from meta_models.command_options import Parser, add_config_options, add_learner_options, config_from, learners_in
from meta_models.config import Configuration, TrainingConfig, UnitConfig
from meta_models.config.sections import FORMER
from meta_models.errors import ExitCode, MetaModelsError, TimeUp, UsageError
from meta_models.experiments.options import (
    CompareConfig,
    DistilConfig,
    EvidenceConfig,
    ExperimentConfig,
    GatesConfig,
    ReproduceConfig,
    TrackConfig,
)
from meta_models.inference.config import PredictConfig
from meta_models.inference.suggestion.config import SuggestConfig
from meta_models.resources import require_address_space
from meta_models.search.options import NOT_SEARCHED, TuneConfig

logger = logging.getLogger(__name__)
Command = Callable[[argparse.Namespace], ExitCode]
#: Loggers whose information is shown without --verbose.
_MILESTONES = frozenset(
    {
        "meta_models.build.command",
        "meta_models.cluster.farm",
        "meta_models.build.tracks.opening",
        "meta_models.build.annotated",
        "meta_models.pipeline",
        "meta_models.progress",
        "meta_models.training.distributed.run",
        "meta_models.training_phase",
        "meta_models.reporting",
        "meta_models.search.command",
        "meta_models.search.study",
        "meta_models.experiments.launch",
        "meta_models.inference.prediction",
        "meta_models.inference.suggestion.command",
        "meta_models.inference.ensemble_model_loader",
    }
)


@dataclass(frozen=True)
class _OverRuns:
    """A command over runs.

    Attributes
    ----------
    kind : type
        Its options.
    work : str
        ``module:function`` that does it: loaded when the command is given, called with the runs and the options.
    several : bool
        Whether it takes more than one run.
    fits : bool
        Whether it takes options of learners.
    milestones : bool
        Whether its milestones alone are shown, as those of `train` are, but with ``--verbose``.
    takes : tuple of (str, str)
        What the argument is called, and what it is, where it takes one.
    """

    name: str
    help: str
    kind: type[Configuration]
    work: str
    several: bool = False
    fits: bool = False
    milestones: bool = False
    takes: tuple[str, str] = ("RUN", "folder of the run")

    def add_to(self, commands: Any, chosen: Sequence[str]) -> None:
        """Add its parser to the subparsers `commands`, with the options of the `chosen` learners where it fits any."""
        parser = commands.add_parser(self.name, help=self.help, argument_default=argparse.SUPPRESS)
        parser.set_defaults(command=self)
        metavar, words = ("RUN", "run folders, each PATH or NAME=PATH") if self.several else self.takes
        parser.usage = f"%(prog)s {metavar}{f' [{metavar} ...]' if self.several else ''} [options]"
        parser.add_argument("runs", metavar=metavar, nargs="+" if self.several else 1, help=words)
        add_config_options(parser, self.kind)
        if self.fits:
            add_learner_options(parser, chosen)

    def __call__(self, arguments: argparse.Namespace) -> ExitCode:
        """Do the work."""
        options = config_from(arguments, self.kind)
        chosen = options.model_dump(include={"verbose", "resume"})
        everything = chosen.get("verbose", False) or not self.milestones
        _set_up_logging(sys.stdout, everything=everything, units=chosen.get("resume", False))
        module, _, function = self.work.partition(":")
        work: Callable[..., ExitCode] = getattr(importlib.import_module(module), function)
        return work(arguments.runs, options)


@dataclass(frozen=True)
class _Configured:
    """A command all of whose arguments are options.

    Attributes
    ----------
    kind : type
        Its options, but those `without`.
    work : callable
        Does it.
    fits : bool
        Whether it takes options of learners.
    """

    name: str
    help: str
    kind: type[Configuration]
    work: Command
    fits: bool = False
    without: tuple[str, ...] = ()

    def add_to(self, commands: Any, chosen: Sequence[str]) -> None:
        """Add its parser to the subparsers `commands`, with the options of the `chosen` learners where it fits any."""
        parser = commands.add_parser(self.name, help=self.help, argument_default=argparse.SUPPRESS)
        parser.set_defaults(command=self.work)
        parser.usage = "%(prog)s [options]"
        add_config_options(parser, self.kind, without=self.without)
        if self.fits:
            add_learner_options(parser, chosen)


_OVER_RUNS = (
    _OverRuns(
        "compare", "compare finished runs on the rows that they share", CompareConfig,
        "meta_models.experiments.comparison.compare:compare_runs", several=True,
    ),
    _OverRuns(
        "distil", "fit one small model to the out-of-fold scores of a finished run", DistilConfig,
        "meta_models.experiments.distil:distil_run", fits=True, milestones=True,
    ),
    _OverRuns(
        "experiment", "run or resume the variants of a file, and compare them", ExperimentConfig,
        "meta_models.experiments.experiment:run_experiment", takes=("FILE", "YAML file of the experiment"),
    ),
    _OverRuns(
        "track", "record a finished run in a tracker of experiments", TrackConfig,
        "meta_models.experiments.tracking.command:track_run",
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
        parser = build_parser(learners_in(sys.argv[1:] if argv is None else argv))
        return int(_run(parser.parse_args(argv)))
    finally:
        console.finish()


def _run(arguments: argparse.Namespace) -> ExitCode:
    command: Command = arguments.command
    try:
        require_address_space()
        return command(arguments)
    except TimeUp as end:
        console.complain(f"{end}\n")
        return end.exit_code
    except MetaModelsError as error:
        console.complain(f"error: {error}\n")
        return error.exit_code
    except MemoryError as error:
        console.complain(f"error: Out of memory ({error}). Give --max-memory-gb or a smaller table.\n")
        return ExitCode.MEMORY
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != ExitCode.SIGTERM:
            raise
        resumable = command in (train_command, predict_command, compare_command, build_command, tune_command)
        console.complain(console.interrupted(resumable=resumable))
        return ExitCode.SIGTERM if isinstance(end, SystemExit) else ExitCode.SIGINT


def build_parser(chosen: Sequence[str] = (FORMER,)) -> argparse.ArgumentParser:
    """The parser of all commands; the help of ``train`` shows the options of the `chosen` learners."""
    parser = Parser(prog="meta-models", description="Honest meta-models over splice-site predictors.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _CONFIGURED:
        command.add_to(commands, chosen)
    analyse = commands.add_parser(
        "analyse", help="repeat or extend the analysis of a finished run", argument_default=argparse.SUPPRESS
    )
    analyse.set_defaults(command=analyse_command)
    analyse.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="folder of the run")
    add_config_options(analyse, AnalysisConfig)
    unit = commands.add_parser(
        "unit", help="do some of the units that train --plan-only planned", argument_default=argparse.SUPPRESS
    )
    unit.set_defaults(command=unit_command, which=None)
    unit.add_argument("run", metavar="RUN", type=Path, help="folder of the planned run")
    unit.add_argument(
        "which", metavar="NAME|i/N", nargs="?", help="a unit, or every N-th from the i-th on; without it, list them"
    )
    add_config_options(unit, UnitConfig)
    learners = commands.add_parser("learners", help="list what can be fitted, or the options of one learner")
    learners.set_defaults(command=learners_command)
    learners.add_argument("name", metavar="NAME", nargs="?", help="learner whose options are listed")
    for over in _OVER_RUNS:
        over.add_to(commands, chosen)
    _add_verify(commands)
    return parser


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser("verify-model", help="say what a model file is, or why it is refused")
    verify.set_defaults(command=verify_command)
    verify.add_argument("file", metavar="FILE", help="model file, or a pattern that one file matches")
    verify.add_argument(
        "--isolated",
        action="store_true",
        help="load it and predict with it in a process of its own, with limits on CPU time and memory",
    )


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
    if config.track is None or config.out_dir is None or config.dry_run or config.plan_only:
        return nullcontext()
    from meta_models.experiments.tracking.command import tracked_afterwards

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
    from meta_models.experiments.comparison.strategies import compare_strategies

    return compare_strategies(config)


def tune_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models tune``."""
    config = config_from(arguments, TuneConfig)
    config.require_dataset()
    _set_up_logging(sys.stdout, everything=config.verbose, units=False)
    from meta_models.search.command import run_tune

    return run_tune(config)


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


def unit_command(arguments: argparse.Namespace) -> ExitCode:
    """``meta-models unit``."""
    options = config_from(arguments, UnitConfig)
    _set_up_logging(sys.stdout, everything=True, units=False)
    from meta_models.unit_command import run_units

    return run_units(arguments.run, arguments.which, options)


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


_CONFIGURED = (
    _Configured("train", "train, evaluate and save a meta-model", TrainingConfig, train_command, fits=True),
    _Configured(
        "compare-strategies", "train the same genes as one model and as an ensemble, and compare", TrainingConfig,
        compare_command, fits=True,
        without=("strategy", "train_all_genes", "dry_run", "plan_only", "max_features", "targets"),
    ),
    _Configured(
        "tune", "search options of learners, judge them on families kept out, and train the winner", TuneConfig,
        tune_command, fits=True, without=NOT_SEARCHED,
    ),
    _Configured("predict", "score a table of any size with a trained model", PredictConfig, predict_command),
    _Configured("suggest-genes", "say which genes would teach a trained model most", SuggestConfig, suggest_command),
    _Configured("build", "make a table and genes from genome, annotation and scores", BuildConfig, build_command),
    _Configured(
        "demo-genome", "write a small simulated genome to build from", DemoGenomeConfig, demo_genome_command
    ),
)  # fmt: skip


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
