"""Options of the command line, derived from a configuration and from the learners; nothing is declared twice."""

from __future__ import annotations

import argparse
import itertools
import types
import typing
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic.fields import FieldInfo

from meta_models.config import Configuration, ValueNames
from meta_models.config.sections import FORMER
from meta_models.errors import ExitCode, UsageError
from meta_models.learners.registry import AUTO, LEARNERS, TRIED
from meta_models.local_paths import is_file, read_utf8

Config = TypeVar("Config", bound=Configuration)
#: The field of a configuration that has options of its own, and other names of flags.
_SECTIONS = "sections"
_ALSO = {"learners": ("--learner",)}


class Parser(argparse.ArgumentParser):
    """Takes options by their whole names: a misspelt one is an error, not another option, and its message is short."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but what a command does not know is its own error: the whole program cannot tell more."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown and not unknown[0].startswith("-"):
            self._refuse_excess([*(args or [])], unknown[0])
        if unknown:
            self._refuse_unknown(unknown)
        return known, unknown

    def _refuse_unknown(self, words: Sequence[str]) -> None:
        """Name the options that there are none of, without what stands behind them, and the nearest that there are."""
        flags = [word.partition("=")[0] for word in words if word.startswith("-")]
        near = [name for flag in flags for name in get_close_matches(flag, self._option_string_actions, n=1)]
        meant = f" (did you mean {' '.join(dict.fromkeys(near))}?)" if near else ""
        self.error(f"there is no option {' '.join(dict.fromkeys(flags))}{meant}")

    def _refuse_excess(self, args: Sequence[str], word: str) -> None:
        """Say which option a word too many stands behind: most often a pattern that the shell has expanded."""
        flags = [flag for flag in args[: _too_many(args, word)] if flag.startswith("--")]
        what = f"{flags[-1]} takes fewer values" if flags else f"{self.prog} takes fewer names"
        self.error(f"{what}, found {word} behind, too; put a pattern of names in quotes")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse's, with the nearest name where one is near."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = get_close_matches(str(value), [str(name) for name in action.choices or ()], n=1)
            if near:
                raise argparse.ArgumentError(action, f"there is no {value!r} (did you mean {near[0]}?)") from error
            raise

    def error(self, message: str) -> NoReturn:
        """End with the message alone: the usage of ``train`` fills a screen."""
        self.exit(ExitCode.USAGE, f"error: {message}. See {self.prog} --help\n")


def _too_many(args: Sequence[str], word: str) -> int:
    """Where among `args` the `word` stands that no option took: behind another value, if it is there twice."""
    places = [at for at, arg in enumerate(args) if arg == word]
    return next((at for at in places if at and not args[at - 1].startswith("--")), places[0] if places else 0)


def learners_in(argv: Sequence[str]) -> list[str]:
    """Learners whose options are there: those after ``--learners``, or named in an option; else the first there was."""
    found: list[str] = []
    for flag in ("--learners", "--learner"):
        for at in [at for at, word in enumerate(argv) if word == flag]:
            found += itertools.takewhile(lambda word: not word.startswith("-"), argv[at + 1 :])
        found += [word.partition("=")[2] for word in argv if word.startswith(f"{flag}=")]
    found += [word[2:].partition(".")[0].replace("-", "_") for word in argv if word.startswith("--") and "." in word]
    meant = [tried for name in found for tried in (TRIED if name == AUTO else (name,))]
    return [name for name in dict.fromkeys(meant) if name in LEARNERS] or [FORMER]


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
    titles = {name: section for section, names in kind.sections_of().items() for name in names}
    groups = {section: parser.add_argument_group(section) for section in dict.fromkeys(titles.values())}
    for name, field in kind.model_fields.items():
        if name in without or name == _SECTIONS:
            continue
        group = groups[titles[name]] if name in titles else parser
        _add_option(group, [f"--{name.replace('_', '-')}", *_ALSO.get(name, ())], name, field)


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
        if not value.startswith("@") and not (len(values) == 1 and is_file(file)):
            names.append(value)
            continue
        try:
            lines = read_utf8(file).splitlines()
        except (OSError, UnicodeError) as error:
            raise UsageError(f"{value} must be a readable list of names", str(error), "Check the path") from None
        names += [line.split("\t")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    return tuple(names)


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
