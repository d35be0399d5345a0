"""CatBoost's boosters of oblivious trees, converted. The extra ``catboost`` installs it; serving does not need it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from meta_models.learners.extras import required
from meta_models.learners.jobs import CLASSES
from meta_models.learners.pace import Pace
from meta_models.learners.seam import Shape, Traits, Tune
from meta_models.learners.seam.start import more_rounds
from meta_models.learners.trees.binned import BinnedTreeLearner, CodeTree, Grown, Part, Task, TreeConfig

#: What CatBoost keeps of a row, beside its bins.
_ROW_BYTES = 180
#: The bin of a value as it is handed over, and as CatBoost packs it.
_VALUE_BYTES = 2
#: Four sums of a bin of a leaf.
_BIN_BYTES = 32
#: What it takes for itself, and what the trees take as text.
_FIXED_BYTES = 12_000_000
#: How often rows are drawn. Drawn for each tree, histograms are kept from depth to depth, and where features are drawn
#: too, its allocator keeps up to five sets of them (14 MB in place of 257 on 24,000 x 147, 300 rounds).
_PER_LEVEL = "PerTreeLevel"
#: For a round of one class: 15 s of 300 rounds on 5,300 rows of 147 features, half of them watched (``--sample-genes
#: 150`` of *C. elegans*, two folds); half of that where none is watched.
_ROUND = Pace(4.4e-2, 6.5e-9)
#: Its own focal loss, whose hessians are small where a class is rare, ends with scores of 0 and 1; by gradients alone
#: a leaf hardly moves. XGBoost and LightGBM bound what a leaf may be.
_NO_FOCAL_LOSS = "CatBoost does not bound the leaves of a rare class, which focal loss needs"


class CatBoostConfig(TreeConfig):
    """Options of CatBoost."""

    n_estimators: Annotated[int, Field(ge=1)] = Field(300, description="Most boosting rounds.")
    learning_rate: Annotated[float, Field(gt=0, le=1), Tune(0.03, 0.3, log=True)] = Field(
        0.15, description="Shrinkage of each tree."
    )
    max_depth: Annotated[int, Field(ge=1, le=12), Tune(4, 8)] = Field(
        6, description="Depth of a tree, all of whose nodes of a depth split alike."
    )
    reg_lambda: Annotated[float, Field(ge=0), Tune(1, 30, log=True)] = Field(
        3.0, description="L2 regularisation of leaf values."
    )
    random_strength: Annotated[float, Field(ge=0), Tune(0, 3)] = Field(
        1.0, description="How much chance there is in the choice of a split."
    )
    subsample: Annotated[float, Field(gt=0, le=1), Tune(0.5, 1)] = Field(
        0.8, description="Share of the rows drawn for each split."
    )
    colsample: Annotated[float, Field(gt=0, le=1), Tune(0.3, 1)] = Field(
        0.5, description="Share of the features drawn for each split."
    )
    early_stopping_rounds: Annotated[int, Field(ge=1)] = Field(
        30, description="Rounds without gain on the stop rows after which to stop."
    )
    loss: Literal["logistic", "focal"] = Field("logistic", description=f"Loss: log-loss alone; {_NO_FOCAL_LOSS}.")

    @field_validator("loss")
    @classmethod
    def _no_focal_loss(cls, value: str) -> str:
        if value == "focal":
            raise ValueError(f"there is no focal loss: {_NO_FOCAL_LOSS}; take xgboost or lightgbm for it")
        return value


class CatBoost(BinnedTreeLearner):
    """Boosted oblivious trees. On one thread: that its trees are the same on more is not promised anywhere."""

    name: ClassVar[str] = "catboost"
    title: ClassVar[str] = "boosted oblivious trees (CatBoost)"
    Config: ClassVar[type[CatBoostConfig]] = CatBoostConfig
    traits: ClassVar[Traits] = Traits(
        targets="each", stages=True, stopping=True, constraints=True, features=True, starts=True, extra="catboost"
    )

    def require_library(self) -> None:
        """Raise UsageError where CatBoost is absent."""
        required("catboost", self.name)

    def failures(self) -> tuple[type[Exception], ...]:
        """What CatBoost raises."""
        return (import_module("catboost").CatBoostError,)

    def versions(self) -> Mapping[str, str]:
        """Version of CatBoost."""
        return {"catboost": str(required("catboost", self.name).__version__)}

    def rounds(self, config: CatBoostConfig) -> int:
        """Most boosting rounds."""
        return config.n_estimators

    def cheaper(self, config: CatBoostConfig, rounds: int) -> CatBoostConfig:
        """At most `rounds` rounds."""
        return config.model_copy(update={"n_estimators": min(rounds, config.n_estimators)})

    def cpu_seconds(self, shape: Shape, config: CatBoostConfig) -> float:
        """Of all rounds: most of it is not of the rows."""
        return _ROUND.seconds(shape, CLASSES * config.n_estimators)

    def going_on(self, config: CatBoostConfig) -> str:
        """With trees of its own."""
        return more_rounds(config.n_estimators)

    def grow(self, task: Task, config: CatBoostConfig) -> Grown:
        """Boost on bins of the rows trained on alone: to CatBoost a row of weight 0 is a row."""
        library = import_module("catboost")
        watched = _pool(library, task, task.watched) if _both_classes(task.watched) else None
        model = library.CatBoost(_parameters(task, config))
        stops = task.stopping and watched is not None
        patience = config.early_stopping_rounds if stops else None
        model.fit(  # without a word on it, CatBoost would keep the rounds that are best on rows that are to be scored
            _pool(library, task, task.train), eval_set=watched, early_stopping_rounds=patience, use_best_model=stops
        )
        written = _as_json(model)
        trees = [_code_tree(tree) for tree in written["oblivious_trees"]]
        bias = float(written["scale_and_bias"][1][0])
        losses = {
            name: tuple(found["Logloss"])
            for name, found in zip(("train", "held_out"), model.get_evals_result().values(), strict=False)
        }
        run = len(losses["train"])
        facts = {"trees": len(trees), "stopped_early": stops and run < task.rounds, "threads": 1}
        return Grown(trees, 1 / (1 + np.exp(-bias)), losses, facts)

    def nodes(self, shape: Shape, config: CatBoostConfig) -> int:  # noqa: ARG002
        """Complete trees."""
        nodes: int = config.n_estimators * 2 ** (config.max_depth + 1)
        return nodes

    def bytes_of_job(self, shape: Shape, config: CatBoostConfig) -> int:
        """Bins twice, what a row needs, and the histogram of one feature for all leaves."""
        histogram: int = _BIN_BYTES * config.max_bin * 2**config.max_depth
        return shape.rows * (_VALUE_BYTES * shape.features + _ROW_BYTES) + histogram + _FIXED_BYTES


def _both_classes(part: Part) -> bool:
    return bool(part.truth.any() and not part.truth.all())


def _pool(library: Any, task: Task, part: Part) -> Any:
    values = task.codes_of(part, np.uint8, order="F")  # in this order, and of any number type, CatBoost takes no copy
    return library.Pool(values, label=part.truth.astype(np.int32), weight=part.weights, baseline=part.margins)


def _parameters(task: Task, config: CatBoostConfig) -> dict[str, Any]:
    left_out = np.setdiff1d(np.arange(task.codes.shape[1]), task.features)
    limits: dict[str, Any] = {"ignored_features": left_out.tolist()} if len(left_out) else {}
    if any(task.constraints):
        limits["monotone_constraints"] = list(task.constraints)
    drawn = {"bootstrap_type": "Bernoulli", "subsample": config.subsample}
    return limits | (drawn if config.subsample < 1 else {"bootstrap_type": "No"}) | {
        "loss_function": "Logloss", "iterations": task.rounds, "learning_rate": config.learning_rate,
        "depth": config.max_depth, "l2_leaf_reg": config.reg_lambda, "random_strength": config.random_strength,
        "rsm": config.colsample, "sampling_frequency": _PER_LEVEL, "boosting_type": "Plain", "border_count": 255,
        "feature_border_type": "GreedyLogSum", "nan_mode": "Forbidden",
        "boost_from_average": task.train.margins is None, "random_seed": task.seed % 2**31, "thread_count": 1,
        "allow_writing_files": False, "logging_level": "Silent",
    }  # fmt: skip


def _as_json(model: Any) -> dict[str, Any]:
    """The model in the one form that CatBoost writes its trees in for others; just made, and read by nobody else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def _code_tree(tree: Mapping[str, Any]) -> CodeTree:
    """A complete tree, numbered by depth: node n has the children 2 n + 1 and 2 n + 2, the leaves are the last.

    Split number i of CatBoost decides bit i of the number of a leaf: the highest bit is asked for at the root.
    """
    splits = list(reversed(tree["splits"] or []))
    depth = len(splits)
    inner = 2**depth - 1
    asked = np.repeat(np.arange(depth), 2 ** np.arange(depth))
    nodes, leaf = np.arange(inner), np.full(inner + 1, -1)
    none, nothing = np.zeros(inner + 1, np.int64), np.zeros(inner)
    features = np.array([split["float_feature_index"] for split in splits], np.int64)
    borders = np.array([split["border"] for split in splits], np.float64)
    return CodeTree(
        left=np.concatenate([2 * nodes + 1, leaf]), right=np.concatenate([2 * nodes + 2, leaf]),
        feature=np.concatenate([features[asked], none]),
        code=np.concatenate([np.floor(borders[asked]).astype(np.int64), none]),
        value=np.concatenate([nothing, _floats(tree["leaf_values"])]),
        count=np.concatenate([nothing, _floats(tree["leaf_weights"])]),
    )  # fmt: skip


def _floats(values: Any) -> NDArray[np.float64]:
    return np.array(values, np.float64)
