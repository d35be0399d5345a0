"""Which rows of a table the stages of a file are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError, UsageError
from meta_models.model.calibrators import normalise
from meta_models.schema import CLASSES, SpliceClass
from meta_models.training.stages.file import Plain, Span, Stage

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
_SCAN_ROWS, _SHOWN, _LEAST = 262_144, 8, 1e-9


@dataclass(frozen=True)
class StageRows:
    """A stage, and the rows (n_rows,) that its columns name; all where it names none."""

    stage: Stage
    stratum: Bools

    def chosen(self, train: Bools, first: FirstScores | None) -> Bools:
        """The rows (n_rows,) of the stage among those that are trained on.

        Parameters
        ----------
        first : FirstScores or None
            What the first training says of `train`; None where the stage does not look at it.
        """
        stage, found = self.stage, train & self.stratum
        if first is None:
            return found
        for values, span in ((first.losses, stage.loss), (first.sites, stage.score)):
            found &= True if span is None else _within(values, span)
        return found if stage.hardest is None else hardest(first.losses, found, stage.hardest)


@dataclass(frozen=True)
class FirstScores:
    """What the first training says of rows that it did not see.

    Attributes
    ----------
    losses : ndarray of float64 (n_rows,)
        Log-loss of each row, in nats.
    sites : ndarray of float64 (n_rows,)
        Probability that it is a site of either kind.
    """

    losses: Floats
    sites: Floats

    @classmethod
    def of(cls, scores: Floats, labels: NDArray[np.integer]) -> FirstScores:
        """Of scores (n_rows, K), before normalisation."""
        probabilities = normalise(scores, zeros_mean=SpliceClass.NEITHER)
        own = probabilities[np.arange(len(labels)), labels]
        return cls(-np.log(np.maximum(own, _LEAST)), 1 - probabilities[:, SpliceClass.NEITHER])


def hardest(losses: Floats, rows: Bools, share: float) -> Bools:
    """Which of the `rows` (n,) are of the `share` with the largest losses: at least one; of equal ones the first."""
    numbers = np.flatnonzero(rows)
    count = max(1, round(share * len(numbers)))
    found = np.zeros(len(losses), bool)
    found[numbers[np.argsort(-losses[numbers], kind="stable")[:count]]] = True
    return found


def stage_rows(stages: Sequence[Stage], dataset: Dataset) -> tuple[StageRows, ...]:
    """The stages with the rows that their columns name.

    Raises
    ------
    UsageError
        If a column is not in the table, or cannot be what is asked of it.
    InputError
        If no row is what a stage asks for.
    """
    names = list(dict.fromkeys(name for stage in stages for name in stage.where))
    for name in names:
        _require_column(name, dataset)
    columns = _columns(names, dataset)
    return tuple(StageRows(stage, _stratum(number, stage, columns, dataset)) for number, stage in enumerate(stages, 1))


def require_classes(labels: NDArray[np.integer], rows: Bools, stage: StageRows, number: int, whose: str) -> None:
    """Raise InputError where the `rows` (n_rows,) of a stage lack a class, and no others are trained on beside them."""
    counts = np.bincount(labels[rows], minlength=len(CLASSES))
    if rows.any() and (counts.min() > 0 or stage.stage.others):
        return
    raise InputError(
        f"--stages: stage {number} needs rows of every class to train on",
        f"Of {whose} it has {', '.join(f'{count:,} {c.label}' for c, count in zip(CLASSES, counts, strict=True))}",
        "Take more rows, or keep the others with a lower weight (others: 0.25)",
    )


def _require_column(name: str, dataset: Dataset) -> None:
    if name not in dataset.columns:
        near = ", ".join(get_close_matches(name, dataset.columns, n=3))
        raise UsageError(
            f"--stages: where names columns of the table, and {name!r} is none of {dataset.source!r}",
            f"It has {len(dataset.columns)}{f', such as {near}' if near else ''}", "Name one of them",
        )  # fmt: skip
    if dataset.kind(name) is Kind.OTHER:
        raise UsageError(f"--stages: {name!r} must hold text or numbers", f"It holds {dataset.dtype(name)}")


def _columns(names: Sequence[str], dataset: Dataset) -> Mapping[str, pl.Series]:
    if not names:
        return {}
    kinds = {name: pl.String if dataset.kind(name) is Kind.STRING else pl.Float64 for name in names}
    frame = pl.concat(dataset.iter_frames([pl.col(name).cast(kind) for name, kind in kinds.items()], _SCAN_ROWS))
    return {name: frame[name] for name in names}


def _stratum(number: int, stage: Stage, columns: Mapping[str, pl.Series], dataset: Dataset) -> Bools:
    found = np.ones(dataset.n_rows, bool)
    for name, wanted in stage.where.items():
        mask = _meets(columns[name], wanted, text=dataset.kind(name) is Kind.STRING)
        if not mask.any():
            raise InputError(
                f"--stages: stage {number} needs rows where {Stage(where={name: wanted}).text}",
                f"Column {name!r} of {dataset.source!r} has none: {_values_of(columns[name])}", "Correct the file",
            )  # fmt: skip
        found &= mask
    if not found.any():
        raise InputError(
            f"--stages: stage {number} needs rows where {stage.text}", "No row is all of that", "Correct the file"
        )
    return found


def _meets(values: pl.Series, wanted: Span | tuple[Plain, ...], *, text: bool) -> Bools:
    """Which `values` (n,) are as `wanted`; one that is missing is not.

    Raises
    ------
    UsageError
        If bounds are given for text, or text for numbers.
    """
    if text and isinstance(wanted, Span):
        raise UsageError(f"--stages: {values.name!r} has no bounds", "It holds text", "Give its values")
    if isinstance(wanted, Span):
        return _within(values.to_numpy(), wanted)
    if not text and (odd := [value for value in wanted if isinstance(value, str)]):
        raise UsageError(f"--stages: {values.name!r} must be a number", f"Found {odd[0]!r}", "Correct the file")
    known = [str(value) if text else float(value) for value in wanted]
    return np.asarray(values.is_in(known).fill_null(value=False).to_numpy())


def _within(values: NDArray[np.floating], span: Span) -> Bools:
    """Which `values` (n,) lie between the bounds; NaN does not."""
    low, high = span.bounds
    return np.asarray((values >= low) & (values <= high))


def _values_of(values: pl.Series) -> str:
    """What a column holds, for a message."""
    if values.dtype != pl.String:
        return f"it goes from {values.min()!r} to {values.max()!r}"
    counts = values.drop_nulls().value_counts().sort("count", values.name, descending=[True, False])
    shown = ", ".join(f"{name!r}" for name in counts[values.name].head(_SHOWN))
    return f"it holds {shown}" + (f" and {counts.height - _SHOWN} more" if counts.height > _SHOWN else "")
