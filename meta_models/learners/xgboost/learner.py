"""The learner ``xgboost``: binary boosters over one quantised matrix, in memory or in pages on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, ClassVar

from meta_models.learners.pace import Pace
from meta_models.learners.seam import (
    Footprint,
    Learner,
    Predictor,
    Prepared,
    Resources,
    Shape,
    TrainingRows,
    Traits,
)
from meta_models.learners.seam.start import more_rounds
from meta_models.learners.xgboost.section import XGBoostConfig
from meta_models.schema import CLASSES

if TYPE_CHECKING:
    from meta_models.learners.seam.shards import Sharded

#: Highest learning rate that makes up for fewer rounds.
FASTEST = 0.3


#: A tree of depth 6 on half of the features (``docs/learners.md``).
_TREE = Pace(1.5e-3, 5e-9)


class XGBoost(Learner):
    """``binary:logistic`` with histogram trees. Rows held out have weight 0: the trees are those of the rest."""

    name: ClassVar[str] = "xgboost"
    title: ClassVar[str] = "XGBoost"
    Config: ClassVar[type[XGBoostConfig]] = XGBoostConfig
    traits: ClassVar[Traits] = Traits(
        targets="each",
        stages=True,
        stopping=True,
        constraints=True,
        features=True,
        on_disk=True,
        shards=True,
        starts=True,
        devices=("cpu", "cuda"),
    )

    def footprint(self, shape: Shape, config: XGBoostConfig, resources: Resources) -> Footprint:
        """The quantised matrix, and the gradients and histograms of a booster."""
        from meta_models.learners.xgboost.memory import footprint

        return footprint(shape, config, resources)

    def cpu_seconds(self, shape: Shape, config: XGBoostConfig) -> float:
        """Of all trees."""
        return _TREE.seconds(shape, len(CLASSES) * config.n_estimators * config.trees_per_round)

    @contextmanager
    def prepare(self, rows: TrainingRows, config: XGBoostConfig, resources: Resources) -> Iterator[Prepared]:
        """One quantised matrix of the whole table."""
        from meta_models.learners.xgboost.booster import prepared_matrix

        yield prepared_matrix(rows, config, resources)

    def sharded(self) -> Sharded:
        """Shards of the quantised matrix, whose histograms are summed."""
        from meta_models.learners.xgboost.shards import QuantisedShards

        return QuantisedShards()

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """Boosters whose structure was checked."""
        from meta_models.learners.xgboost.predictor import restore_boosters

        return restore_boosters(files, n_inputs, n_targets)

    def join(self, parts: Sequence[Predictor]) -> Predictor:
        """The boosters side by side."""
        from meta_models.learners.xgboost.predictor import join_boosters

        return join_boosters(parts)

    def failures(self) -> tuple[type[Exception], ...]:
        """What XGBoost raises."""
        from xgboost.core import XGBoostError

        return (XGBoostError,)

    def versions(self) -> Mapping[str, str]:
        """That of XGBoost, whichever package it came in."""
        for package in ("xgboost", "xgboost-cpu"):
            try:
                return {"xgboost": version(package)}
            except PackageNotFoundError:
                continue
        return {"xgboost": "unknown"}

    def going_on(self, config: XGBoostConfig) -> str:
        """With trees of its own."""
        return more_rounds(config.n_estimators)

    def gpu_obstacle(self) -> str:
        """An XGBoost without CUDA."""
        import xgboost

        return "" if xgboost.build_info().get("USE_CUDA", False) else "this XGBoost was built without CUDA"

    def device_bytes(self, shape: Shape, config: XGBoostConfig) -> int:  # noqa: ARG002
        """The quantised matrix, and the gradients and row partition of a booster."""
        from meta_models.learners.xgboost.memory import device_bytes

        return device_bytes(shape)

    def cheaper(self, config: XGBoostConfig, rounds: int) -> XGBoostConfig:
        """At most `rounds` rounds, at a learning rate that makes up for those left out."""
        fewer = min(rounds, config.n_estimators)
        faster = min(FASTEST, config.learning_rate * config.n_estimators / fewer)
        rate = max(faster, config.learning_rate)
        return config.model_copy(update={"n_estimators": fewer, "learning_rate": rate})

    def rounds(self, config: XGBoostConfig) -> int:
        """``n_estimators``."""
        return config.n_estimators
