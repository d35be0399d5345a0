"""Scores of members over the whole table, streamed; who may score which row is settled here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import Matrix
from meta_models.metrics import accuracy, decided, log_loss, mean_site_ap
from meta_models.model.calibrators import normalise
from meta_models.model.single import SingleModel
from meta_models.progress import Progress
from meta_models.result import ScoreFigures
from meta_models.schema import CLASSES
from meta_models.training.combination.hierarchy import Hierarchy
from meta_models.training.fitting.sketches import RowSample
from meta_models.training.fitting.task import TrainingTask

Scores = NDArray[np.float32]
Codes = NDArray[np.int16]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class UnseenScores:
    """Scores of models on genes that they know nothing of.

    Attributes
    ----------
    scores : ndarray of float32 (M, n_rows, 3)
        One-vs-rest scores of each member; NaN where it may not score a row.
    missing : ndarray of int64 (n_features,)
        Missing values of each feature of the table.
    sample : RowSample
        Rows of the table, whole.
    """

    scores: Scores
    missing: NDArray[np.int64]
    sample: RowSample


@dataclass(frozen=True)
class SeenScores:
    """Uncalibrated probabilities of models on the genes that they were trained on.

    Attributes
    ----------
    own : ndarray of float32 (n_rows, 3)
        Of the member that was trained on the row's gene; NaN where none was.
    ensemble : ndarray of float32 (n_rows, 3)
        Of the finished ensemble.
    """

    own: Scores
    ensemble: Scores

    @classmethod
    def empty(cls, n_rows: int) -> SeenScores:
        """NaN everywhere."""
        shape = (n_rows, len(CLASSES))
        return cls(np.full(shape, np.nan, np.float32), np.empty(shape, np.float32))

    def put(
        self, rows: slice, members: Probabilities, member_of_row: Codes, combination: Hierarchy, matrix: Matrix
    ) -> None:
        """Fill in `rows` from the probabilities (M, n, 3) of all members and the features of these rows."""
        self.ensemble[rows] = combination(members, matrix)
        trained = np.flatnonzero(member_of_row[rows] < len(members))
        self.own[rows][trained] = members[member_of_row[rows][trained], trained]


def score_out_of_batch(
    task: TrainingTask, models: Sequence[SingleModel], member_of_row: Codes, combination: Hierarchy
) -> tuple[UnseenScores, SeenScores]:
    """Every row by the members not trained on it; and, in the same pass, what the models make of their own genes.

    Parameters
    ----------
    member_of_row : ndarray of int16 (n_rows,)
        The member trained on each row; M and above: none.
    """
    unseen = np.empty((len(models), task.dataset.n_rows, len(CLASSES)), np.float32)
    seen = SeenScores.empty(task.dataset.n_rows)
    sample = RowSample(task)
    table = _Pass(task, "Scoring out of batch", sample)
    for rows, matrix in table:
        for member, model in enumerate(models):
            unseen[member, rows] = model.scores_of(matrix)
        members = np.stack([normalise(scores.astype(np.float64)) for scores in unseen[:, rows]])
        seen.put(rows, members, member_of_row, combination, matrix)
        trained = np.flatnonzero(member_of_row[rows] < len(models))
        unseen[:, rows][member_of_row[rows][trained], trained] = np.nan
    return UnseenScores(unseen, table.missing, sample), seen


def score_refit(
    task: TrainingTask, fold_models: Sequence[Mapping[int, SingleModel]], fold_of_row: Codes
) -> UnseenScores:
    """Every row by the members' models of the fold that holds it out."""
    scores = np.empty((len(fold_models), task.dataset.n_rows, len(CLASSES)), np.float32)
    sample = RowSample(task)
    table = _Pass(task, "Scoring the folds", sample)
    for rows, matrix in table:
        folds = fold_of_row[rows]
        for fold in np.unique(folds):
            inside = np.flatnonzero(folds == fold)
            part = np.ascontiguousarray(matrix[inside])
            for member, models in enumerate(fold_models):
                scores[member, rows][inside] = models[int(fold)].scores_of(part)
    return UnseenScores(scores, table.missing, sample)


def score_seen(
    task: TrainingTask, models: Sequence[SingleModel], member_of_row: Codes, combination: Hierarchy
) -> SeenScores:
    """What the finished members, and the ensemble of them, make of the rows that they were trained on."""
    seen = SeenScores.empty(task.dataset.n_rows)
    for rows, matrix in _Pass(task, "Scoring the training genes"):
        members = np.stack([model.probabilities_of(matrix) for model in models])
        seen.put(rows, members, member_of_row, combination, matrix)
    return seen


def score_figures(
    scores: NDArray[np.floating], labels: NDArray[np.uint8], weights: NDArray[np.float32] | None
) -> ScoreFigures:
    """Figures of probabilities (n, 3) on the rows that have any; `weights` (n,) where the table has them."""
    scored = ~np.isnan(scores[:, 0])
    values, truth = scores[scored], labels[scored]
    return ScoreFigures(
        rows=len(truth),
        accuracy=accuracy(truth, decided(values)).value,
        log_loss=log_loss(truth, values).value,
        average_precision=mean_site_ap(truth, values),
        genomic_average_precision=None if weights is None else mean_site_ap(truth, values, weights[scored]),
    )


class _Pass:
    """One pass over the features: chunks of rows as the boosters read them.

    Attributes
    ----------
    missing : ndarray of int64 (n_features,)
        Missing values of each feature, so far.
    """

    def __init__(self, task: TrainingTask, title: str, sample: RowSample | None = None) -> None:
        self._task, self._title, self._sample = task, title, sample
        self.missing = np.zeros(len(task.features), np.int64)

    def __iter__(self) -> Iterator[tuple[slice, Matrix]]:
        first, dataset = 0, self._task.dataset
        for chunk in Progress(self._title).track(dataset.iter_matrix(self._task.features), dataset.n_rows):
            self.missing += np.isnan(chunk).sum(axis=0)
            if self._sample is not None:
                self._sample.add(first, chunk)
            yield slice(first, first + len(chunk)), chunk
            first += len(chunk)
