"""Sketches of the features as they were in training, for the model file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta_models.model.sketches import FeatureSketch, sketch_features
from meta_models.schema import GENE
from meta_models.training.fitting.problem import highest_scores
from meta_models.training.fitting.rows.audit import Audit, rows_stood_for
from meta_models.training.fitting.task import TrainingTask

#: Rows that a `RowSample` keeps.
SAMPLE_ROWS = 10_000
#: Most of the rows that set the bins, half of them with high base scores, that sketches are taken from.
AUDITED_ROWS = 20_000


def sketch_audit(task: TrainingTask, audit: Audit) -> dict[str, FeatureSketch]:
    """Sketches from the rows that set the bins, weighted so that they stand for the positions of the genes."""
    some = slice(None, None, -(-len(audit.rows) // AUDITED_ROWS))
    return _sketches(task, audit.sample[some], audit.rows[some], rows_stood_for(highest_scores(task), audit.rows)[some])


class RowSample:
    """A uniform sample of rows, taken while the table is streamed for another purpose.

    Attributes
    ----------
    rows : ndarray of int64 (n,)
        Their numbers, rising.
    features : ndarray of float32 (n, n_features)
        NaN where missing; whole once every row was passed.
    """

    def __init__(self, task: TrainingTask) -> None:
        self._task = task
        n_rows = task.dataset.n_rows
        drawn = np.random.default_rng(task.config.seed).choice(n_rows, min(SAMPLE_ROWS, n_rows), replace=False)
        self.rows = np.sort(drawn)
        self.features = np.empty((len(drawn), len(task.features)), np.float32)

    def add(self, first: int, chunk: NDArray[np.float32]) -> None:
        """Take what belongs to the sample from `chunk` (n, n_features), NaN where missing; it starts at row `first`."""
        start, stop = np.searchsorted(self.rows, (first, first + len(chunk)))
        self.features[start:stop] = chunk[self.rows[start:stop] - first]

    def sketches(self) -> dict[str, FeatureSketch]:
        """The sketches, once every row was passed."""
        return _sketches(self._task, self.features, self.rows, np.ones(len(self.rows)))


def _sketches(
    task: TrainingTask, sample: NDArray[np.float32], rows: NDArray[np.int64], stood_for: NDArray[np.float64]
) -> dict[str, FeatureSketch]:
    dtypes = [task.dataset.dtype(name) for name in task.features]
    return sketch_features(
        sample,
        task.features,
        dtypes,
        weights=task.positions.weights[rows] * stood_for,
        genes=task.positions.codes(GENE)[rows],
    )
