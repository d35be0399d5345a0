"""The features of a task, prepared once, and every booster that is trained on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.base import BoosterJob, FittedBooster
from meta_models.learners.registry import FAMILIES
from meta_models.learners.xgboost.page_digests import PageDigests
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FittedProblem, fit_one_vs_rest
from meta_models.training.fitting.problem import audit_task, task_bins, task_problem
from meta_models.training.fitting.run_jobs import train_boosters
from meta_models.training.fitting.task import TrainingTask

ChangeJob = Callable[[BoosterJob], BoosterJob]


def as_it_is(job: BoosterJob) -> BoosterJob:
    """Change nothing."""
    return job


def fit_table(
    task: TrainingTask,
    folds: Folds,
    *,
    bins: NDArray[np.float32] | None = None,
    cache: Path | None = None,
    change: ChangeJob = as_it_is,
    held_out: Sequence[int] | None = None,
    label: str = "",
) -> FittedProblem:
    """Train the boosters of `held_out` (by default all folds) and the final ones from one matrix.

    Parameters
    ----------
    bins : ndarray of float32 (at most ``max_bin``, n_features), optional
        Of the features of `task`, if they are known already.
    cache : Path, optional
        Folder that holds the matrix; without it, it is held in memory.
    change : callable
        What is done to each job before it is trained: its name, its weights.
    label : str
        Whose boosters these are, for the progress line.
    """
    bins = task_bins(task, audit_task(task)) if bins is None else bins
    family = FAMILIES[task.config.family]
    table = family.prepare(task.dataset, task.features, bins, task.config, threads=task.threads, cache=cache)
    pages = None if cache is None else PageDigests.of(cache)
    train = partial(_train_jobs, task, table, change, label, pages=pages)
    return fit_one_vs_rest(task_problem(task, folds), train, held_out=held_out)


def _train_jobs(
    task: TrainingTask,
    table: Any,
    change: ChangeJob,
    label: str,
    jobs: Sequence[BoosterJob],
    title: str,
    *,
    pages: PageDigests | None,
) -> dict[str, FittedBooster]:
    """A function of its own: the frame of a closure would keep `table` alive as long as the traceback of an error."""
    changed = [change(replace(job, features=task.columns.get(job.fold))) for job in jobs]
    fitted = train_boosters(task, table, changed, f"{title}{label}", pages=pages)
    return {job.name: fitted[renamed.name] for job, renamed in zip(jobs, changed, strict=True)}
