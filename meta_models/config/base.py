"""What every configuration is: frozen, validated, read from YAML. What a field is for stands on the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meta_models.errors import UsageError
from meta_models.yaml_files import asked_for

PositiveInt = Annotated[int, Field(ge=1)]
#: 10^9 bytes; more than 10^15 bytes no machine has.
GigaBytes = Annotated[float, Field(gt=0, le=1e6)]
Share = Annotated[float, Field(gt=0, le=1)]
Value = TypeVar("Value")


class Scope(StrEnum):
    """What a field is for.

    ``start``: how this one run is started; another one that is told the same writes elsewhere, and wipes nothing.
    ``unit``: changes what a checkpointed unit becomes. ``model``: changes the model, but no unit that is kept.
    ``analysis``: what is looked at afterwards. ``resources``: what a run may use.
    """

    START = "start"
    UNIT = "unit"
    MODEL = "model"
    ANALYSIS = "analysis"
    RESOURCES = "resources"


OfStart = Annotated[Value, Scope.START]
OfUnit = Annotated[Value, Scope.UNIT]
OfModel = Annotated[Value, Scope.MODEL]
OfAnalysis = Annotated[Value, Scope.ANALYSIS]
OfResources = Annotated[Value, Scope.RESOURCES]


@dataclass(frozen=True)
class ValueNames:
    """What the values of an option are called in the help; in the ``Annotated`` type of a field."""

    names: tuple[str, ...]


class Configuration(BaseModel):
    """What a command is told: frozen and validated.

    Each field is an option of the command (``max_depth`` is ``--max-depth``) and a key of ``--config FILE``. Unknown
    keys are refused. In a file options may stand under the name of their section: ``validation: {n_folds: 3}``.

    Attributes
    ----------
    SECTION : str
        What the options that a class adds are called together; empty where they have no name.
    """

    SECTION: ClassVar[str] = ""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Validate `values`.

        Raises
        ------
        UsageError
            With one line for each unknown key and each bad value.
        """
        try:
            return cls(**cls.ungrouped(values))
        except ValidationError as error:
            lines = "; ".join(error_lines(error, cls.names()))
            raise UsageError("The configuration must be valid", lines, "See --help for the options") from None

    @classmethod
    def read_yaml(cls, path: Path, needed_by: str = "--config") -> dict[str, Any]:
        """The mapping in a YAML (or JSON) file.

        Of the ``run_manifest.json`` of an earlier run it is the ``config``, without ``out_dir``, ``overwrite``,
        ``resume`` and ``dry_run``: what was meant for that run would overwrite it.

        Parameters
        ----------
        needed_by : str
            Who asks for it, in messages.

        Raises
        ------
        UsageError
            If the file cannot be read, holds no mapping, or gives an option twice, also under two names.
        """
        values = asked_for(path, needed_by)
        from_run = isinstance(values, dict) and {"config", "format_version"} <= values.keys()
        values = values["config"] if from_run else values
        if not isinstance(values, dict):
            raise UsageError(f"{needed_by} needs keys and values, found {type(values).__name__} in {path}")
        named = cls.ungrouped(plain_names(values))
        require_once(cls.full_names(named), str(path))
        return {name: value for name, value in named.items() if not (from_run and name in cls.of(Scope.START))}

    @classmethod
    def sections_of(cls) -> dict[str, tuple[str, ...]]:
        """Names of the options in each section, in the order of the fields."""
        own = {vars(kind)["SECTION"]: kind.__annotations__ for kind in cls.__mro__ if vars(kind).get("SECTION")}
        names = {name: [field for field in cls.model_fields if field in fields] for name, fields in own.items()}
        return {name: tuple(found) for name, found in reversed(names.items())}

    @classmethod
    def ungrouped(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """`values` with what stands under the name of a section beside the rest.

        Raises
        ------
        UsageError
            If a section has an option that is not of it, or one that is given beside it, too.
        """
        sections = cls.sections_of()
        found = {name: value for name, value in values.items() if name not in sections}
        for section in sections.keys() & values.keys():
            named = _of_section(section, values[section], sections[section], found)
            if odd := [name for name in named if name not in sections[section]]:
                raise _misplaced(section, odd[0], sections[section], cls.homes())
            found |= named
        return found

    @classmethod
    def homes(cls) -> dict[str, str]:
        """The section that each option may stand in."""
        return {name: section for section, names in cls.sections_of().items() for name in names}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Every key that a mapping of options may have."""
        homes = cls.homes()
        return tuple(dict.fromkeys((*cls.model_fields, *homes, *homes.values())))

    @classmethod
    def full_names(cls, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The options that `values` give, each by one name, whichever of its names it is given by."""
        return tuple(values)

    @classmethod
    def of(cls, *scopes: Scope) -> tuple[str, ...]:
        """Names of the fields that are for any of `scopes`, in the order of the fields."""
        return tuple(name for name, field in cls.model_fields.items() if any(note in scopes for note in field.metadata))


def plain_names(values: Mapping[Any, Any]) -> dict[str, Any]:
    """`values` by the names of options as fields have them.

    Raises
    ------
    UsageError
        If one stands there with ``-`` and with ``_``.
    """
    if twice := sorted(str(key) for key in values if "-" in str(key) and str(key).replace("-", "_") in values):
        raise UsageError("Each option must stand once", f"Found {', '.join(twice)} also with '_'")
    return {str(key).replace("-", "_"): value for key, value in values.items()}


def require_once(names: Sequence[str], where: str) -> None:
    """See that each of the `names` of options, as `Configuration.full_names` has them, stands there once.

    Raises
    ------
    UsageError
        With those that stand `where` in several ways.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            "Each option must be given once", f"Found {', '.join(twice)} in two ways in {where}", "Keep one"
        )


def _of_section(section: str, given: Any, known: Sequence[str], beside: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise UsageError(f"Section {section} must hold options", f"Found {given!r}", f"It has {', '.join(known)}")
    named = plain_names(given)
    if twice := [name for name in named if name in beside]:
        raise UsageError(
            f"{twice[0]} must be given once", f"Found it in section {section} and outside", "Leave one out"
        )
    return named


def _misplaced(section: str, name: str, known: Sequence[str], homes: Mapping[str, str]) -> UsageError:
    """The error for an option under the name of a section that has none of that name."""
    near = get_close_matches(name, known, n=1)
    action = f"Did you mean {near[0]}" if near else f"It has {', '.join(known)}"
    if name in homes:
        action = f"{name} belongs to {homes[name]}: write it there, or beside the sections"
    return UsageError(f"Section {section} must hold its options", f"Found {section}.{name}", action)


#: Instead of what pydantic says of errors of these types.
_MESSAGES = {"extra_forbidden": "there is no such option", "missing": "must be given"}


def error_lines(error: ValidationError, known: Sequence[str], section: str = "") -> list[str]:
    """One line for each bad value: the key, the flag that is derived from it, what is wrong and what was found.

    Parameters
    ----------
    known : sequence of str
        The keys that there are: the nearest is named for one that there is not.
    section : str
        Name of the section that the keys belong to.
    """
    return [
        ": ".join(filter(None, [_option(e, section), f"{_message(e)}{_meant(e, known)}{_found(e)}"]))
        for e in error.errors()
    ]


def _meant(error: Any, known: Sequence[str]) -> str:
    """The nearest key to one that there is not."""
    near = get_close_matches(str(error["loc"][-1]), known, n=1) if error["type"] == "extra_forbidden" else []
    return f" (did you mean {near[0]}?)" if near else ""


def _message(error: Any) -> str:
    """What is wrong, without pydantic's name for the kind of error where the words are ours."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return str(_MESSAGES.get(error["type"], error["msg"]))


def _option(error: Any, section: str) -> str:
    """Where an error is: a key of ``--config``, and the flag that is derived from it."""
    where = ".".join(filter(None, [section, *map(str, error["loc"])]))
    return where if error["type"] == "extra_forbidden" or not where else f"{where} (--{where.replace('_', '-')})"


def _found(error: Any) -> str:
    """The bad value, where one value is bad."""
    if not error["loc"] or error["type"] == "missing":
        return ""
    text = repr(error.get("input"))
    return f" (found {text if len(text) <= 60 else text[:57] + '...'})"
