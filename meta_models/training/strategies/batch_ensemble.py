"""Many models, each trained on a batch of genes in a process of its own, combined into one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import ClassVar

from meta_models.choice import Choice
from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.dataset.profile import DatasetProfile
from meta_models.errors import UnitsFailed
from meta_models.learners.seam import Resources
from meta_models.resources.needs import NO_ANALYSES, AnalysisNeeds
from meta_models.result import Note
from meta_models.schema import CLASSES
from meta_models.training.batches.memory import BatchMemory
from meta_models.training.batches.packing import Packing, make_batches
from meta_models.training.batches.runner import BatchRun, train_batches
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.selection import OUT_OF_BATCH, choose_ensemble_cv
from meta_models.training.strategies.base import PlannedUnit, StrategyFit, TrainingStrategy
from meta_models.training.strategies.ensemble_fit import STRATEGY, fit_ensemble

logger = logging.getLogger(__name__)


class BatchEnsembleTrainingStrategy(TrainingStrategy):
    """Every gene is trained on by one member, and scored by models that never saw it.

    Parameters
    ----------
    max_genes_per_batch : int, optional
        Most genes of a batch; by default what the configuration says.
    max_memory_gb : float, optional
        Memory in GB that the process of a batch may take; by default ``max_batch_gb`` of the configuration.
    """

    name: ClassVar[str] = STRATEGY
    title: ClassVar[str] = "Batch Ensemble"
    keeps_fold_models: ClassVar[bool] = True
    has_units: ClassVar[bool] = True
    model_file: ClassVar[str] = "model_multiclass_all_genes.pkl"

    def __init__(self, max_genes_per_batch: int | None = None, max_memory_gb: float | None = None) -> None:
        given = {"max_genes_per_batch": max_genes_per_batch, "max_batch_gb": max_memory_gb}
        self._overrides = {name: value for name, value in given.items() if value is not None}

    def describe(self, config: TrainingConfig) -> str:
        """The title with the most genes of a batch."""
        return f"{self.title} ({self.configured(config).max_genes_per_batch} genes/batch)"

    def obstacle(self, config: TrainingConfig) -> str:
        """Learners that hold a piece of a gene at a time, whatever the number of genes."""
        learner = config.learner
        if learner.traits.inputs != "genes":
            return ""
        return f"{learner.name} reads whole genes piece by piece, and needs no batches of them"

    def configured(self, config: TrainingConfig) -> TrainingConfig:
        """`config` with the caps that were given."""
        return TrainingConfig.from_mapping({**dict(config), **self._overrides})

    def predict_peak(
        self, profile: DatasetProfile, config: TrainingConfig, resources: Resources, *,
        needs: AnalysisNeeds = NO_ANALYSES, budget: int = sys.maxsize,
    ) -> int:  # fmt: skip
        """Peak memory of the process tree in bytes: units beside the process that started them, or scoring."""
        return self._memory(profile, self.configured(config), resources, budget).peak(needs)

    def planned_units(
        self, positions: Positions, profile: DatasetProfile, config: TrainingConfig, resources: Resources, budget: int
    ) -> tuple[PlannedUnit, ...]:
        """The batches."""
        config = self.configured(config)
        memory = self._memory(profile, config, resources, budget)
        return tuple(
            PlannedUnit(
                name=batch.name,
                genes=batch.genes,
                rows=batch.n_rows,
                class_counts={c.label: batch.class_counts[c] for c in CLASSES},
                predicted_peak_bytes=memory.unit(batch.n_rows),
            )
            for batch in make_batches(positions, config, row_cap=memory.row_cap).batches
        )

    def _fit(self, task: TrainingTask) -> StrategyFit:
        config = task.config
        memory = self._memory(task.profile, config, task.resources, task.budget)
        packing = make_batches(task.positions, config, row_cap=memory.row_cap)
        cv = choose_ensemble_cv(config, len(packing.batches))
        folds = None if cv.name == OUT_OF_BATCH else make_folds(task.positions, config)
        logger.info("%d batches, scored %s (%s)", len(packing.batches), cv.name, cv.reason)
        run = train_batches(task, packing.batches, folds, memory)
        _require_scorers(run, cv)
        return fit_ensemble(task, run, folds, cv, tuple(_notes(packing, run, cv)))

    @staticmethod
    def _memory(profile: DatasetProfile, config: TrainingConfig, resources: Resources, budget: int) -> BatchMemory:
        return BatchMemory(profile, config, resources, budget)


def _require_scorers(run: BatchRun, cv: Choice) -> None:
    least = 2 if cv.name == OUT_OF_BATCH else 1
    if len(run.members) < least:
        raise UnitsFailed(
            f"At least {least} batches must be trained to score genes {cv.name}",
            run.missing_text(),
            "Run with --resume",
        )


def _notes(packing: Packing, run: BatchRun, cv: Choice) -> Iterator[Note]:
    if run.failed:
        yield Note("warning", f"INCOMPLETE ENSEMBLE: {run.missing_text()}.")
    if len(run.members) == 1:
        yield Note(
            "warning",
            "One batch holds all genes, and an ensemble of one member is a single model. Lower --max-genes-per-batch "
            "for more members.",
        )
    how = (
        "every gene is scored by the members that were not trained on it"
        if cv.name == OUT_OF_BATCH
        else "the genes of a fold are scored by members refitted without them"
    )
    yield Note("info", f"The ensemble is scored {cv.name} ({cv.reason}): {how}.")
    for text in (*packing.notes, *run.splits):
        yield Note("info", text)
    for member in run.members:
        for note in () if member.trained.mined is None else member.trained.mined.notes:
            yield Note(note.level, f"{member.batch.name}: {note.text}")
