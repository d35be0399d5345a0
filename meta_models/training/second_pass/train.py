"""Training twice: the second pass sees what the first one, out of fold, says around each position.

It is kept where the other folds say so: with each fold left out in turn, the whole interval of the difference in
average precision lies above 0. Then every fold's second pass was chosen without a look at that fold.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from meta_models.dataset.genes.folder import GeneFolder
from meta_models.learners.continued import join_served
from meta_models.learners.seam import FitJob, Fitted
from meta_models.metrics import Gain
from meta_models.model import FittedModel, ModelInfo, SingleModel
from meta_models.model.first_pass import FirstPass
from meta_models.result import CALIBRATED, Note, TrainingResult, probability_columns
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import (
    FINAL,
    FittedProblem,
    final_rounds,
    held_out_jobs,
    way_of_rounds,
    whole_jobs,
)
from meta_models.training.fitting.pairs import Pair, fit_pairs
from meta_models.training.fitting.problem import audit_task, task_problem
from meta_models.training.fitting.sketches import sketch_audit
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.second_pass.columns import FirstPassColumns, compute_columns
from meta_models.training.several.joining import alone
from meta_models.training.several.leaderboard import compare
from meta_models.training.strategies.base import StrategyFit
from meta_models.training.strategies.single_model import SingleModelStrategy

logger = logging.getLogger(__name__)


def train_twice(strategy: SingleModelStrategy, task: TrainingTask, genes: GeneFolder) -> TrainingResult:
    """The result of two passes, or of the first one where the second is not better.

    Parameters
    ----------
    genes : GeneFolder
        The genes of the table, at every position.

    Raises
    ------
    InputError
        If the genes are not those of the table, or are too few.
    """
    first, started = strategy.train(task), time.monotonic()
    folds = strategy.folds(task)
    columns = compute_columns(task, folds, genes, uncalibrated(first), pair_models(strategy, task, folds))
    fit = fit_second(strategy, task, folds, columns)
    passes = {**uncalibrated(first), FINAL: first.model.with_calibrators(None)}
    wide = columns.task(task, FINAL)
    told = _told(strategy, wide, folds, fit, {fold: FirstPass(model, genes.recipe) for fold, model in passes.items()})
    second = strategy.assembled(wide, told, (), time.monotonic() - started)
    return _decided(task, folds, first, replace(second, columns=columns.of(FINAL)))


def uncalibrated(first: TrainingResult) -> dict[int, FittedModel]:
    """The first-pass model of each fold, as the second pass sees it."""
    return {fold: model.with_calibrators(None) for fold, model in first.fold_models.items()}


def pair_models(strategy: SingleModelStrategy, task: TrainingTask, folds: Folds) -> dict[Pair, FittedModel]:
    """The uncalibrated first-pass model of each two folds, trained on the genes of all others.

    Raises
    ------
    InputError
        If a class is absent outside of two folds.
    """
    learner, info = task.config.learner, ModelInfo(strategy=strategy.name, genes=())
    pairs = fit_pairs(task, folds, strategy.fit_jobs, "--second-pass")
    predictors = {
        pair: join_served(learner, [fitted.predictor for _, fitted in of_pair]) for pair, of_pair in pairs.items()
    }
    return {
        pair: SingleModel(predictor, task.features, learner=learner.name, info=info)
        for pair, predictor in predictors.items()
    }


def fit_second(
    strategy: SingleModelStrategy, task: TrainingTask, folds: Folds, columns: FirstPassColumns
) -> FittedProblem:
    """The second pass of each fold, and of the final model: each on columns of its own."""
    fitted, held_out = dict[str, Fitted](), list[FitJob]()
    for fold in range(folds.n_folds):
        jobs, of_fold = fit_fold(strategy, task, folds, columns, fold)
        fitted |= of_fold
        held_out += jobs
    whole = columns.task(task, FINAL)
    problem = task_problem(whole, folds)
    rounds = final_rounds(held_out, fitted) if way_of_rounds(problem) == "early-stopping" else None
    final = whole_jobs(problem, rounds)
    fitted |= _fitted(strategy, whole, final, "Second pass of the final model")
    return FittedProblem(problem, held_out, final, fitted)


def fit_fold(
    strategy: SingleModelStrategy, task: TrainingTask, folds: Folds, columns: FirstPassColumns, fold: int
) -> tuple[list[FitJob], dict[str, Fitted]]:
    """The jobs of the second pass that hold `fold` out, and their results by name."""
    own = columns.task(task, fold)
    jobs = held_out_jobs(task_problem(own, folds), [fold])
    return jobs, _fitted(strategy, own, jobs, f"Second pass of fold {fold}")


def _fitted(strategy: SingleModelStrategy, task: TrainingTask, jobs: list[FitJob], title: str) -> dict[str, Fitted]:
    """Fits by the name of the job; their units say that they are of the second pass."""
    named = {f"second-{job.name}": job for job in jobs}
    fitted = strategy.fit_jobs(task, [replace(job, name=name) for name, job in named.items()], title)
    return {job.name: fitted[name] for name, job in named.items()}


def _told(
    strategy: SingleModelStrategy, task: TrainingTask, folds: Folds, fit: FittedProblem, first: Mapping[int, FirstPass]
) -> StrategyFit:
    """What is told of the second pass; its models know their first one."""
    audit = audit_task(task)
    told = strategy.told(task, folds, fit, audit.missing, sketch_audit(task, audit))
    fold_models = {fold: _knowing(model, first[fold]) for fold, model in told.fold_models.items()}
    return replace(
        told, fold_models=fold_models, build=lambda calibrators: _knowing(told.build(calibrators), first[FINAL])
    )


def _knowing(model: FittedModel, first: FirstPass) -> FittedModel:
    return model.with_info(replace(model.info, first_pass=first))


def _decided(task: TrainingTask, folds: Folds, first: TrainingResult, second: TrainingResult) -> TrainingResult:
    """The second result, where it is better by what any other folds say; else the first; with a word on that."""
    scores = [result.oof.select(probability_columns(CALIBRATED)).to_numpy().astype(float) for result in (first, second)]
    gain = compare(task, *scores)
    others = [_gain_on(task, folds.of_row != fold, *scores) for fold in range(folds.n_folds)]
    keep = all(found.real for found in others)
    kept = second if keep else first
    verdict = f"Second pass minus first, out of fold: {gain.text}."
    if not keep:
        verdict += " No gain that the other folds of every fold agree on; saved is the first pass."
    logger.info("%s", verdict)
    seconds = {**first.seconds, "second pass": sum(second.seconds.values())}
    told = replace(kept, notes=(*first.notes, Note("info", verdict)), seconds=seconds)
    return alone(task, task.config.learner.name, told)


def _gain_on(task: TrainingTask, rows: np.ndarray, first: np.ndarray, second: np.ndarray) -> Gain:
    """The gain on some rows (a mask)."""
    return compare(replace(task, positions=task.positions.filter(rows)), first[rows], second[rows])
