"""Binary XGBoost boosters over one quantised matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.learners.page_digests import PageDigests
from meta_models.learners.seam import FitJob, Fitted, Prepared, Resources, TrainingRows
from meta_models.learners.trees.cut_values import cut_values
from meta_models.learners.xgboost.matrix import build_matrix
from meta_models.learners.xgboost.own_loss import OwnLoss
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.learners.xgboost.row_draws import DrawnRows, Gradients, RowDraws
from meta_models.learners.xgboost.section import XGBoostConfig
from meta_models.learners.xgboost.together import summed
from meta_models.learners.xgboost.watch import Watch
from meta_models.progress import Progress

_CLIP = 1e-7
#: The start that adds nothing to log-odds.
_EVEN = 0.5
#: Weight in column sampling of a feature that may be used; with it one of weight 0 is never drawn before one of these.
_MUCH = 1e6


def prepared_matrix(rows: TrainingRows, config: XGBoostConfig, resources: Resources) -> QuantisedRows:
    """One quantised matrix of the whole table, whose bins come from the sample of `rows`."""
    return quantised(rows, cut_values(rows.sample, config.max_bin), config, resources)


def quantised(
    rows: TrainingRows, bins: NDArray[np.float32], config: XGBoostConfig, resources: Resources, *, first: int = 0
) -> QuantisedRows:
    """The quantised matrix of `rows`, the first of which has the number `first` in the whole table.

    Parameters
    ----------
    bins : ndarray of float32 (at most ``max_bin``, n_features)
        Made by `cut_values` for the whole table.
    """
    matrix = build_matrix(
        rows.table, rows.features, bins, config.max_bin,
        threads=resources.threads, progress=Progress("Building the matrix"), cache=resources.cache,
    )  # fmt: skip
    pages = None if resources.cache is None else PageDigests.of(resources.cache)
    return QuantisedRows(matrix, config, resources.device, rows.seed, pages, first)


@dataclass(frozen=True)
class QuantisedRows(Prepared):
    """A quantised matrix that serves all boosters.

    Attributes
    ----------
    pages : PageDigests or None
        Of a matrix on disk.
    first : int
        Number of its first row in the whole table, where it is that of a shard.
    """

    matrix: xgb.DMatrix
    config: XGBoostConfig
    device: str
    seed: int
    pages: PageDigests | None = None
    first: int = 0

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        """Train one booster, stopping where its stop rows no longer gain. Rows held out have weight 0."""
        weights = weights if job.weights is None else job.weights
        truth, counted = labels == job.targets[0], job.train * (np.float32(1) if weights is None else weights)
        self.matrix.set_label(truth.astype(np.float32))
        self.matrix.set_weight(counted)
        parameters = self.parameters(threads, job.constraints) | self._drawn_features(job) | _start(truth[job.train])
        objective = None
        if self.config.own_loss:
            loss = OwnLoss(truth, counted, self.config.gamma, _share(truth, counted))
            objective, parameters = self._drawn_rows(loss), parameters | loss.parameters(self.config)
        if job.margins is not None:
            self.matrix.set_base_margin(job.margins[:, 0])
            parameters |= {"base_score": _EVEN}  # what the trees say is added to the margins, and nothing else
        rounds = job.stages[-1] if job.stages else self.config.n_estimators
        watch = Watch(self.matrix, truth, job, rounds, self.config.early_stopping_rounds, weights, self.config.gamma)
        booster = xgb.train(
            parameters, self.matrix, num_boost_round=rounds, obj=objective, evals=[(self.matrix, "train")],
            callbacks=[watch], verbose_eval=False,
        )  # fmt: skip
        return _fitted(booster, watch)

    def _drawn_rows(self, loss: OwnLoss) -> Gradients:
        """The derivatives of `loss`; where rows are drawn by their numbers, of those that are."""
        draws = RowDraws(self.config.subsample, self.seed, self.first)
        return DrawnRows(loss, draws) if self.config.hashed else loss

    def _drawn_features(self, job: FitJob) -> dict[str, float]:
        """The share of the features that is drawn for each tree, of those that `job` may use."""
        if job.features is None:
            return {}
        self.matrix.set_info(feature_weights=job.features * np.float32(_MUCH))
        return {"colsample_bytree": self.config.colsample * job.features.mean()}

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
            "subsample": 1.0 if config.hashed else config.subsample,
            "colsample_bytree": config.colsample,
            "max_bin": config.max_bin,
            "seed": self.seed,
            "nthread": threads,
        }


def _fitted(booster: xgb.Booster, watch: Watch) -> Fitted:
    kept = booster[: watch.rounds] if watch.rounds < booster.num_boosted_rounds() else booster
    kept.set_attr(best_iteration=None, best_score=None)
    return Fitted(
        predictor=BoosterPredictor([kept]),
        scores=watch.scores[:, None, :],
        stages=watch.snapshots,
        rounds=watch.rounds,
        curves={"train": tuple(watch.train_curve), "held_out": tuple(watch.curve)},
    )


def _start(truth: NDArray[np.bool_]) -> dict[str, float]:
    """Where a booster begins that sees one class alone: XGBoost would take the share of it, 0 or 1, as its start."""
    rows, those = summed(len(truth), truth.sum())
    if 0 < those < rows:
        return {}
    return {"base_score": 1 - _CLIP if those else _CLIP}


def _share(truth: NDArray[np.bool_], weights: NDArray[np.float32]) -> float:
    """Share of the class among the weighted rows of all processes; 0 where none counts."""
    those, total = summed((truth * weights).sum(dtype=np.float64), weights.sum(dtype=np.float64))
    return float(those / total) if total else 0.0
