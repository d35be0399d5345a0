"""What is looked at after each round of a booster: the loss of held-out rows, and the scores that are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.learners.seam import FitJob
from meta_models.learners.xgboost.together import mean_of, summed

_CLIP = 1e-7
Floats = NDArray[np.float32]


class Watch(xgb.callback.TrainingCallback):
    """Loss of the watched rows after each round, and the scores of the score rows at the rounds asked for.

    Watched are the stop rows, or, where there are none, the score rows. The predictions are those that XGBoost holds
    for the whole matrix anyway: held-out rows cost no pass over the trees. Where this process holds a shard, losses are
    those of all shards, so that all stop in the same round, and scores those of its own rows.

    Parameters
    ----------
    matrix : xgboost.DMatrix
        All rows that this process holds.
    rounds : int
        Most of them.
    patience : int
        Rounds without gain on the stop rows after which to stop.
    weights : ndarray of float32 (n_rows,), or None
    gamma : float
        That of focal loss; 0: log-loss.
    """

    def __init__(
        self, matrix: xgb.DMatrix, truth: NDArray[np.bool_], job: FitJob, rounds: int, patience: int,
        weights: Floats | None, gamma: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self._matrix, self._gamma = matrix, gamma
        self._stopping = summed(job.stop.sum())[0] > 0
        self._watched = _Losses(truth, job.stop if self._stopping else job.score, weights, gamma)
        self._train = _Losses(truth, job.train & (gamma > 0), weights, gamma)  # XGBoost itself tells log-loss
        self._score = np.flatnonzero(job.score)
        self._patience = patience
        self._wanted = set(job.stages or (rounds,))
        self._taken: dict[int, Floats] = {}
        if not len(self._watched):
            self._taken = {number: np.empty(0, np.float32) for number in sorted(self._wanted)}
        self._best = np.inf
        self.rounds = rounds
        self.curve: list[float] = []
        self.train_curve: list[float] = []

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Numbers of rounds that `scores` were taken after."""
        return tuple(self._taken)

    @property
    def scores(self) -> Floats:
        """Scores (n_score, n_snapshots)."""
        return np.stack(list(self._taken.values()), axis=1)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Look at the scores of all rows; whether to stop. No rows to look at: they are not copied."""
        if not self._gamma:
            self.train_curve = evals_log["train"]["logloss"]
        if len(self._watched) or len(self._train):
            self._look(model.predict(self._matrix), epoch + 1)
        return self._stopping and epoch + 1 - self.rounds >= self._patience

    def _look(self, predicted: Floats, done: int) -> None:
        if len(self._train):
            self.train_curve.append(self._train.mean(predicted))
        if not len(self._watched):
            return
        loss = self._watched.mean(predicted)
        self.curve.append(loss)
        if self._stopping and loss < self._best:
            self._best, self.rounds = loss, done
            self._taken = {done: predicted[self._score].astype(np.float32)}
        elif not self._stopping and done in self._wanted:
            self._taken[done] = predicted[self._score].astype(np.float32)


class _Losses:
    """Mean loss of some rows of all processes; `len` is their number."""

    def __init__(self, truth: NDArray[np.bool_], rows: NDArray[np.bool_], weights: Floats | None, gamma: float) -> None:
        self._rows, self._gamma = np.flatnonzero(rows), np.float32(gamma)
        self._flip = np.where(truth[self._rows], np.float32(0), np.float32(1))
        self._weights = None if weights is None else weights[self._rows]
        self._everywhere = int(summed(len(self._rows))[0])

    def __len__(self) -> int:
        return self._everywhere

    def mean(self, predicted: Floats) -> float:
        """Of scores of all rows."""
        p = predicted[self._rows]
        of_truth = np.abs(np.subtract(self._flip, p, out=p), out=p)  # p or 1 - p: masks take three times as long
        loosened = (1 - of_truth) ** self._gamma if self._gamma else np.float32(1)
        losses = np.log(np.maximum(of_truth, _CLIP, out=of_truth), out=of_truth)
        return -mean_of(losses * loosened, self._weights)
