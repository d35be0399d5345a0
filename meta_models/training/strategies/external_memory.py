"""One model over all genes whose quantised matrix lies on disk, for tables that even that matrix outgrows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from traceback import clear_frames
from typing import ClassVar

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.learners.seam import Resources, Shape
from meta_models.resources.needs import NO_ANALYSES, AnalysisNeeds
from meta_models.run_folder import scratch_folder
from meta_models.run_folder.native_files import plain_name
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.memory import profile_peak, shape_of
from meta_models.training.strategies.single_model import SingleModelStrategy


class ExternalMemoryStrategy(SingleModelStrategy):
    """The single model, trained page by page. Of rows chosen by name only: pages are read for each level of each tree.

    Boosters are trained one after another, each with all threads: XGBoost's threads, which read the pages, do not
    live on in a forked process.
    """

    name: ClassVar[str] = "external_memory"
    title: ClassVar[str] = "External-Memory Model"
    has_units: ClassVar[bool] = False

    def obstacle(self, config: TrainingConfig) -> str:
        """Learners that keep nothing on disk."""
        learner = config.learner
        return "" if learner.traits.on_disk else f"{learner.name} holds what it makes of the rows in memory"

    def predict_peak(
        self,
        profile: DatasetProfile,
        config: TrainingConfig,
        resources: Resources,
        *,
        needs: AnalysisNeeds = NO_ANALYSES,
        budget: int = sys.maxsize,  # noqa: ARG002 - pages have one size
    ) -> int:
        """Peak memory of the process tree in bytes."""
        return profile_peak(profile, config, _on_disk(resources), needs)

    def cache_bytes(self, shape: Shape, config: TrainingConfig) -> int:
        """Bytes of the pages of the matrix, or of the tracks of genes."""
        return config.learner.footprint(shape, config.section, _on_disk(Resources())).disk

    @contextmanager
    def _cache(self, task: TrainingTask) -> Iterator[Path | None]:
        need = self.cache_bytes(shape_of(task.profile, task.dataset.n_rows, task.config), task.config)
        scratch = scratch_folder(task.run_path, "matrix", need=need, elsewhere=task.config.cache_dir)
        with scratch as folder, plain_name(folder) as name:
            try:
                yield Path(name)
            except BaseException as error:
                clear_frames(error.__traceback__)  # they hold the matrix, which must go before its folder
                raise


def _on_disk(resources: Resources) -> Resources:
    """`resources` with some folder for what is prepared."""
    return replace(resources, cache=resources.cache or Path())
