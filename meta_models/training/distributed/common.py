"""What all shards know of the whole table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import FitJob, TrainingRows
from meta_models.learners.seam.tables import FeatureTable
from meta_models.training.fitting.inputs.motif_columns import MotifColumns, motif_columns
from meta_models.training.fitting.problem import audit_task
from meta_models.training.fitting.task import TrainingTask


class Common:
    """Bins and motif columns, made when the first shard needs them; the sample of rows that they need goes then.

    Parameters
    ----------
    sample : ndarray of float32 (n_sample, n_features), optional
        That of the task's audit, if it was taken already.
    each : sequence of FitJob
        One job of each fold.
    """

    def __init__(self, task: TrainingTask, sample: NDArray[np.float32] | None, each: Sequence[FitJob]) -> None:
        self._task, self._each = task, each
        self._sample = sample

    @cached_property
    def motifs(self) -> MotifColumns | None:
        """The motif columns of all folds; None where there are none."""
        fit = motif_columns(self._task, self._each)
        return None if fit is None else fit()

    @cached_property
    def made(self) -> NDArray[np.float32]:
        """What the learner makes of the sample."""
        task = self._task
        sample, self._sample = audit_task(task).sample if self._sample is None else self._sample, None
        rows = TrainingRows(task.dataset, task.features, sample, task.config.seed)
        widened = rows if self.motifs is None else self.motifs.rows(rows)
        return task.config.learner.sharded().common(widened, task.config.section)

    def rows(self, table: FeatureTable) -> TrainingRows:
        """The rows of a shard, without a sample and without motif columns."""
        features = self._task.features
        return TrainingRows(table, features, np.empty((0, len(features)), np.float32), self._task.config.seed)
