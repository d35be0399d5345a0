"""The learners of rows, as the conformance suite asks for them: quick options, and what is known of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Fitted, Learner, Predictor, Prepared, Resources, TrainingRows
from meta_models.learners.seam.tables import ArrayTable

NAMES = tuple(name for name in LEARNERS if LEARNERS[name].traits.inputs == "rows")
CLASSES = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """How a learner is tested.

    Attributes
    ----------
    options : mapping
        Quick ones.
    weighing : mapping
        Further options under which a weight of 2 is a row twice.
    tolerance : float
        How far probabilities may then differ, and `why`.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    weighing: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-5
    why: str = "sums in another order"


_UNPENALISED = {"reg_lambda": 0, "subsample": 1, "colsample": 1, "min_child_weight": 1e-3}
_QUICK = {"n_estimators": 10, "learning_rate": 0.3}
CASES = {
    "xgboost": Case(_QUICK | {"min_child_weight": 0.1}, _UNPENALISED),
    "lightgbm": Case(_QUICK | {"min_child_weight": 0.1}, _UNPENALISED | {"max_depth": 2, "n_estimators": 2}, 1e-4,
        "LightGBM guesses the rows of a leaf from its hessians, against a least number that is on the scale of rows",
   ),
    "catboost": Case(_QUICK, {"reg_lambda": 0, "subsample": 1, "colsample": 1, "random_strength": 0}),
    "random_forest": Case(
        {"n_trees": 10},
        {"bootstrap": False, "min_leaf_rows": 1, "smoothing": 1e-6, "max_depth": 2, "max_features": 1,
         "split_by": "weights"},
        why="draws of rows, and least rows of a leaf, count rows: they are off",
    ),
    "logistic": Case({}, {"max_iterations": 1000}),
    "svm": Case({"landmarks": 30}, {"max_iterations": 1000}, 1e-3, "L-BFGS ends a little before the minimum"),
    "knn": Case({"max_references": 400}, {"k": 10_000, "max_references": 10_000}, why="a row takes one place of k"),
    "sgd": Case(
        {"passes": 3}, {"passes": 40, "learning_rate": 0.3, "penalty": 1e-2, "bins": 8}, 0.05,
        "one step twice as long is not two steps: it nears the same minimum",
    ),
}  # fmt: skip


@dataclass
class Rows:
    """A small table: two features that tell the classes, one with missing values, noise, a count."""

    matrix: np.ndarray
    labels: np.ndarray
    sample: np.ndarray

    def training_rows(self, seed: int = 3) -> TrainingRows:
        names = tuple(f"f{k}" for k in range(self.matrix.shape[1]))
        return TrainingRows(ArrayTable(self.matrix), names, self.sample, seed)


def make_rows(n: int = 600, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n, p=(0.8, 0.1, 0.1))
    matrix = rng.normal(size=(n, 6)).astype(np.float32)
    matrix[:, 0] += 2 * (labels == 1)
    matrix[:, 1] += 2 * (labels == 2)
    matrix[rng.random(n) < 0.3, 2] = np.nan
    matrix[:, 3] = np.exp(3 * matrix[:, 3])
    matrix[:, 5] = rng.poisson(2, n)
    return Rows(matrix, labels, matrix[:: max(1, n // 400)].copy())


def make_job(n: int, targets: tuple[int, ...], *, stop: bool = False, **more: Any) -> FitJob:
    """The last quarter of the rows is scored; with `stop` the quarter before decides when to stop."""
    number = np.arange(n)
    score, stopping = number >= n * 3 // 4, (number >= n // 2) & (number < n * 3 // 4) & stop
    return FitJob("job", 0, targets, ~score & ~stopping, stopping, score, **more)


def learner(name: str) -> Learner:
    return LEARNERS[name]


def jobs_of(kind: Learner, n: int, **more: Any) -> list[FitJob]:
    targets = [(k,) for k in CLASSES] if kind.traits.targets == "each" else [CLASSES]
    return [make_job(n, wanted, **more) for wanted in targets]


def fit_all(
    name: str, rows: Rows, *, weights: np.ndarray | None = None, threads: int = 1, labels: np.ndarray | None = None,
    options: Mapping[str, Any] | None = None, jobs: list[FitJob] | None = None, seed: int = 3,
) -> tuple[Predictor, list[Fitted]]:  # fmt: skip
    """The joined predictor of all classes, and what each fit returned."""
    kind = learner(name)
    config = kind.Config(**CASES[name].options | dict(options or {}))
    with kind.prepare(rows.training_rows(seed), config, Resources(threads=threads)) as prepared:
        fits = fit_jobs(prepared, jobs or jobs_of(kind, len(rows.labels)), rows.labels if labels is None else labels,
                        weights, threads)  # fmt: skip
    return kind.join([fitted.predictor for fitted in fits]), fits


def fit_jobs(
    prepared: Prepared, jobs: list[FitJob], labels: np.ndarray, weights: np.ndarray | None, threads: int = 1
) -> list[Fitted]:
    return [prepared.fit(job, labels, weights, threads=threads) for job in jobs]
