"""Rows that are prepared once, and the jobs that are fitted to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meta_models.learners.seam.fitted import Fitted
from meta_models.learners.seam.predictor import Matrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meta_models.learners.seam.course import Course
    from meta_models.learners.seam.start import Starts
    from meta_models.learners.seam.tables import FeatureTable


@dataclass(frozen=True)
class TrainingRows:
    """Rows without labels, from which a learner makes its representation.

    Attributes
    ----------
    table : FeatureTable
    features : tuple of str
        The features that are trained on.
    sample : ndarray of float32 (m, n_features)
        Some rows, half of them uniform and half with the highest base scores, NaN where missing: for bins, scales and
        landmarks. Labels were not looked at.
    seed : int
        Seed of everything random.
    starts : mapping of int or None to Start
        The models whose margins fits begin at, by folds: learners get these with their jobs.
    """

    table: FeatureTable
    features: tuple[str, ...]
    sample: Matrix
    seed: int = 0
    starts: Starts = field(default_factory=dict)

    def chunks(self, rows: int | None = None) -> Iterator[Matrix]:
        """C-ordered float32 chunks (rows, n_features) in row order, NaN where missing; may be asked for again."""
        return self.table.iter_matrix(self.features, rows)


@dataclass(frozen=True)
class FitJob:
    """One fit: a fold (-1: the final model) and one class against the rest, or all classes at once.

    Attributes
    ----------
    targets : tuple of int
        The class, or all of them in their order.
    train, stop, score : ndarray of bool (n_rows,)
        Rows trained on; rows that only decide when to stop; rows to score. They are disjoint.
    stages : tuple of int
        Numbers of rounds after which the score rows are scored; the last is the most rounds. Where there are stop rows
        the best round up to the last is taken. Empty: as many rounds as the section says, or a learner without rounds.
    weights : ndarray of float32 (n_rows,), or None
        What rows count in this job; None where it is what they count in the task.
    features : ndarray of bool (n_features,), or None
        Features that may be used; None for all. The jobs of one table all name some, or none does.
    constraints : tuple of int
        For each feature 1 or -1 where its rise may only raise or only lower the score, else 0; empty: none.
    margins : ndarray of float32 (n_rows, n_targets), or None
        Log-odds that the fit begins at, of learners of rows with the trait ``starts``: its scores are of the sum, its
        predictor is what it adds. The jobs of one table all have some, or none does.
    """

    name: str
    fold: int
    targets: tuple[int, ...]
    train: NDArray[np.bool_]
    stop: NDArray[np.bool_]
    score: NDArray[np.bool_]
    stages: tuple[int, ...] = ()
    weights: NDArray[np.float32] | None = None
    features: NDArray[np.bool_] | None = None
    constraints: tuple[int, ...] = ()
    margins: NDArray[np.float32] | None = None

    def __str__(self) -> str:
        return self.name


class Prepared(ABC):
    """The rows (or genes) in the form that serves all jobs."""

    @abstractmethod
    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        """Fit `job`. Labels and weights are (n_rows,); rows outside ``job.train`` change nothing (but when to stop).

        ``job.weights``, where given, stand in for `weights`.
        """

    def course(
        self, jobs: Sequence[FitJob], labels: NDArray[np.integer], weights: NDArray[np.float32] | None
    ) -> Course:
        """Fits of `jobs` that go over the rows together, pass by pass; of learners with the trait ``streamed`` only."""
        del jobs, labels, weights
        raise TypeError(f"{type(self).__name__} does not go over rows in passes")

    def verify(self) -> None:  # noqa: B027 - most representations cannot be changed behind a learner's back
        """Raise where the representation was changed behind the learner's back; called before a fit is kept."""

    def under(self, config: Any) -> Prepared | None:
        """The same rows for fits with other options; None where other options need another representation."""
        del config
        return None
