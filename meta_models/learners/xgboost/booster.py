"""Binary XGBoost boosters over one quantised matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.learners.seam import FitJob, Fitted, Prepared, Resources, TrainingRows
from meta_models.learners.xgboost.matrix import build_matrix, cut_values
from meta_models.learners.xgboost.missing import fill_missing
from meta_models.learners.xgboost.page_digests import PageDigests
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.learners.xgboost.section import XGBoostConfig
from meta_models.progress import Progress

_CLIP = 1e-7
#: Weight in column sampling of a feature that may be used; with it one of weight 0 is never drawn before one of these.
_MUCH = 1e6


def prepared_matrix(rows: TrainingRows, config: XGBoostConfig, resources: Resources) -> QuantisedRows:
    """One quantised matrix of the whole table, whose bins come from the sample of `rows`."""
    bins = cut_values(fill_missing(rows.sample), config.max_bin)
    matrix = build_matrix(
        rows.table, rows.features, bins, config.max_bin,
        threads=resources.threads, progress=Progress("Building the matrix"), cache=resources.cache,
    )  # fmt: skip
    pages = None if resources.cache is None else PageDigests.of(resources.cache)
    return QuantisedRows(matrix, config, resources.device, rows.seed, pages)


@dataclass(frozen=True)
class QuantisedRows(Prepared):
    """A quantised matrix that serves all boosters.

    Attributes
    ----------
    pages : PageDigests or None
        Of a matrix on disk.
    """

    matrix: xgb.DMatrix
    config: XGBoostConfig
    device: str
    seed: int
    pages: PageDigests | None = None

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        """Train one booster, stopping where its stop rows no longer gain. Rows held out have weight 0."""
        weights = weights if job.weights is None else job.weights
        truth = labels == job.targets[0]
        self.matrix.set_label(truth.astype(np.float32))
        self.matrix.set_weight(job.train * (np.float32(1) if weights is None else weights))
        share = self.config.colsample
        if job.features is not None:
            self.matrix.set_info(feature_weights=job.features * np.float32(_MUCH))
            share *= job.features.mean()
        start = _start(truth[job.train])
        rounds = job.stages[-1] if job.stages else self.config.n_estimators
        watch = _Watch(truth, job, rounds, self.config.early_stopping_rounds, weights)
        history: dict[str, dict[str, list[float]]] = {}
        booster = xgb.train(
            self.parameters(threads, job.constraints) | {"colsample_bytree": share} | start, self.matrix,
            num_boost_round=rounds, evals=[(self.matrix, "train")], evals_result=history,
            custom_metric=watch.metric if watch.watches else None, callbacks=[watch], verbose_eval=False,
        )  # fmt: skip
        kept = booster[: watch.rounds] if watch.rounds < booster.num_boosted_rounds() else booster
        kept.set_attr(best_iteration=None, best_score=None)
        return Fitted(
            predictor=BoosterPredictor([kept]),
            scores=watch.scores[:, None, :],
            stages=watch.snapshots,
            rounds=watch.rounds,
            curves={"train": tuple(history["train"]["logloss"]), "held_out": tuple(watch.curve)},
        )

    def verify(self) -> None:
        """See that the pages on disk are those that were written."""
        if self.pages is not None:
            self.pages.verify()

    def under(self, config: XGBoostConfig) -> QuantisedRows | None:
        """The same matrix, which the number of bins alone decides."""
        return replace(self, config=config) if config.max_bin == self.config.max_bin else None

    def parameters(self, threads: int, constraints: tuple[int, ...]) -> dict[str, Any]:
        """What XGBoost is told."""
        config = self.config
        return {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "device": self.device,
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
            "seed": self.seed,
            "nthread": threads,
        }


def _start(truth: NDArray[np.bool_]) -> dict[str, float]:
    """Where a booster begins that sees one class alone: XGBoost would take the share of it, 0 or 1, as its start."""
    if len(truth) and truth.any() and not truth.all():
        return {}
    return {"base_score": 1 - _CLIP if truth.any() else _CLIP}


class _Watch(xgb.callback.TrainingCallback):
    """Log-loss of the watched rows after each round, and the scores of the score rows at the rounds asked for.

    Watched are the stop rows, or, where there are none, the score rows. The predictions that XGBoost hands to a metric
    are those it holds for the whole matrix anyway: held-out rows cost no pass over the trees.
    """

    def __init__(
        self, truth: NDArray[np.bool_], job: FitJob, rounds: int, patience: int, weights: NDArray[np.float32] | None
    ) -> None:
        super().__init__()
        self._stopping = bool(job.stop.any())
        self._watched = np.flatnonzero(job.stop if self._stopping else job.score)
        self._score = np.flatnonzero(job.score)
        self._flip = np.where(truth[self._watched], np.float32(0), np.float32(1))
        self._weights = None if weights is None else weights[self._watched]
        self._patience = patience
        self._wanted = set(job.stages or (rounds,))
        self._taken: dict[int, NDArray[np.float32]] = {}
        if not self.watches:
            self._taken = {number: np.empty(0, np.float32) for number in sorted(self._wanted)}
        self._best = np.inf
        self._done = 0
        self.rounds = rounds
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
