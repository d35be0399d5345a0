"""The trials of a search, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from meta_models.search.space import Value
from meta_models.wording import counted

#: Trials that ended before one may be given up, and folds that it is given in any case.
LEAST_ENDED, LEAST_FOLDS = 5, 2


class TrialState(StrEnum):
    """How a trial ended."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """One set of options, tried.

    Attributes
    ----------
    values : mapping of str to Value
        The options that are searched.
    folds : tuple of float
        Mean average precision of donor and acceptor in each fold, as far as it got.
    reason : str
        Why it failed.
    seconds : float
        Of its fits.
    """

    number: int
    learner: str
    values: Mapping[str, Value]
    state: TrialState
    folds: tuple[float, ...]
    reason: str = ""
    seconds: float = 0.0

    @property
    def height(self) -> float:
        """Its value for a figure: NaN where there is none."""
        return float("nan") if self.value is None else self.value

    @property
    def value(self) -> float | None:
        """Mean over its folds; None where it has none."""
        return float(np.mean(self.folds)) if self.folds else None

    def mean_after(self, folds: int) -> float:
        """Mean over its first `folds` folds."""
        return float(np.mean(self.folds[:folds]))


def gives_up(ended: Sequence[Trial], folds: Sequence[float]) -> bool:
    """Whether a trial with these folds is below the median of the complete ones after as many folds.

    References
    ----------
    Golovin et al., Google Vizier: a service for black-box optimization, KDD 2017 (median stopping rule). A fold here is
    no step of a learning curve: the mean over the folds so far is compared, and one fold alone decides nothing.
    """
    complete = [trial for trial in ended if trial.state is TrialState.COMPLETE]
    if len(complete) < LEAST_ENDED or len(folds) < LEAST_FOLDS:
        return False
    return bool(np.mean(folds) < np.median([trial.mean_after(len(folds)) for trial in complete]))


def winner_of(trials: Sequence[Trial]) -> Trial | None:
    """The complete trial of the highest mean, the first of equal ones; None where none is complete."""
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    return max(complete, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)


def start_of(trials: Sequence[Trial], learners: int) -> Trial:
    """The best of the first trials, those of each of the `learners` with the options given and else its defaults.

    A search of several learners is worth what it adds to the best of them without a search.
    """
    return winner_of(trials[:learners]) or trials[0]


def counts(trials: Sequence[Trial]) -> str:
    """How many there are, and how they ended."""
    found = [(state, sum(trial.state is state for trial in trials)) for state in TrialState]
    return f"{counted(len(trials), 'trial')}: {', '.join(f'{count} {state.value}' for state, count in found)}"


def trial_table(trials: Sequence[Trial], n_folds: int) -> pl.DataFrame:
    """One row per trial, in their order; an option stands under ``LEARNER.OPTION``."""
    options = dict.fromkeys(f"{trial.learner}.{name}" for trial in trials for name in trial.values)
    rows = [
        {
            "trial": trial.number,
            "learner": trial.learner,
            "state": trial.state.value,
            "value": trial.value,
            **{f"fold_{k}": trial.folds[k] if k < len(trial.folds) else None for k in range(n_folds)},
            **dict.fromkeys(options) | {f"{trial.learner}.{name}": value for name, value in trial.values.items()},
            "reason": trial.reason or None,
        }
        for trial in trials
    ]
    folds = [f"fold_{k}" for k in range(n_folds)]
    schema = {"reason": pl.String, "value": pl.Float64, **dict.fromkeys(folds, pl.Float64)}
    return pl.DataFrame(_as_text_where_mixed(rows), schema_overrides=schema, infer_schema_length=None)


def _as_text_where_mixed(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Options whose values are of several types, as text: a column has one type."""
    mixed = {
        name
        for name in (rows[0] if rows else {})
        if len({type(row[name]) for row in rows if row[name] is not None}) > 1
        and not all(isinstance(row[name], int | float) or row[name] is None for row in rows)
    }
    return [{n: str(v) if n in mixed and v is not None else v for n, v in row.items()} for row in rows]
