"""The units of two passes, written down for others to do: those of the second one once the first one is done."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from meta_models.dataset.genes.folder import GeneFolder
from meta_models.run_folder import Recording, UnitPlan, unless_recorded
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.second_pass.columns import compute_columns
from meta_models.training.second_pass.train import fit_fold, fit_second, pair_models, uncalibrated
from meta_models.training.several.learners import require_units
from meta_models.training.strategies.single_model import SingleModelStrategy


def plan_twice(strategy: SingleModelStrategy, task: TrainingTask, genes: GeneFolder, plan: UnitPlan) -> bool:
    """Write into `plan` the units of both passes that can be done now; whether none is left.

    Units of the second pass are fitted on columns that the first one makes of the genes: these are computed here, once
    its units are done.

    Raises
    ------
    UsageError
        If the strategy has no units.
    InputError
        As :func:`~meta_models.training.second_pass.train.train_twice` says.
    """
    require_units(strategy, "--plan-only")
    task, folds = replace(task, farm=Recording(plan, "")), strategy.folds(task)
    first = unless_recorded(lambda: strategy.train(task))
    pairs = unless_recorded(lambda: pair_models(strategy, task, folds))
    if first is None or pairs is None:
        return False
    columns = compute_columns(task, folds, genes, uncalibrated(first), pairs)
    each = [partial(fit_fold, strategy, task, folds, columns, fold) for fold in range(folds.n_folds)]
    fitted = [unless_recorded(of_fold) for of_fold in each]
    return None not in fitted and unless_recorded(lambda: fit_second(strategy, task, folds, columns)) is not None
