"""Fits that saw neither of two folds.

What trains fold k a second time needs scores of its training rows by models that saw neither fold j, which a row is of,
nor fold k, which is held out. That model is the same for k and j: one for each two folds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeAlias

import numpy as np

from meta_models.config import TrainingConfig
from meta_models.errors import InputError
from meta_models.learners.seam import FitJob, Fitted
from meta_models.schema import CLASSES
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import held_out_jobs
from meta_models.training.fitting.problem import task_problem
from meta_models.training.fitting.task import TrainingTask

Pair: TypeAlias = frozenset[int]
#: Fits jobs of a task under a title; the results by the name of the job.
FitJobs: TypeAlias = Callable[[TrainingTask, Sequence[FitJob], str], dict[str, Fitted]]
#: With fewer there are no genes outside two of them.
LEAST_FOLDS = 3


def pair_obstacles(config: TrainingConfig) -> Iterator[tuple[str, str]]:
    """Why no model can be trained without any two folds, and what to do about it."""
    if config.n_folds < LEAST_FOLDS:
        yield f"Found --n-folds {config.n_folds}: a model trained without two of them has none left", "Give 3 or more"
    odd = {
        "--max-features": config.max_features is not None,
        "--rounds cross-validation": config.rounds == "cross-validation",
    }
    for option in (option for option, given in odd.items() if given):
        yield f"Found {option}, and models are trained without any two folds", "Leave one of them out"


def fit_pairs(task: TrainingTask, folds: Folds, fit: FitJobs, option: str) -> dict[Pair, list[tuple[FitJob, Fitted]]]:
    """The fits of each two folds, trained on the genes of all others, in the order of the classes.

    Parameters
    ----------
    option : str
        What asks for them, in messages.

    Raises
    ------
    InputError
        If a class is absent outside of two folds.
    """
    jobs = {Pair(pair): list(_jobs(task, folds, pair, number)) for number, pair in enumerate(_pairs(folds))}
    everything = [job for of_pair in jobs.values() for job in of_pair]
    for job in everything:
        _require_classes(task, job, option)
    fitted = fit(task, everything, "Without two folds")
    return {pair: [(job, fitted[job.name]) for job in of_pair] for pair, of_pair in jobs.items()}


def _pairs(folds: Folds) -> Iterator[tuple[int, int]]:
    return combinations(range(folds.n_folds), 2)


def _jobs(task: TrainingTask, folds: Folds, pair: tuple[int, int], number: int) -> Iterator[FitJob]:
    """The jobs of a pair; the numbers of pairs follow those of the folds."""
    outside = Folds((~np.isin(folds.of_row, pair)).astype(np.int16), folds.groups, folds.genes)
    held_out = 0
    for job in held_out_jobs(task_problem(task, outside), [held_out]):
        name = job.name.replace(f"fold-{held_out}", f"first-without-{pair[0]}-{pair[1]}")
        yield replace(job, name=name, fold=folds.n_folds + number)


def _require_classes(task: TrainingTask, job: FitJob, option: str) -> None:
    counts = np.bincount(task.positions.labels[job.train], minlength=len(CLASSES))
    if absent := [c.label for c in CLASSES if not counts[c]]:
        raise InputError(
            f"{option} needs every class in the genes outside of any two folds",
            f"{job.name} has no row of {', '.join(absent)} to train on",
            f"Give more genes or more folds, or leave {option} out",
        )
