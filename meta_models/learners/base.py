"""What a learner must offer to be used by any strategy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.learners.seam import FeatureTable


@dataclass(frozen=True)
class BoosterJob:
    """One booster to be trained: a fold (-1: the final model) and a target, one class against the rest.

    Attributes
    ----------
    target : int
        The class, :class:`~meta_models.schema.SpliceClass` where splice sites are predicted.
    train, stop, score : ndarray of bool (n_rows,)
        Rows trained on; rows that only decide when to stop; rows to score. They are disjoint.
    rounds : int
        Most boosting rounds; all of them where `stop` is empty.
    snapshots : tuple of int
        Numbers of rounds after which the score rows are scored; where there are stop rows, the best round is taken.
    weights : ndarray of float32 (n_rows,), or None
        What rows count in this job; None where it is what they count in the task.
    features : ndarray of bool (n_features,), or None
        Features that may be split on; None for all. The jobs of one table all name some, or none does.
    constraints : tuple of int
        For each feature 1 or -1 where its rise may only raise or only lower the score, else 0; empty: no constraints.
    """

    name: str
    fold: int
    target: int
    train: NDArray[np.bool_]
    stop: NDArray[np.bool_]
    score: NDArray[np.bool_]
    rounds: int
    snapshots: tuple[int, ...] = ()
    weights: NDArray[np.float32] | None = None
    features: NDArray[np.bool_] | None = None
    constraints: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class FittedBooster:
    """Returned by `LearnerFamily.fit`.

    Attributes
    ----------
    payload : bytes
        The booster, serialised.
    snapshots : tuple of int
        Numbers of rounds that `scores` were taken after.
    scores : ndarray of float32 (n_score, n_snapshots)
        Probability of the target at the job's score rows, in row order.
    train_curve, stop_curve : tuple of float
        Log-loss after each round on the rows trained on, and on the stop rows (the score rows where there are none).
    """

    payload: bytes
    rounds: int
    snapshots: tuple[int, ...]
    scores: NDArray[np.float32]
    train_curve: tuple[float, ...]
    stop_curve: tuple[float, ...]


class LearnerFamily(ABC):
    """A learner that trains one binary booster at a time on a table prepared once."""

    name: ClassVar[str]

    @abstractmethod
    def prepare(
        self, table: FeatureTable, features: tuple[str, ...], bins: NDArray[np.float32], config: TrainingConfig, *,
        threads: int, cache: Path | None = None,
    ) -> Any:  # fmt: skip
        """Bring the features into the form that serves all jobs; with `cache`, a folder, kept there, not in memory.

        `bins` is what :func:`~meta_models.learners.xgboost.matrix.cut_values` makes of a sample of the rows.
        """

    @abstractmethod
    def fit(
        self, table: Any, job: BoosterJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None,
        config: TrainingConfig, *, threads: int,
    ) -> FittedBooster:  # fmt: skip
        """Train `job`. Labels and weights are (n_rows,)."""

    @abstractmethod
    def load(self, payload: bytes, rounds: int | None = None) -> Any:
        """The booster that `FittedBooster.payload` holds, cut to `rounds` where given."""

    @abstractmethod
    def gains(self, booster: Any, n_features: int) -> NDArray[np.float64]:
        """Total gain of each feature (n_features,)."""
