"""Binary XGBoost boosters over one quantised matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.learners.base import BoosterJob, FittedBooster, LearnerFamily
from meta_models.learners.seam import FeatureTable
from meta_models.learners.xgboost.matrix import build_matrix
from meta_models.progress import Progress

_CLIP = 1e-7
#: Weight in column sampling of a feature that may be used; with it one of weight 0 is never drawn before one of these.
_MUCH = 1e6


class XGBoostBinary(LearnerFamily):
    """``binary:logistic`` with histogram trees. Rows held out have weight 0: the trees are those of the rest."""

    name: ClassVar[str] = "xgboost"

    def prepare(
        self, table: FeatureTable, features: tuple[str, ...], bins: NDArray[np.float32], config: TrainingConfig, *,
        threads: int, cache: Path | None = None,
    ) -> xgb.DMatrix:  # fmt: skip
        """One quantised matrix of the whole table."""
        progress = Progress("Building the matrix")
        return build_matrix(table, features, bins, config, threads=threads, progress=progress, cache=cache)

    def fit(
        self, table: xgb.DMatrix, job: BoosterJob, labels: NDArray[np.integer],
        weights: NDArray[np.float32] | None, config: TrainingConfig, *, threads: int,
    ) -> FittedBooster:  # fmt: skip
        """Train one booster, stopping where its stop rows no longer gain."""
        truth = labels == job.target
        table.set_label(truth.astype(np.float32))
        table.set_weight(job.train * (np.float32(1) if weights is None else weights))
        share = config.colsample
        if job.features is not None:
            table.set_info(feature_weights=job.features * np.float32(_MUCH))
            share *= job.features.mean()
        watch = _Watch(truth, job, config.early_stopping_rounds, weights)
        history: dict[str, dict[str, list[float]]] = {}
        booster = xgb.train(
            _parameters(config, threads, job.constraints) | {"colsample_bytree": share}, table,
            num_boost_round=job.rounds, evals=[(table, "train")], evals_result=history,
            custom_metric=watch.metric if watch.watches else None, callbacks=[watch], verbose_eval=False,
        )  # fmt: skip
        kept = booster[: watch.rounds] if watch.rounds < booster.num_boosted_rounds() else booster
        kept.set_attr(best_iteration=None, best_score=None)
        return FittedBooster(
            payload=bytes(kept.save_raw("ubj")),
            rounds=watch.rounds,
            snapshots=watch.snapshots,
            scores=watch.scores,
            train_curve=tuple(history["train"]["logloss"]),
            stop_curve=tuple(watch.curve),
        )

    def load(self, payload: bytes, rounds: int | None = None) -> xgb.Booster:
        """A booster from its UBJSON."""
        booster = xgb.Booster(model_file=bytearray(payload))
        return booster if rounds is None or rounds == booster.num_boosted_rounds() else booster[:rounds]

    def gains(self, booster: Any, n_features: int) -> NDArray[np.float64]:
        """Total gain by feature number."""
        gains = np.zeros(n_features)
        for name, gain in booster.get_score(importance_type="total_gain").items():
            gains[int(name.removeprefix("f"))] = gain
        return gains


def _parameters(config: TrainingConfig, threads: int, constraints: tuple[int, ...]) -> dict[str, Any]:
    return {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "device": "cuda" if config.device == "cuda" else "cpu",
        "learning_rate": config.learning_rate,
        "max_depth": config.max_depth,
        "min_child_weight": config.min_child_weight,
        "max_delta_step": config.leaf_bound,
        "reg_lambda": config.reg_lambda,
        "num_parallel_tree": config.trees_per_round,
        "monotone_constraints": constraints or None,
        "subsample": config.subsample,
        "colsample_bytree": config.colsample,
        "max_bin": config.max_bin,
        "seed": config.seed,
        "nthread": threads,
    }


class _Watch(xgb.callback.TrainingCallback):
    """Log-loss of the watched rows after each round, and the scores of the score rows at the rounds asked for.

    Watched are the stop rows, or, where there are none, the score rows. The predictions that XGBoost hands to a metric
    are those it holds for the whole matrix anyway: held-out rows cost no pass over the trees.
    """

    def __init__(
        self, truth: NDArray[np.bool_], job: BoosterJob, patience: int, weights: NDArray[np.float32] | None
    ) -> None:
        super().__init__()
        self._stopping = bool(job.stop.any())
        self._watched = np.flatnonzero(job.stop if self._stopping else job.score)
        self._score = np.flatnonzero(job.score)
        self._flip = np.where(truth[self._watched], np.float32(0), np.float32(1))
        self._weights = None if weights is None else weights[self._watched]
        self._patience = patience
        self._wanted = set(job.snapshots or (job.rounds,))
        self._taken: dict[int, NDArray[np.float32]] = {}
        if not self.watches:
            self._taken = {number: np.empty(0, np.float32) for number in sorted(self._wanted)}
        self._best = np.inf
        self._done = 0
        self.rounds = job.rounds
        self.curve: list[float] = []

    @property
    def watches(self) -> bool:
        """Whether there are rows to look at after each round; the scores of all rows are copied for that."""
        return len(self._watched) > 0

    @property
    def snapshots(self) -> tuple[int, ...]:
        """Numbers of rounds that `scores` were taken after."""
        return tuple(self._taken)

    @property
    def scores(self) -> NDArray[np.float32]:
        """Scores (n_score, n_snapshots)."""
        return np.stack(list(self._taken.values()), axis=1)

    def metric(self, predicted: NDArray[np.float32], _: xgb.DMatrix) -> tuple[str, float]:
        """Called by XGBoost after each round with the probabilities of all rows."""
        self._done += 1
        loss = self._loss(predicted[self._watched])
        self.curve.append(loss)
        if self._stopping and loss < self._best:
            self._best, self.rounds = loss, self._done
            self._taken = {self._done: predicted[self._score].astype(np.float32)}
        elif not self._stopping and self._done in self._wanted:
            self._taken[self._done] = predicted[self._score].astype(np.float32)
        return "watched", loss

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        """Whether to stop."""
        return self._stopping and epoch + 1 - self.rounds >= self._patience

    def _loss(self, p: NDArray[np.float32]) -> float:
        of_truth = np.abs(np.subtract(self._flip, p, out=p), out=p)  # p or 1 - p: masks take three times as long
        losses = np.log(np.maximum(of_truth, _CLIP, out=of_truth), out=of_truth)
        return -float(np.average(losses, weights=self._weights))
