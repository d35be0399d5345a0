"""LightGBM's boosters, converted to XGBoost's. The extra ``lightgbm`` installs it; serving does not need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from meta_models.dataset.reading.chunks import parked_bytes
from meta_models.learners.extras import required
from meta_models.learners.jobs import CLASSES
from meta_models.learners.loss_options import LossConfig
from meta_models.learners.losses import focal_gradients, focal_loss, focal_scale
from meta_models.learners.pace import Pace
from meta_models.learners.seam import Shape, Traits, Tune
from meta_models.learners.seam.start import more_rounds
from meta_models.learners.trees.binned import BinnedTreeLearner, CodeTree, Grown, Part, Task, TreeConfig
from meta_models.learners.xgboost.memory import all_bins

#: Log-odds that all rounds together must be able to move a score by.
_REACH = 10.0
_BATCH_ROWS = 4096
#: LightGBM keeps a sum of gradients and one of hessians for each bin of each leaf.
_HISTOGRAM_BYTES = 16
#: What it and its data sets keep of a row: gradient, hessian, scores, label, weight, leaf, draws, and copies of some.
_ROW_BYTES = 80
#: Histograms on the first OpenCL device, in double precision: in single, sums of rare classes lose digits.
_OPENCL = {"device_type": "gpu", "gpu_use_dp": True}
#: What it takes for itself.
_FIXED_BYTES = 6_000_000
#: A tree of 63 leaves on half of the features.
_TREE = Pace(1.5e-3, 5e-9)
#: Bins of the reference and of the rows: one byte a value, no bundles, missing values are a bin like others.
_DATASET = {
    "max_bin": 256, "min_data_in_bin": 1, "feature_pre_filter": False, "enable_bundle": False,
    "is_enable_sparse": False, "use_missing": False, "zero_as_missing": False, "verbosity": -1, "num_threads": 1,
}  # fmt: skip


class LightGBMConfig(TreeConfig, LossConfig):
    """Options of LightGBM."""

    n_estimators: Annotated[int, Field(ge=1)] = Field(200, description="Most boosting rounds.")
    learning_rate: Annotated[float, Field(gt=0, le=1), Tune(0.02, 0.2, log=True)] = Field(
        0.05, description="Shrinkage of each tree."
    )
    num_leaves: Annotated[int, Field(ge=2, le=4096), Tune(15, 255, log=True)] = Field(
        63, description="Most leaves of a tree."
    )
    max_depth: Annotated[int, Field(ge=1, le=60)] = Field(6, description="Depth of a tree.")
    min_child_weight: Annotated[float, Field(ge=1e-3), Tune(0.1, 50, log=True)] = Field(
        1.0, description="Least sum of hessians of a leaf; scaled to the hessians of focal loss."
    )
    min_leaf_rows: Annotated[int, Field(ge=1)] = Field(1, description="Least rows of a leaf.")
    reg_lambda: Annotated[float, Field(ge=0), Tune(0.1, 30, log=True)] = Field(
        1.0, description="L2 regularisation of leaf values; scaled to the hessians of focal loss."
    )
    max_delta_step: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="Bound on a leaf's value before shrinkage (default: 1, or more where all rounds together could not "
        "move a score by 10 log-odds; 0: no bound).",
    )
    subsample: Annotated[float, Field(gt=0, le=1), Tune(0.5, 1)] = Field(
        0.8, description="Share of the rows drawn for each tree."
    )
    colsample: Annotated[float, Field(gt=0, le=1), Tune(0.3, 1)] = Field(
        0.5, description="Share of the features drawn for each tree."
    )
    early_stopping_rounds: Annotated[int, Field(ge=1)] = Field(
        30, description="Rounds without gain on the stop rows after which to stop."
    )
    opencl: bool = Field(
        default=False,
        description="Sum histograms on the first OpenCL device; where splits tie, trees may be others than without.",
    )

    @property
    def leaf_bound(self) -> float:
        """``max_delta_step`` as LightGBM gets it."""
        if self.max_delta_step is not None:
            return self.max_delta_step
        return max(1.0, _REACH / (self.learning_rate * self.n_estimators))


class LightGBM(BinnedTreeLearner):
    """Boosted trees, grown leaf by leaf. On one thread: its trees depend on the number; jobs run side by side."""

    name: ClassVar[str] = "lightgbm"
    title: ClassVar[str] = "boosted trees (LightGBM)"
    Config: ClassVar[type[LightGBMConfig]] = LightGBMConfig
    traits: ClassVar[Traits] = Traits(
        targets="each", stages=True, stopping=True, constraints=True, features=True, starts=True, extra="lightgbm"
    )

    def require_library(self) -> None:
        """Raise UsageError where LightGBM is absent."""
        required("lightgbm", self.name)

    def failures(self) -> tuple[type[Exception], ...]:
        """What LightGBM raises."""
        return (import_module("lightgbm").basic.LightGBMError,)

    def versions(self) -> Mapping[str, str]:
        """Version of LightGBM."""
        return {"lightgbm": str(required("lightgbm", self.name).__version__)}

    def rounds(self, config: LightGBMConfig) -> int:
        """Most boosting rounds."""
        return config.n_estimators

    def going_on(self, config: LightGBMConfig) -> str:
        """With trees of its own."""
        return more_rounds(config.n_estimators)

    def cheaper(self, config: LightGBMConfig, rounds: int) -> LightGBMConfig:
        """At most `rounds` rounds."""
        return config.model_copy(update={"n_estimators": min(rounds, config.n_estimators)})

    def grow(self, task: Task, config: LightGBMConfig) -> Grown:
        """Boost on bins of the rows trained on alone: to LightGBM a row of weight 0 is a row."""
        library = import_module("lightgbm")
        datasets = _datasets(library, task, _DATASET | (_OPENCL if config.opencl else {}))
        curves: dict[str, dict[str, list[float]]] = {}
        callbacks = [library.record_evaluation(curves)]
        if task.stopping:
            callbacks.append(library.early_stopping(config.early_stopping_rounds, verbose=False))
        parameters, metric = _parameters(task, config), None
        if config.gamma:
            parameters["objective"], metric = _objective(config.gamma), _metric(config.gamma)
        booster = library.train(
            parameters, datasets["train"], task.rounds, list(datasets.values()), list(datasets), metric,
            callbacks=callbacks,
        )  # fmt: skip
        kept = booster.best_iteration if task.stopping else booster.current_iteration()
        trees = [_code_tree(text) for text in _tree_texts(booster.model_to_string(num_iteration=kept))]
        losses = {name: tuple(next(iter(found.values()))) for name, found in curves.items()}
        return Grown(trees, task.begins_at, losses, _facts(task, config, kept, losses))

    def cpu_seconds(self, shape: Shape, config: LightGBMConfig) -> float:
        """Of all trees."""
        return _TREE.seconds(shape, CLASSES * config.n_estimators)

    def nodes(self, shape: Shape, config: LightGBMConfig) -> int:  # noqa: ARG002
        """Full trees of so many leaves."""
        nodes: int = config.n_estimators * 2 * min(config.num_leaves, 2**config.max_depth)
        return nodes

    def bytes_of_job(self, shape: Shape, config: LightGBMConfig) -> int:
        """Bins of the rows once more, what a row needs, and histograms of the features that a tree draws."""
        bins = all_bins(shape, config.max_bin)
        histograms = int(config.colsample * config.num_leaves * bins * _HISTOGRAM_BYTES)
        parked = int(parked_bytes(shape.rows, shape.features))  # the first trees come sooner than it is given back
        return shape.rows * (shape.features + _ROW_BYTES) + histograms + parked + _FIXED_BYTES


def _datasets(library: Any, task: Task, options: dict[str, Any]) -> dict[str, Any]:
    """Rows trained on and rows watched, binned like a reference that has every bin of every feature."""
    most = np.arange(int(task.n_bins.max()), dtype=np.float64)
    reference = library.Dataset(most[:, None] % task.n_bins, params=options)
    parts = {"train": task.train} | ({"held_out": task.watched} if len(task.watched.rows) else {})
    return {name: _dataset(library, task, part, reference, options) for name, part in parts.items()}


def _dataset(library: Any, task: Task, part: Part, reference: Any, options: dict[str, Any]) -> Any:
    prior = np.full(len(part.rows), np.log(task.prior / (1 - task.prior)))
    return library.Dataset(
        _sequence(library)(task.codes, part.rows), label=part.truth.astype(np.float32), weight=part.weights,
        init_score=prior if part.margins is None else part.margins, reference=reference, params=options,
    )  # fmt: skip


def _sequence(library: Any) -> type[Any]:
    class Rows(library.Sequence):  # type: ignore[misc]
        """Some rows of the bins, in the float64 that LightGBM asks for."""

        batch_size = _BATCH_ROWS

        def __init__(self, codes: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
            self.codes, self.rows = codes, rows

        def __getitem__(self, index: Any) -> NDArray[np.float64]:
            values: NDArray[np.float64] = self.codes[self.rows[index]].astype(np.float64)
            return values

        def __len__(self) -> int:
            return len(self.rows)

    return Rows


def _parameters(task: Task, config: LightGBMConfig) -> dict[str, Any]:
    scale = focal_scale(task.prior, config.gamma) if config.gamma else 1.0
    limits: dict[str, Any] = {}
    if any(task.constraints):
        limits["monotone_constraints"] = list(task.constraints)
    if len(task.features) < task.codes.shape[1]:
        limits["interaction_constraints"] = [task.features.tolist()]
    return _DATASET | limits | (_OPENCL if config.opencl else {}) | {
        "objective": "binary", "metric": "None" if config.gamma else "binary_logloss",
        "boost_from_average": False, "learning_rate": config.learning_rate, "num_leaves": config.num_leaves,
        "max_depth": config.max_depth, "min_data_in_leaf": config.min_leaf_rows,
        "min_sum_hessian_in_leaf": scale * config.min_child_weight, "lambda_l2": scale * config.reg_lambda,
        "max_delta_step": config.leaf_bound, "bagging_fraction": config.subsample, "bagging_freq": 1,
        "feature_fraction": config.colsample, "deterministic": True, "force_col_wise": True, "seed": task.seed % 2**31,
    }  # fmt: skip


Gradients = tuple[NDArray[np.float64], NDArray[np.float64]]


def _objective(gamma: float) -> Callable[[NDArray[np.float64], Any], Gradients]:
    def gradients(log_odds: NDArray[np.float64], rows: Any) -> Gradients:
        first, second = focal_gradients(log_odds, rows.get_label() > 0, gamma)
        weights = _weights(rows)
        return first * weights, second * weights

    return gradients


def _metric(gamma: float) -> Callable[[NDArray[np.float64], Any], tuple[str, float, bool]]:
    def loss(log_odds: NDArray[np.float64], rows: Any) -> tuple[str, float, bool]:
        losses = focal_loss(log_odds, rows.get_label() > 0, gamma)
        return "focal", float(np.average(losses, weights=_weights(rows))), False

    return loss


def _weights(rows: Any) -> NDArray[np.float64]:
    """Weights of a data set: LightGBM forgets those that are all 1."""
    weights = rows.get_weight()
    return np.ones(rows.num_data()) if weights is None else np.asarray(weights, np.float64)


def _facts(task: Task, config: LightGBMConfig, kept: int, losses: Mapping[str, tuple[float, ...]]) -> dict[str, Any]:
    run = len(losses["train"])
    return {"loss": config.loss, "trees": kept, "stopped_early": task.stopping and run < task.rounds, "threads": 1}


def _tree_texts(model: str) -> list[dict[str, str]]:
    """``key=value`` of each tree of LightGBM's text, which was just made and stands in no file."""
    blocks = model.split("\nTree=")[1:]
    blocks[-1:] = [block.split("\nend of trees")[0] for block in blocks[-1:]]
    return [dict(line.split("=", 1) for line in block.splitlines()[1:] if "=" in line) for block in blocks]


def _code_tree(text: Mapping[str, str]) -> CodeTree:
    """Inner nodes, then leaves: a child below 0 is leaf ``-child - 1``. The root is inner node 0, or the only leaf."""
    inner = int(text["num_leaves"]) - 1
    leaf = np.full(inner + 1, -1)
    if inner == 0:
        none = np.zeros(1, np.int64)
        return CodeTree(leaf, leaf, none, none, _numbers(text["leaf_value"]), np.ones(1))
    left, right = (_children(text[side], inner) for side in ("left_child", "right_child"))
    nothing, none = np.zeros(inner), np.zeros(inner + 1, np.int64)
    return CodeTree(
        left=np.concatenate([left, leaf]), right=np.concatenate([right, leaf]),
        feature=np.concatenate([_numbers(text["split_feature"]).astype(np.int64), none]),
        code=np.concatenate([np.floor(_numbers(text["threshold"])).astype(np.int64), none]),
        value=np.concatenate([nothing, _numbers(text["leaf_value"])]),
        count=np.concatenate([nothing, _numbers(text["leaf_count"])]),
        gain=np.concatenate([_numbers(text["split_gain"]), np.zeros(inner + 1)]),
    )  # fmt: skip


def _children(text: str, inner: int) -> NDArray[np.int64]:
    child = _numbers(text).astype(np.int64)
    return np.where(child < 0, inner - 1 - child, child)


def _numbers(text: str) -> NDArray[np.float64]:
    return np.array(text.split(), np.float64)
