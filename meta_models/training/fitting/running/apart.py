"""Fits in processes of their own, on other machines perhaps: each prepares the rows for itself, once for its fits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from meta_models.errors import TimeUp
from meta_models.learners.seam import FitJob, Fitted
from meta_models.progress import Progress
from meta_models.resources import PeakSampler
from meta_models.run_folder import UnitHit, UnitKey, UnitRecord, UnitStore
from meta_models.training.fitting.inputs.motif_columns import motif_columns
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.problem import audit_task, task_rows
from meta_models.training.fitting.running.run_jobs import train_jobs
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import decode, unit_key

_ADVICE = "Give the process more memory, or take --strategy batch_ensemble"


@dataclass(frozen=True)
class JobsWork:
    """Fits over the rows of one table.

    Attributes
    ----------
    each : tuple of FitJob
        A job of each fold, as `motif_columns` takes them.
    limit : int
        Bytes at which the process stops itself.
    left : float or None
        Seconds in which fits may be begun, from when it begins; clocks are those of a machine.
    """

    task: TrainingTask
    each: tuple[FitJob, ...]
    jobs: tuple[FitJob, ...]
    title: str
    limit: int
    left: float | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the fits: each is a unit."""
        return tuple(job.name for job in self.jobs)

    def only(self, parts: Sequence[str]) -> Self:
        """The same for these fits."""
        return replace(self, jobs=tuple(job for job in self.jobs if job.name in parts))

    def placed(self, threads: int, limit: int) -> Self:
        """The same with so many threads, and so many bytes at most."""
        return replace(self, task=replace(self.task, threads=threads), limit=limit)

    def key(self, job: FitJob) -> UnitKey:
        """Key of the unit of `job`."""
        return UnitStore.key(unit_key(self.task, job))


@dataclass(frozen=True)
class JobsDone:
    """Made by `fit_jobs`: how each unit came about, in the process that did it; its files say what came of it."""

    records: tuple[tuple[str, UnitRecord], ...]


def fit_jobs(work: JobsWork) -> JobsDone:
    """Fit what is not yet in the store. Runs in a process of its own."""
    records: list[tuple[str, UnitRecord]] = []
    store = UnitStore(work.task.units.folder, lambda name, record: records.append((name, record)))
    ends_at = None if work.left is None else time.monotonic() + work.left
    task = replace(work.task, units=store, ends_at=ends_at)
    waiting = [job for job in work.jobs if not _reused(store, job.name, work.key(job))]
    if not waiting:
        return JobsDone(tuple(records))
    with PeakSampler(work.limit, advice=_ADVICE):
        rows, motifs = task_rows(task, audit_task(task)), motif_columns(task, work.each)
        with Preparation(task.config.learner, rows, task.config.section, task.resources, motifs) as preparation:
            train_jobs(task, preparation, waiting, work.title)
    return JobsDone(tuple(records))


def train_apart(task: TrainingTask, each: Sequence[FitJob], jobs: Sequence[FitJob], title: str) -> dict[str, Fitted]:
    """What `train_jobs` does, by processes of the task's farm.

    Raises
    ------
    MetaModelsError
        What a fit raised, or that its process died. That the time is over, once every fit in hand has ended.
    """
    work = JobsWork(task.portable(), tuple(each), tuple(jobs), title, task.budget, task.seconds_left)
    time_up: TimeUp | None = None
    waiting = [job.name for job in jobs if not _reused(task.units, job.name, work.key(job))]
    task.farm.require(task.predicted_peak)
    shares = task.farm.shares(len(waiting))
    executor = task.farm.executor(fit_jobs, threads=task.threads)
    with Progress(title, "fits").started(len(jobs)) as progress, executor:
        progress.advance(len(jobs) - len(waiting))
        for share in filter(None, (waiting[k::shares] for k in range(shares))):
            executor.start(_name(share), work.only(share))
        while len(executor):
            for ended in executor.ended():
                if isinstance(ended.error, TimeUp):
                    time_up = ended.error
                    continue
                for name, record in ended.unwrap().records:
                    task.units.tell(name, record)
                progress.advance(len(ended.argument.parts))
    if time_up is not None:
        raise time_up
    store = UnitStore(task.units.folder)
    return {job.name: decode(task.config.learner, store.awaited(job.name, work.key(job)).files()) for job in jobs}


def _reused(units: UnitStore, name: str, key: UnitKey) -> bool:
    """Whether a unit was finished earlier; of one that was not its process tells."""
    return units.holds(name, key) and isinstance(units.get(name, key), UnitHit)


def _name(share: Sequence[str]) -> str:
    """What the work of a share is called."""
    return share[0] if len(share) == 1 else f"{share[0]}-and-{len(share) - 1}-more"
