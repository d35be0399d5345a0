"""Training with each learner and each set of features that was asked for; one that fails does not cost the others."""

from __future__ import annotations

import logging

from meta_models.errors import InputError, MemoryBudgetError, UnitsFailed, UsageError
from meta_models.result import TrainingResult
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
