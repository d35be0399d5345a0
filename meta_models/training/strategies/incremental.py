"""One model over all genes by a learner that sees the table block by block, pass by pass."""

from __future__ import annotations

import sys
from typing import ClassVar

from meta_models.choice import INCREMENTAL
from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.learners.seam import Resources
from meta_models.resources.needs import NO_ANALYSES, AnalysisNeeds
from meta_models.training.fitting.running.cores import jobs_in_all
from meta_models.training.memory import profile_peak
from meta_models.training.strategies.single_model import SingleModelStrategy


class IncrementalStrategy(SingleModelStrategy):
    """The single model, all folds and the final model at once: a block of rows is read once for all of them.

    After each pass what was learnt is kept, so that a run that was stopped goes on with the pass it was in. What it
    becomes is what the single model becomes.
    """

    name: ClassVar[str] = INCREMENTAL
    title: ClassVar[str] = "Incremental Model"
    streamed: ClassVar[bool] = True

    def obstacle(self, config: TrainingConfig) -> str:
        """Learners that need more of the table at a time than a block, and nets, which have passes of their own."""
        learner = config.learner
        if learner.traits.inputs == "genes":
            return f"{learner.name} goes over whole genes, by epochs of its own"
        return "" if learner.traits.streamed else f"{learner.name} is fitted on all rows at a time, not block by block"

    def predict_peak(
        self,
        profile: DatasetProfile,
        config: TrainingConfig,
        resources: Resources,
        *,
        needs: AnalysisNeeds = NO_ANALYSES,
        budget: int = sys.maxsize,  # noqa: ARG002 - a block takes what it takes
    ) -> int:
        """Peak memory of the process in bytes: a block, and what all fits have learnt."""
        return profile_peak(profile, config, resources, needs, at_a_time=jobs_in_all(config))
