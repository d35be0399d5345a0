"""Quality gates: what a finished run must fulfil before somebody relies on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from meta_models.errors import UsageError
from meta_models.experiments.comparison.measures import MEASURES, Measured
from meta_models.finished_run import FinishedRun
from meta_models.yaml_files import asked_for

_EXAMPLE = "- {gate: overfitting, at_most: 1.05}"
#: Instead of what pydantic says of errors of these types.
_MESSAGES = {
    "list_type": "must be a list of entries",
    "model_type": "must have the key gate",
    "missing": "must have the key gate",
}
_Bound = Annotated[float | None, Field(allow_inf_nan=False)]


class GateStatus(StrEnum):
    """How a gate ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


class Gate(BaseModel):
    """One entry of ``gates.yaml``; without a limit it has the default of its name.

    Attributes
    ----------
    gate : str
        Name in :data:`meta_models.experiments.comparison.measures.MEASURES`.
    above, at_least, at_most : float or None
        The figure must keep all of those that are given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    above: _Bound = None
    at_least: _Bound = None
    at_most: _Bound = None

    @field_validator("gate")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in MEASURES:
            near = get_close_matches(name, MEASURES, n=1)
            meant = f", did you mean {near[0]}?" if near else "."
            raise ValueError(f"there is no gate {name}{meant} There are {', '.join(MEASURES)}")
        return name

    @model_validator(mode="after")
    def _possible(self) -> Self:
        low = max((bound for bound in (self.above, self.at_least) if bound is not None), default=-math.inf)
        if self.at_most is not None and (low > self.at_most or self.at_most == self.above):
            raise ValueError(f"no value is {self.wanted}")
        return self

    @property
    def limits(self) -> dict[str, float]:
        """The limits by name."""
        given = {name: getattr(self, name) for name in ("above", "at_least", "at_most")}
        return {name: bound for name, bound in given.items() if bound is not None} or dict(MEASURES[self.gate].limits)

    @property
    def wanted(self) -> str:
        """The limits in words."""
        return " and ".join(f"{name.replace('_', ' ')} {bound:.15g}" for name, bound in self.limits.items())

    def shown(self, value: float) -> str:
        """`value` with as many decimals, four at least, as show on which side of the limits it lies."""
        sign, kept = "+" if MEASURES[self.gate].signed else "", self.kept_by(value)
        if value.is_integer():
            return f"{value:{sign},.0f}"
        texts = (f"{value:{sign}.{digits}f}" for digits in range(4, 17))
        return next((text for text in texts if self.kept_by(float(text)) == kept), repr(value))

    def kept_by(self, value: float) -> bool:
        """Whether `value` keeps the limits."""
        limits = self.limits
        return (
            value > limits.get("above", -float("inf"))
            and value >= limits.get("at_least", -float("inf"))
            and value <= limits.get("at_most", float("inf"))
        )


@dataclass(frozen=True)
class GateResult:
    """Returned by :func:`pass_gates`.

    Attributes
    ----------
    figure : str
        What the value that is compared is called.
    value : float or None
        It; None where there is none.
    shown : str
        It for people, with as many decimals as show on which side of the limit it lies.
    limit : str
        What it must keep, in words.
    text : str
        What it is made of, or why there is none.
    """

    gate: str
    status: GateStatus
    figure: str
    value: float | None
    shown: str
    limit: str
    text: str

    def said(self) -> str:
        """The value beside its limit, and what it is made of."""
        if self.status is GateStatus.NOT_APPLICABLE:
            return f"{self.gate}: {self.text}"
        if self.value is None:
            return f"{self.gate}: {self.text}; wanted {self.figure} {self.limit}"
        return f"{self.gate}: {self.figure} {self.shown}, wanted {self.limit} ({self.text})"

    def line(self) -> str:
        """For the terminal."""
        return f"{self.status.value:<15} {self.said()}"


def read_gates(path: Path | None) -> tuple[Gate, ...]:
    """The gates in a YAML list; all gates with their default limits without a file.

    Raises
    ------
    UsageError
        If the file cannot be read, an entry is wrong, or a gate stands there twice.
    """
    if path is None:
        return tuple(Gate(gate=name) for name in MEASURES)
    try:
        gates = TypeAdapter(list[Gate]).validate_python(asked_for(path, "--gates"))
    except ValidationError as error:
        found = "; ".join(map(_line, error.errors()))
        raise UsageError("--gates needs a YAML list of gates", found, f"An entry looks like this: {_EXAMPLE}") from None
    names = [gate.gate for gate in gates]
    if not names or len(set(names)) < len(names):
        found = "an empty list" if not names else f"a gate twice among {', '.join(names)}"
        raise UsageError("--gates needs a YAML list of gates, each once", f"Found {found}")
    return tuple(gates)


def _line(error: Any) -> str:
    """What is wrong with an entry, by its number, from 1."""
    number, *keys = error["loc"] or (None,)
    where = "The file" if number is None else f"Entry {number + 1}"
    found = f"(found {str(error['input'])[:60]!r})"
    if error["type"] == "extra_forbidden":
        near = get_close_matches(str(keys[-1]), Gate.model_fields, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(Gate.model_fields)}"
        return f"{where}: there is no {keys[-1]} ({meant})"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    said = _MESSAGES.get(error["type"])
    told = ": ".join([where, *map(str, keys), error["msg"]])
    return f"{told if said is None else f'{where} {said}'} {found}"


def pass_gates(run: FinishedRun, gates: Sequence[Gate]) -> tuple[GateResult, ...]:
    """Look at every gate of a run, in the order given.

    Raises
    ------
    InputError
        If a file that a gate looks at is not as the run wrote it.
    """
    return tuple(_result(gate, MEASURES[gate.gate].measure(run)) for gate in gates)


def gate_table(results: Sequence[GateResult]) -> pl.DataFrame:
    """One row per gate."""
    names = ("gate", "status", "figure", "value", "limit", "text")
    schema = {name: pl.Float64 if name == "value" else pl.String for name in names}
    return pl.DataFrame([[getattr(r, name) for name in names] for r in results], schema=schema, orient="row")


def failed(results: Sequence[GateResult]) -> list[GateResult]:
    """Those that failed."""
    return [result for result in results if result.status is GateStatus.FAILED]


def _result(gate: Gate, found: Measured) -> GateResult:
    measure, status = MEASURES[gate.gate], GateStatus.NOT_APPLICABLE
    if found.applicable:
        kept = found.value is not None and gate.kept_by(found.value)
        status = GateStatus.PASSED if kept else GateStatus.FAILED
    shown = "" if found.value is None else gate.shown(found.value)
    return GateResult(gate.gate, status, measure.figure, found.value, shown, gate.wanted, found.text)
