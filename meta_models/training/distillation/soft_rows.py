"""Scores of a teacher as labels: a row stands for each class that the teacher thinks possible, weighted by that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.schema import CLASSES
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.more_rows import columns_on_disk, extended, write_rows
from meta_models.training.fitting.task import TrainingTask

#: Probability below which the teacher thinks a class impossible.
LEAST = 1e-3


@dataclass(frozen=True)
class SoftRows:
    """Rows of a table, each for the class that is most probable, and copies of some for the other classes.

    Attributes
    ----------
    source : ndarray of int64 (n,)
        The row of the table; its own rows stand first, in their order.
    labels : ndarray of uint8 (n,)
    shares : ndarray of float32 (n,)
        Of the row's weight; those of a row sum to 1.
    """

    source: NDArray[np.int64]
    labels: NDArray[np.uint8]
    shares: NDArray[np.float32]

    @classmethod
    def of(cls, probabilities: NDArray[np.floating]) -> SoftRows:
        """Those that say the same as `probabilities` (n_rows, 3), but for what is below `LEAST`.

        The weighted log-loss of any scores on them is the cross-entropy with the probabilities.
        """
        kept = np.where(probabilities >= LEAST, probabilities, 0.0).astype(np.float64)
        best = probabilities.argmax(axis=1)
        kept[np.arange(len(kept)), best] = probabilities[np.arange(len(kept)), best]
        kept /= kept.sum(axis=1, keepdims=True)
        others = [np.flatnonzero((kept[:, k] > 0) & (best != k)) for k in CLASSES]
        source = np.concatenate([np.arange(len(kept)), *others])
        labels = np.concatenate([best, *(np.full(len(rows), k) for k, rows in zip(CLASSES, others, strict=True))])
        return cls(source, labels.astype(np.uint8), kept[source, labels].astype(np.float32))

    @property
    def copies(self) -> NDArray[np.int64]:
        """Rows of the table that stand again, in the order in which they do."""
        return self.source[self.n_rows :]

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return int(self.source.max()) + 1

    def weights(self, task: TrainingTask) -> NDArray[np.float32]:
        """What the rows count in training, (n,)."""
        given = task.training_weights
        return self.shares if given is None else given[self.source] * self.shares

    def task(self, task: TrainingTask, folder: Path) -> TrainingTask:
        """`task` with these rows, whose copies are written into `folder`."""
        dataset = task.dataset
        for k in CLASSES:
            rows = self.copies[self.labels[self.n_rows :] == k]
            if len(rows):
                chosen = np.zeros(self.n_rows, bool)
                chosen[rows] = True
                path = folder / f"copies-{k.label}.parquet"
                write_rows(path, task.dataset.with_rows(chosen), columns_on_disk(task))
                dataset = extended(dataset, path, len(rows))
        frame = task.positions.frame[self.source].with_columns(label=pl.Series(self.labels))
        digest = hashlib.sha256(self.labels.tobytes() + self.shares.tobytes()).hexdigest()
        positions = replace(task.positions, frame=frame)
        return replace(task, dataset=dataset, positions=positions, input_hashes=(*task.input_hashes, digest))

    def folds(self, folds: Folds) -> Folds:
        """The folds of these rows: those of their sources."""
        return Folds(folds.of_row[self.source], folds.groups[self.source], folds.genes[self.source])
