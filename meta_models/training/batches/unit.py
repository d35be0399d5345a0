"""One batch as a unit of work: its boosters, trained in a process of its own, and read back from their checkpoints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Self

import numpy as np

from meta_models.errors import InputError
from meta_models.learners.seam import FitJob, Fitted
from meta_models.resources import PeakSampler
from meta_models.run_folder import UnitHit, UnitKey, UnitRecord, UnitStore, json_bytes
from meta_models.schema import CLASSES
from meta_models.training.fitting.fit_table import ChangeJob, as_it_is, fit_table
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FittedProblem, Problem, fit_one_vs_rest, held_out_jobs, whole_jobs
from meta_models.training.fitting.problem import task_problem
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import decode, unit_key
from meta_models.training.mining.rounds import Mined, train_mined

_ADVICE = "Raise --max-batch-gb or --max-memory-gb, or lower --max-genes-per-batch"
_FACTS = "facts.json"


@dataclass(frozen=True)
class BatchWork:
    """All that the process of a batch is given.

    Attributes
    ----------
    name : str
        Name of the unit; those of its boosters begin with it.
    task : TrainingTask
        Restricted to the rows of the batch.
    folds : Folds
        What is held out of the batch: folds of the whole table, restricted likewise, or `inner_folds`.
    held_out : tuple of int
        Folds for each of which a model without its genes is trained.
    memory_limit : int
        Bytes at which the unit stops itself.
    """

    name: str
    task: TrainingTask
    folds: Folds
    held_out: tuple[int, ...]
    memory_limit: int

    @property
    def parts(self) -> tuple[str, ...]:
        """Its name: a batch is one unit."""
        return (self.name,)

    def only(self, parts: Sequence[str]) -> Self:
        """Itself."""
        del parts
        return self

    def placed(self, threads: int, limit: int) -> Self:
        """The same with so many threads, and so many bytes at most."""
        return replace(self, task=replace(self.task, threads=threads), memory_limit=min(self.memory_limit, limit))

    @cached_property
    def problem(self) -> Problem:
        """The rows of the batch, labelled."""
        return task_problem(self.task, self.folds)

    @cached_property
    def key(self) -> UnitKey:
        """Key of the unit that says that all is done."""
        jobs = held_out_jobs(self.problem, self.held_out) or self._final_jobs()
        keys = [unit_key(self.task, job) for job in jobs]
        return UnitStore.key({part: [key[part] for key in keys] for part in keys[0] if part != "job"})

    def check(self) -> None:
        """Find before anything is started what cannot be trained on.

        Raises
        ------
        InputError
            If a class has no row left to train on, or no genes are left to decide when to stop.
        """
        for job in held_out_jobs(self.problem, self.held_out) or self._final_jobs():
            counts = np.bincount(self.problem.labels[job.train], minlength=len(CLASSES))
            if (counts == 0).any():
                raise InputError(
                    f"Every class must occur in the genes that {self.name} trains on"
                    + (f" without fold {job.fold}" if self.held_out else ""),
                    f"Absent: {', '.join(c.label for c in CLASSES if counts[c] == 0)}",
                    "Raise --max-genes-per-batch, or give --rounds fixed",
                )

    def named(self, job: FitJob) -> FitJob:
        """`job` under the name of its unit."""
        return replace(job, name=f"{self.name}-{job.name}")

    def _final_jobs(self) -> list[FitJob]:
        return whole_jobs(self.problem)


@dataclass(frozen=True)
class TrainedBatch:
    """The boosters of a batch; made by `train_batch` and `load_batch`.

    Attributes
    ----------
    seconds, peak_bytes : float, int
        Wall and peak memory of the process that finished the batch; None where they were not kept.
    records : tuple of (str, UnitRecord)
        How each unit came about, in the process that did it.
    mined : Mined or None
        What mining did, where it was asked for; `fit` is its outcome.
    """

    fit: FittedProblem
    seconds: float | None
    peak_bytes: int | None
    records: tuple[tuple[str, UnitRecord], ...] = ()
    mined: Mined | None = None


def inner_folds(task: TrainingTask) -> tuple[Folds, tuple[int, ...]]:
    """What is held out of a batch of which every gene is trained on in the end: genes that only tell the rounds.

    With ``--rounds cross-validation`` one of `n_folds` parts of the families is held out, with ``early-stopping`` the
    genes that decide when to stop are all there is, and ``fixed`` needs none.
    """
    labels, groups = task.positions.labels, task.positions.relatives()
    of_row = np.ones(len(labels), np.int16)
    parts = min(task.config.n_folds, len(np.unique(groups)))
    if task.config.rounds == "cross-validation" and parts > 1:
        from sklearn.model_selection import StratifiedGroupKFold  # a second, which most processes of units save

        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=task.config.seed)
        of_row[next(splitter.split(labels[:, None], labels, groups))[1]] = 0
    return Folds(of_row, groups, groups), () if task.config.rounds == "fixed" else (0,)


def train_batch(work: BatchWork) -> TrainedBatch:
    """Train what is not yet in the store. Runs in the process of the unit."""
    started = time.monotonic()
    records: list[tuple[str, UnitRecord]] = []
    store = UnitStore(work.task.units.folder, lambda name, record: records.append((name, record)))
    task = replace(work.task, units=store, pool=None if work.task.pool is None else work.task.pool.of_process())
    with PeakSampler(work.memory_limit, advice=_ADVICE) as sampler:
        fit = _train(work, task, work.folds, as_it_is)
        mined = _mine(work, task, fit)
        fit = fit if mined is None else mined.fit
    seconds = time.monotonic() - started
    facts = {
        "genes": len(task.genes()),
        "rows": task.dataset.n_rows,
        "rounds": {name: fitted.rounds for name, fitted in sorted(fit.fitted.items())},
    }
    timing = {"total": seconds, "peak_bytes": float(sampler.peak_bytes)}
    store.put(work.name, work.key, {_FACTS: json_bytes(facts)}, timing=timing)
    return TrainedBatch(fit, seconds, sampler.peak_bytes, tuple(records), mined)


def load_batch(work: BatchWork) -> TrainedBatch | None:
    """The boosters of a batch that was finished earlier; None where anything is not there or changed.

    A batch that mined is gone through again in its process, where its boosters and scans are reused one by one.
    """
    store = work.task.units
    if work.task.pool is not None or not isinstance(store.get(work.name, work.key), UnitHit):
        return None
    try:
        fit = fit_one_vs_rest(work.problem, lambda jobs, _: _load(work, jobs), held_out=work.held_out)
    except _NotThere:
        return None
    timing = store.timing(work.name)
    peak = timing.get("peak_bytes")
    return TrainedBatch(fit, timing.get("total"), None if peak is None else int(peak))


class _NotThere(Exception):
    """A unit that cannot be reused."""


def _load(work: BatchWork, jobs: Sequence[FitJob]) -> dict[str, Fitted]:
    fitted, task = {}, work.task
    for job in jobs:
        named = work.named(job)
        unit = task.units.get(named.name, UnitStore.key(unit_key(task, named)))
        if not isinstance(unit, UnitHit):
            raise _NotThere(named.name)
        fitted[job.name] = decode(task.config.learner, unit.files())
    return fitted


def _train(work: BatchWork, task: TrainingTask, folds: Folds, change: ChangeJob) -> FittedProblem:
    """The boosters of the batch; `task` and `folds` are its own, or have mined rows behind its own."""
    return fit_table(
        task, folds, change=lambda job: work.named(change(job)), held_out=work.held_out, label=f", {work.name}"
    )


def _mine(work: BatchWork, task: TrainingTask, first: FittedProblem) -> Mined | None:
    """Mine as a single model of the batch does: its models see no gene of another batch, nor of the fold held out."""
    if task.pool is None:
        return None
    return train_mined(task, task.pool, work.folds, first, partial(_train, work), prefix=f"{work.name}-")
