"""The features of a task, prepared once, and every fit on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from meta_models.learners.seam import FitJob, Fitted
from meta_models.learners.seam.inputs import TrainingInputs
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.inputs.motif_columns import motif_columns
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.one_vs_rest import FittedProblem, fit_one_vs_rest, one_of_each_fold
from meta_models.training.fitting.problem import audit_task, task_problem, task_rows
from meta_models.training.fitting.running.apart import train_apart
from meta_models.training.fitting.running.run_jobs import train_jobs
from meta_models.training.fitting.running.stream_jobs import stream_jobs
from meta_models.training.fitting.task import TrainingTask

ChangeJob = Callable[[FitJob], FitJob]
#: Fits jobs of a task in processes apart, told one job of each fold; the results by the name of the job.
TrainApart = Callable[[TrainingTask, Sequence[FitJob], Sequence[FitJob], str], dict[str, Fitted]]


def as_it_is(job: FitJob) -> FitJob:
    """Change nothing."""
    return job


def fit_table(
    task: TrainingTask,
    folds: Folds,
    *,
    rows: TrainingInputs | None = None,
    cache: Path | None = None,
    change: ChangeJob = as_it_is,
    held_out: Sequence[int] | None = None,
    label: str = "",
    streamed: bool = False,
    apart: TrainApart = train_apart,
) -> FittedProblem:
    """Fit for `held_out` (by default all folds) and for the final model on rows that are prepared once.

    Parameters
    ----------
    rows : TrainingRows or TrainingGenes, optional
        The features of `task`, if they were looked at already, or its genes.
    cache : Path, optional
        Folder that holds what is prepared; without it, it is held in memory.
    change : callable
        What is done to each job before it is fitted: its name, its weights.
    label : str
        Whose fits these are, for the progress line.
    streamed : bool
        Whether all fits go over the rows together, pass by pass.
    apart : callable
        How jobs are fitted where the task's farm is not this process.
    """
    problem = task_problem(task, folds)
    each = [change(job) for job in one_of_each_fold(problem, held_out)]
    if task.farm.apart:
        return fit_one_vs_rest(problem, partial(_train_apart, apart, task, each, change, label), held_out=held_out)
    with _preparation(task, each, rows, cache) as preparation:
        train = partial(_train_jobs, task, preparation, change, label, streamed)
        return fit_one_vs_rest(problem, train, held_out=held_out)


def fit_jobs(task: TrainingTask, jobs: Sequence[FitJob], title: str, cache: Path | None = None) -> dict[str, Fitted]:
    """Fit `jobs` on the rows of `task`, prepared once in a process; the results by the name of the job.

    Parameters
    ----------
    title : str
        For the progress line.
    cache : Path, optional
        Folder that holds what is prepared; without it, it is held in memory.
    """
    one_of_each = list({job.fold: job for job in jobs}.values())
    if task.farm.apart:
        return _train_apart(train_apart, task, one_of_each, as_it_is, "", jobs, title)
    with _preparation(task, one_of_each, None, cache) as preparation:
        return _train_jobs(task, preparation, as_it_is, "", False, jobs, title)  # noqa: FBT003


def _preparation(
    task: TrainingTask, one_of_each: Sequence[FitJob], rows: TrainingInputs | None, cache: Path | None
) -> Preparation:
    """The rows of `task` for a learner, with the motif scores of the folds that the jobs `one_of_each` are of."""
    rows = task_rows(task, audit_task(task)) if rows is None else rows
    resources, motifs = replace(task.resources, cache=cache), motif_columns(task, one_of_each)
    return Preparation(task.config.learner, rows, task.config.section, resources, motifs)


def _train_jobs(
    task: TrainingTask, preparation: Preparation, change: ChangeJob, label: str, streamed: bool,  # noqa: FBT001
    jobs: Sequence[FitJob], title: str,
) -> dict[str, Fitted]:  # fmt: skip
    """A function of its own: the frame of a closure would keep `preparation` alive as long as an error's traceback."""
    changed = _changed(task, change, jobs)
    train = stream_jobs if streamed else train_jobs
    fitted = train(task, preparation, changed, f"{title}{label}")
    return {job.name: fitted[renamed.name] for job, renamed in zip(jobs, changed, strict=True)}


def _train_apart(
    apart: TrainApart, task: TrainingTask, each: Sequence[FitJob], change: ChangeJob, label: str,
    jobs: Sequence[FitJob], title: str,
) -> dict[str, Fitted]:  # fmt: skip
    changed = _changed(task, change, jobs)
    fitted = apart(task, each, changed, f"{title}{label}")
    return {job.name: fitted[renamed.name] for job, renamed in zip(jobs, changed, strict=True)}


def _changed(task: TrainingTask, change: ChangeJob, jobs: Sequence[FitJob]) -> list[FitJob]:
    """`jobs` with the features of their folds, and what the caller makes of them."""
    return [change(replace(job, features=task.columns.get(job.fold))) for job in jobs]
