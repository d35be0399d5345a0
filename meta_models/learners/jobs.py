"""What learners of rows do alike with a job: which rows are trained on, what they count, and the scores of the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import FitJob, Fitted, Json, Predictor, Prepared, Shape, TrainingRows

#: Most rows, and bytes of a row of one feature, of the sample that bins and scales are made of, while they are.
_SAMPLE_ROWS, _SAMPLE_ROW_BYTES = 100_000, 50
#: Classes of splice sites and the rest.
CLASSES = 3

ClassWeights: TypeAlias = Literal["none", "balanced"]
#: What the option `class_weights` of every learner of rows says.
CLASS_WEIGHTS = "What classes count: as their rows do (none), or all the same (balanced)."


def rows_trained_on(
    job: FitJob, classes: NDArray[np.integer | np.bool_], weights: NDArray[np.float32] | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers (m,) of the rows of ``job.train`` that count, and what they count (m,): 1 on average in the rarest class.

    A row of weight 0 is left out: forests, histograms and neighbour searches would see it. Penalties, least sums of
    hessians and smoothing are set for rows, and sites, of which there are few, are what they bear on: with a mean of 1
    over all rows a site would count 1/18 where the others are a sample of one in 18, and no leaf would be made for it.
    """
    given = job.weights if job.weights is not None else weights
    rows = np.flatnonzero(job.train if given is None else job.train & (given > 0))
    counted = np.ones(len(rows)) if given is None else given[rows].astype(np.float64)
    return rows, counted / mean_of_rarest(classes[rows], counted) if len(rows) else counted


def mean_of_rarest(classes: NDArray[np.integer | np.bool_], counted: NDArray[np.float64]) -> float:
    """Mean weight of the rows of the class that weighs least."""
    numbers = classes.astype(np.int64)
    rows, totals = np.bincount(numbers), np.bincount(numbers, counted)
    rarest = np.argmin(np.where(rows > 0, totals, np.inf))
    return float(totals[rarest] / rows[rarest])


def balanced(weights: NDArray[np.float64], classes: NDArray[np.integer]) -> NDArray[np.float64]:
    """`weights` such that all classes that occur count the same, and all rows together as much as before."""
    totals = np.bincount(classes, weights)
    share = np.divide(totals.sum() / np.count_nonzero(totals), totals, out=np.zeros_like(totals), where=totals > 0)
    result: NDArray[np.float64] = weights * share[classes]
    return result


def usable(job: FitJob, n_features: int) -> NDArray[np.int64]:
    """Numbers of the features that `job` may use."""
    return np.arange(n_features) if job.features is None else np.flatnonzero(job.features)


def scores_of(
    predictor: Predictor, rows: TrainingRows, wanted: NDArray[np.bool_], stages: Sequence[int] = (0,)
) -> NDArray[np.float32]:
    """Scores (n_wanted, n_targets, n_stages) of the `wanted` rows after each of `stages`, streamed from the table."""
    parts = [predictor if stage == 0 else predictor.at_stage(stage) for stage in stages]
    scores = np.empty((int(wanted.sum()), predictor.n_targets, len(parts)), np.float32)
    first = done = 0
    for chunk in rows.chunks() if len(scores) else ():
        chosen = chunk[wanted[first : first + len(chunk)]]
        first += len(chunk)
        for number, part in enumerate(parts if len(chosen) else ()):
            scores[done : done + len(chosen), :, number] = part.scores(chosen)
        done += len(chosen)
    return scores


class RowsPrepared(Prepared):
    """Rows whose table is read again where they are scored.

    Attributes
    ----------
    rows : TrainingRows
    """

    rows: TrainingRows

    @abstractmethod
    def learn(
        self, job: FitJob, labels: NDArray[np.integer], chosen: NDArray[np.int64], counted: NDArray[np.float64]
    ) -> tuple[Predictor, Mapping[str, Json]]:
        """The predictor, and what there is to tell, from the `chosen` rows (m,) that count `counted` (m,)."""

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int  # noqa: ARG002
    ) -> Fitted:  # fmt: skip
        """Learn, and score what is held out."""
        predictor, facts = self.learn(job, labels, *rows_trained_on(job, labels, weights))
        return Fitted(predictor, scores_of(predictor, self.rows, job.score), facts=facts)


def log_losses(truth: NDArray[np.bool_], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-loss of each row."""
    losses: NDArray[np.float64] = np.logaddexp(0, np.where(truth, -log_odds, log_odds))
    return losses


def bytes_of_sample(shape: Shape) -> int:
    """Bytes that setting scales or bins takes beside the sample of rows: of one feature at a time."""
    return _SAMPLE_ROW_BYTES * min(_SAMPLE_ROWS, shape.rows) + 2_000_000
