"""Training with each learner and each set of features that was asked for; one that fails does not cost the others."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from meta_models.errors import InputError, MemoryBudgetError, UnitsFailed, UsageError
from meta_models.result import TrainingResult
from meta_models.run_folder import Recording, UnitPlan, unless_recorded
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several.contestants import contestants
from meta_models.training.several.joining import alone, join
from meta_models.training.strategies.base import TrainingStrategy

logger = logging.getLogger(__name__)


def train(strategy: TrainingStrategy, task: TrainingTask) -> TrainingResult:
    """Train by `strategy` what the configuration names: one learner, or several members, which are then combined.

    Raises
    ------
    UnitsFailed
        If no member could be fitted. Of some that could not the result says so.
    MetaModelsError
        As `TrainingStrategy.train` says, where there is one member.
    """
    only, *others = contestants(task.config)
    if not others:
        of_variant = task if only.variant is None else only.task(task)
        return alone(task, only.name, strategy.train(of_variant))
    strategy.require_fit(task.predicted_peak, task.budget)
    results, failed = _each(strategy, task)
    if not results:
        why = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise UnitsFailed("At least one member must be fitted", why, "See each reason")
    return join(task, results, failed)


def _each(strategy: TrainingStrategy, task: TrainingTask) -> tuple[dict[str, TrainingResult], dict[str, str]]:
    """Results of the members that were fitted, and why others were not, by name."""
    results, failed = dict[str, TrainingResult](), dict[str, str]()
    for member in contestants(task.config):
        number = len(results) + len(failed) + 1
        logger.info("Member %s (%d of %d)", member.name, number, task.config.members)
        try:
            results[member.name] = strategy.train(member.task(task))
        except (InputError, UsageError, UnitsFailed, MemoryBudgetError) as error:
            failed[member.name] = str(error)
            logger.warning("The member %s failed, and the others go on without it: %s", member.name, error)
    return results, failed


def plan_units(strategy: TrainingStrategy, task: TrainingTask, plan: UnitPlan) -> tuple[str, ...]:
    """Write into `plan` the units of each member that can be done now; names of members of which nothing is left.

    Units that depend on others, such as the final fits after cross-validated rounds, are there once these are done.

    Raises
    ------
    UsageError
        If the strategy has no units.
    MetaModelsError
        As `TrainingStrategy.train` says.
    """
    require_units(strategy, "--plan-only")
    finished, several = list[str](), task.config.members > 1
    for member in contestants(task.config):
        own = task if member.variant is None and not several else member.task(task)
        recorded = replace(own, farm=Recording(plan, f"{member.unit}." if several else ""))
        if unless_recorded(partial(strategy.train, recorded)) is not None:
            finished.append(member.name)
    return tuple(finished)


def require_units(strategy: TrainingStrategy, option: str) -> None:
    """Refuse a strategy whose work cannot be done by processes apart; raises UsageError."""
    if not strategy.has_units:
        raise UsageError(
            f"{option} needs a strategy with units that can be done apart",
            f"{strategy.name} was chosen",
            "Take --strategy single_model or batch_ensemble",
        )
