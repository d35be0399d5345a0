"""Loss by round of an ensemble's members on genes that they were not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import Matrix, Predictor
from meta_models.metrics import log_loss
from meta_models.model.single import SingleModel
from meta_models.result import FitRecord
from meta_models.schema import SpliceClass
from meta_models.training.fitting.one_vs_rest import FINAL
from meta_models.training.fitting.task import TrainingTask

#: Rounds, evenly spread up to the last, after which the loss is taken.
CHECKPOINTS = 12
#: Most rows that a member is watched on; every round of all of them costs half a prediction each.
WATCHED_ROWS = 3_000


def with_member_curves(
    task: TrainingTask,
    records: Sequence[FitRecord],
    models: Sequence[SingleModel],
    member_of_row: NDArray[np.int16],
    rows: NDArray[np.int64],
    sample: Matrix,
) -> list[FitRecord]:
    """`records`, those of the members with the log-loss on other members' rows.

    Parameters
    ----------
    models : sequence of SingleModel, (M,)
        The members, trained on the whole of their batches.
    member_of_row : ndarray of int16 (n_rows,)
        The member trained on each row.
    rows, sample : ndarray of int64 (n,) and of float32 (n, n_features)
        A uniform sample of the table: row numbers, and features with NaN where missing.
    """
    weights = task.training_weights
    found = []
    for record in records:
        if record.fold == FINAL and record.rounds and not record.held_out_curve:
            mine = np.flatnonzero(member_of_row[rows] != record.member)[:: max(1, len(rows) // WATCHED_ROWS)]
            if len(mine):
                truth = task.positions.labels[rows[mine]]
                weighted = None if weights is None else weights[rows[mine]]
                model = models[record.member]
                record = _watched(record, model.predictor, sample[mine], truth, weighted)
        found.append(record)
    return found


def _watched(
    record: FitRecord,
    predictor: Predictor,
    sample: Matrix,
    truth: NDArray[np.uint8],
    weights: NDArray[np.float32] | None,
) -> FitRecord:
    rounds = tuple(sorted({max(1, round(record.rounds * k / CHECKPOINTS)) for k in range(1, CHECKPOINTS + 1)}))
    curve = [_loss(predictor.at_stage(last).scores(sample), record.target, truth, weights) for last in rounds]
    return replace(record, held_out_curve=tuple(curve), held_out_rounds=rounds)


def _loss(
    scores: NDArray[np.float64],
    target: SpliceClass | None,
    truth: NDArray[np.uint8],
    weights: NDArray[np.float32] | None,
) -> float:
    """Log-loss of one class against the rest, or of all at once."""
    if target is not None:
        p = scores[:, target]
        scores, truth = np.column_stack([1 - p, p]), (truth == target).astype(np.uint8)
    loss = log_loss(truth, scores, weights).value
    if loss is None:
        raise AssertionError("watched rows have no weight")
    return loss
