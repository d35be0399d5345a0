"""Training with each of the learners that were asked for; one that fails does not cost the others."""

from __future__ import annotations

import logging
from dataclasses import replace

from meta_models.errors import InputError, MemoryBudgetError, UnitsFailed, UsageError
from meta_models.result import TrainingResult
from meta_models.run_folder import Recorded, Recording, UnitPlan
from meta_models.training.devices import CPU
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several.joining import join
from meta_models.training.strategies.base import TrainingStrategy

logger = logging.getLogger(__name__)


def train(strategy: TrainingStrategy, task: TrainingTask) -> TrainingResult:
    """Train with the learner of the configuration by `strategy`, or with each of several, which are then combined.

    Raises
    ------
    UnitsFailed
        If no learner could be fitted. Of some that could not the result says so.
    MetaModelsError
        As `TrainingStrategy.train` says, where there is one learner.
    """
    if len(task.config.learners) == 1:
        return strategy.train(task)
    strategy.require_fit(task.predicted_peak, task.budget)
    results, failed = _each(strategy, task)
    if not results:
        why = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise UnitsFailed("At least one learner must be fitted", why, "See each reason")
    return join(task, results, failed)


def _each(strategy: TrainingStrategy, task: TrainingTask) -> tuple[dict[str, TrainingResult], dict[str, str]]:
    """Results of the learners that were fitted, and why others were not, by name."""
    results, failed = dict[str, TrainingResult](), dict[str, str]()
    for name in task.config.learners:
        logger.info("Learner %s (%d of %d)", name, len(results) + len(failed) + 1, len(task.config.learners))
        try:
            results[name] = strategy.train(task_of(task, name))
        except (InputError, UsageError, UnitsFailed, MemoryBudgetError) as error:
            failed[name] = str(error)
            logger.warning("The learner %s failed, and the others go on without it: %s", name, error)
    return results, failed


def plan_units(strategy: TrainingStrategy, task: TrainingTask, plan: UnitPlan) -> tuple[str, ...]:
    """Write into `plan` the units of each learner that can be done now; names of learners of which nothing is left.

    Units that depend on others, such as the final fits after cross-validated rounds, are there once these are done.

    Raises
    ------
    UsageError
        If the strategy has no units.
    MetaModelsError
        As `TrainingStrategy.train` says.
    """
    require_apart(strategy, "--plan-only")
    several, finished = len(task.config.learners) > 1, []
    for name in task.config.learners:
        own = task_of(task, name) if several else task
        try:
            strategy.train(replace(own, farm=Recording(plan, f"{name}." if several else "")))
        except Recorded:
            continue
        finished.append(name)
    return tuple(finished)


def require_apart(strategy: TrainingStrategy, option: str) -> None:
    """Refuse a strategy whose work cannot be done by processes apart; raises UsageError."""
    if not strategy.has_units:
        raise UsageError(
            f"{option} needs a strategy with units that can be done apart",
            f"{strategy.name} was chosen",
            "Take --strategy single_model or batch_ensemble",
        )


def task_of(task: TrainingTask, name: str) -> TrainingTask:
    """`task` for the learner `name` alone, with units of its own, on the CPU where it can do nothing else."""
    config = task.config.of_learner(name)
    device = task.device if task.device in config.learner.traits.devices else CPU
    return replace(task, config=config, units=task.units.within(name), device=device)
