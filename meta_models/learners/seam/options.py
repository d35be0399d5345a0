"""Options of a learner, and where a search may look for their values."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Tune:
    """Where a search may look for the value of a field; in its ``Annotated`` type.

    Attributes
    ----------
    low, high : float
        Least and greatest value, both inclusive.
    log : bool
        Whether to draw on a logarithmic scale.
    when : tuple of (str, str) or None
        Another field and the value that it must have for this one to count: else there is nothing to be searched.
    """

    low: float
    high: float
    log: bool = False
    when: tuple[str, str] | None = None


class LearnerConfig(BaseModel):
    """The options of a learner: each field has a description, and `Tune` where a search may vary it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
