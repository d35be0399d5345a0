"""First-pass models that saw neither of two folds.

The second pass of fold k is trained on the genes of each other fold j with first-pass scores of models that saw
neither j, which is scored, nor k, which is held out. That model is the same for k and j: one for each two folds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import TypeAlias

import numpy as np

from meta_models.errors import InputError
from meta_models.learners.continued import join_served
from meta_models.learners.seam import FitJob
from meta_models.model import FittedModel, ModelInfo, SingleModel
from meta_models.schema import CLASSES
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import held_out_jobs
from meta_models.training.fitting.problem import task_problem
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies.single_model import SingleModelStrategy

Pair: TypeAlias = frozenset[int]


def fit_pairs(strategy: SingleModelStrategy, task: TrainingTask, folds: Folds) -> dict[Pair, FittedModel]:
    """The uncalibrated model of each two folds, trained on the genes of all others.

    Raises
    ------
    InputError
        If a class is absent outside of two folds.
    """
    jobs = {Pair(pair): list(_jobs(task, folds, pair, number)) for number, pair in enumerate(_pairs(folds))}
    everything = [job for of_pair in jobs.values() for job in of_pair]
    for job in everything:
        _require_classes(task, job)
    fitted = strategy.fit_jobs(task, everything, "First pass without two folds")
    learner, info = task.config.learner, ModelInfo(strategy=strategy.name, genes=())
    predictors = {
        pair: join_served(learner, [fitted[job.name].predictor for job in of_pair]) for pair, of_pair in jobs.items()
    }
    return {
        pair: SingleModel(predictor, task.features, learner=learner.name, info=info)
        for pair, predictor in predictors.items()
    }


def _pairs(folds: Folds) -> Iterator[tuple[int, int]]:
    return combinations(range(folds.n_folds), 2)


def _jobs(task: TrainingTask, folds: Folds, pair: tuple[int, int], number: int) -> Iterator[FitJob]:
    """The jobs of a pair; the numbers of pairs follow those of the folds."""
    outside = Folds((~np.isin(folds.of_row, pair)).astype(np.int16), folds.groups, folds.genes)
    held_out = 0
    for job in held_out_jobs(task_problem(task, outside), [held_out]):
        name = job.name.replace(f"fold-{held_out}", f"first-without-{pair[0]}-{pair[1]}")
        yield replace(job, name=name, fold=folds.n_folds + number)


def _require_classes(task: TrainingTask, job: FitJob) -> None:
    counts = np.bincount(task.positions.labels[job.train], minlength=len(CLASSES))
    if absent := [c.label for c in CLASSES if not counts[c]]:
        raise InputError(
            "--second-pass needs every class in the genes outside of any two folds",
            f"{job.name} has no row of {', '.join(absent)} to train on",
            "Give more genes or more folds, or leave --second-pass out",
        )
