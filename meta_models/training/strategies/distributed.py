"""One model over shards of the rows that the workers of a cluster hold, for tables that no single machine holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from meta_models.choice import DISTRIBUTED
from meta_models.config import TrainingConfig
from meta_models.config.cluster import CLUSTERS
from meta_models.dataset.positions import Positions
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import UsageError
from meta_models.learners.seam import FitJob, Fitted, Resources, TrainingRows
from meta_models.learners.seam.inputs import TrainingInputs
from meta_models.resources.needs import NO_ANALYSES, AnalysisNeeds
from meta_models.run_folder import scratch_folder
from meta_models.schema import CLASSES, GENE
from meta_models.training.distributed.common import Common
from meta_models.training.distributed.ranges import shard_ranges
from meta_models.training.distributed.run import train_over_shards
from meta_models.training.fitting.fit_table import ChangeJob, fit_table
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FittedProblem
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.memory import coordinating_peak, shape_of, shard_peak
from meta_models.training.strategies.base import PlannedUnit, StrategyFit
from meta_models.training.strategies.single_model import SingleModelStrategy
from meta_models.workers import Farm

_ADVICE = "Start more workers, give them more memory, or take fewer on a machine"


class DistributedStrategy(SingleModelStrategy):
    """The single model, each fit by all workers at once. Chosen by name only, and only with ``--distributed``.

    Rows are drawn by their numbers, so that the model does not depend on how many workers there are.
    """

    name: ClassVar[str] = DISTRIBUTED
    title: ClassVar[str] = "Distributed Model"
    trains_folds: ClassVar[bool] = False
    needs_cluster: ClassVar[bool] = True

    def obstacle(self, config: TrainingConfig) -> str:
        """Learners, and ways of training, that need all rows in one process."""
        return next(_obstacles(config), "")

    def require_possible(self, config: TrainingConfig) -> None:
        """Refuse what cannot be fitted over shards; raises UsageError with the reason."""
        if config.distributed is None:
            raise UsageError(
                f"--strategy {self.name} needs workers that hold the rows", "--distributed is missing",
                f"Give --distributed {CLUSTERS}, or take another strategy",
            )  # fmt: skip
        if why := self.obstacle(config):
            raise UsageError(
                f"--strategy {self.name} fits one learner to rows that no process holds all of", why,
                "Take another strategy, or leave the option out",
            )  # fmt: skip

    def configured(self, config: TrainingConfig) -> TrainingConfig:
        """`config` with rows drawn by their numbers."""
        name = config.learners[0]
        section = config.section.model_copy(update={"row_draws": "row-number"})
        return config.model_copy(update={"sections": {**config.sections, name: section}, "strategy": self.name})

    def predict_peak(
        self,
        profile: DatasetProfile,
        config: TrainingConfig,
        resources: Resources,
        *,
        needs: AnalysisNeeds = NO_ANALYSES,
        budget: int = sys.maxsize,  # noqa: ARG002 - the rows lie elsewhere
    ) -> int:
        """Peak memory in bytes of the process that hands out shards; those of the shards are units of the plan."""
        return coordinating_peak(profile, config, resources, needs)

    def farmed_units(
        self, farm: Farm, dataset: Dataset, positions: Positions, profile: DatasetProfile, config: TrainingConfig
    ) -> tuple[PlannedUnit, ...]:
        """The shards."""
        ranges = shard_ranges(dataset, farm.slots or 1)
        genes, labels, config = positions.codes(GENE), positions.labels, self.configured(config)
        return tuple(
            PlannedUnit(
                name=f"shard-{number + 1}-of-{len(ranges)}",
                genes=len(np.unique(genes[rows])),
                rows=rows.stop - rows.start,
                class_counts={c.label: int((labels[rows] == c).sum()) for c in CLASSES},
                predicted_peak_bytes=shard_peak(shape_of(profile, rows.stop - rows.start, config), config),
            )
            for number, rows in enumerate(ranges)
        )

    def require_room(self, farm: Farm, units: Sequence[PlannedUnit], predicted_peak: int, budget: int) -> None:
        """See that every worker has room for its shard, and this machine for all that are here."""
        shards = [unit.predicted_peak_bytes for unit in units]
        farm.require(max(shards), _ADVICE)
        self.require_fit(predicted_peak + farm.reserved + (sum(shards) if farm.here else 0), budget)

    def _fit(self, task: TrainingTask) -> StrategyFit:
        return super()._fit(replace(task, device="cpu"))

    def _train(self, task: TrainingTask, folds: Folds, rows: TrainingInputs | None, change: ChangeJob) -> FittedProblem:
        sample = rows.sample if isinstance(rows, TrainingRows) else None
        with scratch_folder(task.run_path.absolute(), "shards") as folder:
            return fit_table(task, folds, change=change, apart=_OverShards(folder, sample))


class _OverShards:
    """Fits over shards, in a folder of their own each time."""

    def __init__(self, folder: Path, sample: Any) -> None:
        self._folder, self._sample = folder, sample
        self._common: Common | None = None
        self._times = 0

    def __call__(
        self, task: TrainingTask, each: Sequence[FitJob], jobs: Sequence[FitJob], title: str
    ) -> dict[str, Fitted]:
        if self._common is None:
            self._common, self._sample = Common(task, self._sample, each), None
        self._times += 1
        own = self._folder / str(self._times)
        own.mkdir()
        return train_over_shards(task, self._common, own, jobs, title)


def _obstacles(config: TrainingConfig) -> Iterator[str]:
    """What needs all rows in one process."""
    learner = config.learner
    if config.distributed is None:
        yield "no --distributed names workers"
    if not learner.traits.shards:
        yield f"{learner.name} is fitted to rows that one process holds"
    if config.mine_negatives is not None:
        yield "--mine-negatives adds rows to the table between fits"
    if config.stages is not None:
        yield "--stages begin with scores of all rows, which one process computes"
    if config.second_pass:
        yield "--second-pass trains on columns that this process computes"
    if config.goes_on:
        yield "--init-from and --pretrain begin with scores of all rows, which one process computes"
    if config.max_features is not None:
        yield "--max-features tries short boosters on rows that one process holds"
    if config.device == "cuda":
        yield "--device cuda holds all rows on one GPU"
    section = config.section
    if learner.traits.shards and section.trees_per_round > 1 and section.subsample < 1:
        yield "--trees-per-round draws rows for each tree, here they are drawn once a round (or give --subsample 1)"
