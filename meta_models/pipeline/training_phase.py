"""The training of a run: in one pass or two, of labels or of a teacher; or its units alone, for others to do."""

from __future__ import annotations

import dataclasses
import logging

from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.places import table_path
from meta_models.result import Note, TrainingResult
from meta_models.result_files import save_result
from meta_models.run_folder import RunFolder, UnitPlan
from meta_models.training.distillation.student import distil
from meta_models.training.distillation.teacher import open_teacher
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.plan import Plan
from meta_models.training.second_pass.planned import plan_twice
from meta_models.training.second_pass.requirements import require_second_pass
from meta_models.training.second_pass.train import train_twice
from meta_models.training.several.learners import plan_units, train
from meta_models.training.unused import unused_options

logger = logging.getLogger(__name__)


def trained(plan: Plan, task: TrainingTask, notes: tuple[Note, ...], folder: RunFolder) -> TrainingResult:
    """Train and save; units that were planned for others have been collected then."""
    teacher = task.config.teacher
    unused = tuple(unused_options(task.config, plan.strategy.name))
    for text in unused:
        logger.warning("%s", text)
    if task.config.second_pass:
        result = train_twice(require_second_pass(task.config, plan.strategy), task, _genes(task.config))
    else:
        result = train(plan.strategy, task) if teacher is None else distil(open_teacher(teacher), task)
    told = (*_choice(task.config), *(Note("info", text) for text in unused), *result.notes, *notes)
    result = dataclasses.replace(result, left_out=task.left_out, notes=told)
    save_result(result, plan.strategy.model_file, folder)
    logger.info("Saved %s", folder.path / plan.strategy.model_file)
    UnitPlan.remove(folder.path)
    return result


def planned(plan: Plan, task: TrainingTask, folder: RunFolder) -> None:
    """Write down the units of the run for ``meta-models unit``, and say how to go on."""
    units = UnitPlan(UnitPlan.folder_of(folder.path))
    if task.config.second_pass:
        strategy = require_second_pass(task.config, plan.strategy)
        finished = plan_twice(strategy, task, _genes(task.config), units)
    else:
        finished = len(plan_units(plan.strategy, task, units)) == task.config.members
    folder.close_planned()
    if finished:
        logger.info("Nothing is left to be done apart")
    else:
        count = len(units.units)
        logger.info("Planned %d units, of %.2f GB at most: meta-models unit %s i/N does every N-th of them, N up to %d",
                    count, plan.predicted_peak / 1e9, folder.path, count)  # fmt: skip
    logger.info(
        "Then the same command with --resume collects them; with --plan-only it plans what depends on them, else it"
        " does that and ends"
    )


def _genes(config: TrainingConfig) -> GeneFolder:
    return BuiltFolder.open(table_path(config.dataset)).genes


def _choice(config: TrainingConfig) -> tuple[Note, ...]:
    """What a reader must know of how the options were chosen."""
    return () if config.chosen_by is None else (Note("warning", config.chosen_by),)
