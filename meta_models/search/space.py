"""Where a search may look: the ranges that stand on the fields of each learner, and what a file says instead."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from meta_models.config.base import error_lines, plain_names
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import LearnerConfig, Tune
from meta_models.search.options import TuneConfig
from meta_models.yaml_files import asked_for

#: Value of an option.
Value: TypeAlias = "str | int | float | bool | None"
_EXAMPLE = "xgboost: {max_depth: {low: 3, high: 8}, subsample: [0.5, 0.8], max_bin: 128}"
_DIGITS = 4


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both inclusive; whole ones where `integer`; drawn on a log scale where `log`."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def contains(self, value: Value) -> bool:
        """Whether `value` may be drawn."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= float(value or 0) <= self.high

    def rounded(self, value: float) -> Value:
        """`value` with four digits, so that what is tried is what people read and write."""
        if self.integer:
            return int(value)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)

    def plain(self) -> dict[str, Any]:
        """As it stands in a file."""
        low, high = (int(v) if self.integer else v for v in (self.low, self.high))
        return {"low": low, "high": high, **({"log": True} if self.log else {})}


@dataclass(frozen=True)
class Choices:
    """One of some values."""

    values: tuple[Value, ...]

    def contains(self, value: Value) -> bool:
        """Whether `value` may be drawn."""
        return value in self.values

    def plain(self) -> list[Value]:
        """As it stands in a file."""
        return list(self.values)


@dataclass(frozen=True)
class Parameter:
    """An option that is searched; it counts only `when` another has a certain value, where that is said."""

    name: str
    domain: Range | Choices
    when: tuple[str, str] | None = None

    def counting(self, value: Value) -> dict[str, Value]:
        """The option with a `value`, and that of the other with which it counts."""
        return {self.name: value} if self.when is None else {self.when[0]: self.when[1], self.name: value}


@dataclass(frozen=True)
class LearnerSpace:
    """What is searched of one learner.

    Attributes
    ----------
    base : LearnerConfig
        Options that are not searched, and the default values of those that are.
    """

    learner: str
    base: LearnerConfig
    parameters: tuple[Parameter, ...]

    def active(self, values: Mapping[str, Value], parameter: Parameter) -> bool:
        """Whether `parameter` counts beside the `values` of those before it."""
        if parameter.when is None:
            return True
        name, wanted = parameter.when
        return bool(values.get(name, getattr(self.base, name)) == wanted)

    def section(self, values: Mapping[str, Value]) -> LearnerConfig:
        """The learner's options with `values`."""
        return type(self.base)(**{**self.base.model_dump(), **values})

    @property
    def default(self) -> dict[str, Value]:
        """The values that the options have without a search."""
        return {p.name: getattr(self.base, p.name) for p in self.parameters if self.active({}, p)}

    @property
    def largest(self) -> LearnerConfig:
        """The options with the greatest value of each range: what memory is reckoned by."""
        high = dict[str, Value]()
        for parameter in self.parameters:
            if isinstance(parameter.domain, Range):
                high |= parameter.counting(parameter.domain.rounded(parameter.domain.high))
        return self.section(high)

    def plain(self) -> dict[str, Any]:
        """As it stands in a file: every option, searched or not."""
        fixed = self.base.model_dump(mode="json")
        return {**fixed, **{p.name: p.domain.plain() for p in self.parameters}}


def read_space(config: TuneConfig) -> dict[str, LearnerSpace]:
    """What is searched of each learner of `config`, in their order.

    Raises
    ------
    UsageError
        If ``--space`` is wrong, or leaves nothing to be searched.
    """
    given = {} if config.space is None else _read(config.space)
    if odd := [name for name in given if name not in config.learners]:
        raise _unknown(f"--space may name the learners that are searched: {', '.join(config.learners)}", odd[0],
                       config.learners)  # fmt: skip
    spaces = {name: _learner_space(name, config.sections[name], given.get(name, {})) for name in config.learners}
    if not any(space.parameters for space in spaces.values()) and len(spaces) == 1:
        raise UsageError(
            "A search needs an option with a range",
            f"All options of {' and '.join(spaces)} are fixed",
            "Give fewer of them, or ranges with --space",
        )
    return spaces


def space_text(spaces: Mapping[str, LearnerSpace]) -> str:
    """`spaces` as a file that ``--space`` takes."""
    return yaml.safe_dump({name: space.plain() for name, space in spaces.items()}, sort_keys=False)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    content = asked_for(path, "--space")
    whole = isinstance(content, dict) and all(isinstance(options, dict) for options in content.values())
    if not whole or not content:
        raise UsageError(
            "--space needs options under the names of learners",
            f"Found {content!r:.60} in {path}",
            f"Such as {_EXAMPLE}",
        )
    return plain_names(content)


def _learner_space(name: str, section: LearnerConfig, given: Mapping[str, Any]) -> LearnerSpace:
    fields = LEARNERS[name].Config.model_fields
    told = plain_names(given)
    if odd := [option for option in told if option not in fields]:
        raise _unknown(f"{name} has the options {', '.join(fields)}", odd[0], fields)
    fixed = {option: value for option, value in told.items() if not isinstance(value, dict | list)}
    base = _section(section, fixed, name)
    parameters = tuple(_parameters(name, base, {o: v for o, v in told.items() if o not in fixed}))
    space = LearnerSpace(name, base, parameters)
    for parameter in parameters:
        for value in _ends(parameter.domain):
            _section(base, parameter.counting(value), name)
    return space


def _parameters(name: str, base: LearnerConfig, told: Mapping[str, Any]) -> Iterator[Parameter]:
    """What is searched, in the order of the fields: an option comes after the one that it depends on."""
    for option, field in LEARNERS[name].Config.model_fields.items():
        tune = next((note for note in field.metadata if isinstance(note, Tune)), None)
        when = None if tune is None else tune.when
        if option in told:
            yield Parameter(option, _domain(f"{name}.{option}", field, told[option]), when)
        elif tune is not None and option not in base.model_fields_set and _possible(base, when, told):
            yield Parameter(option, Range(tune.low, tune.high, tune.log, field.annotation is int), when)


def _possible(base: LearnerConfig, when: tuple[str, str] | None, told: Mapping[str, Any]) -> bool:
    """Whether an option that counts `when` another has a value may ever count."""
    return when is None or when[0] in told or getattr(base, when[0]) == when[1]


def _domain(option: str, field: FieldInfo, given: Any) -> Range | Choices:
    if isinstance(given, list):
        return _choices(option, given)
    if not {"low", "high"} <= set(given) <= {"low", "high", "log"}:
        raise UsageError(f"--space: a range of {option} has low, high and log", f"Found {given}", f"Such as {_EXAMPLE}")
    low, high, log, integer = given["low"], given["high"], given.get("log", False), field.annotation is int
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in (low, high))
    if not numbers or low >= high or not isinstance(log, bool) or (log and low <= 0):
        expected = f"--space: the range of {option} needs numbers, low below high" + (", low above 0" if log else "")
        raise UsageError(expected, f"Found {given}", f"Such as {_EXAMPLE}")
    if integer and not all(float(v).is_integer() for v in (low, high)):
        raise UsageError(f"--space: {option} takes whole numbers", f"Found {given}", f"Such as {_EXAMPLE}")
    return Range(low, high, log, integer)


def _choices(option: str, given: list[Any]) -> Choices:
    plain = all(value is None or isinstance(value, str | int | float | bool) for value in given)
    if len(given) < 2 or not plain or len(set(map(repr, given))) < len(given):
        raise UsageError(f"--space: {option} needs two values or more, each once", f"Found {given}")
    return Choices(tuple(given))


def _ends(domain: Range | Choices) -> tuple[Value, ...]:
    if isinstance(domain, Choices):
        return domain.values
    return domain.rounded(domain.low), domain.rounded(domain.high)


def _section(section: LearnerConfig, values: Mapping[str, Value], name: str) -> LearnerConfig:
    """`section` with `values`; what was given for it stays what was given."""
    given = {option: getattr(section, option) for option in section.model_fields_set}
    try:
        return type(section)(**{**given, **values})
    except ValidationError as error:
        lines = error_lines(error, tuple(type(section).model_fields), name)
        raise UsageError("--space must keep to what the options may be", "; ".join(lines)) from None


def _unknown(expected: str, found: str, names: Any) -> UsageError:
    near = get_close_matches(found, list(names), n=1)
    return UsageError(f"--space: {expected}", f"Found {found!r}", f"Perhaps {near[0]!r} was meant" if near else "")
