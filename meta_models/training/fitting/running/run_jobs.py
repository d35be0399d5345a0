"""Running a list of fits over rows prepared once: reuse what is finished, run the rest side by side."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from meta_models.errors import UnitsFailed
from meta_models.learners.seam import FitJob, Fitted, Learner
from meta_models.progress import Progress
from meta_models.result import FitRecord
from meta_models.run_folder import UnitHit, UnitKey, UnitStore
from meta_models.schema import SpliceClass
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.running.cores import choose_processes, worker_count
from meta_models.training.fitting.running.part_way import fit_or_go_on, forget_state
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import decode, encode, unit_key
from meta_models.workers import CAN_FORK, run_jobs

logger = logging.getLogger(__name__)

#: Rounds that tell how much threads are worth.
PIECE = 3


def train_jobs(task: TrainingTask, preparation: Preparation, jobs: Sequence[FitJob], title: str) -> dict[str, Fitted]:
    """Fit `jobs` (each a unit that is kept as soon as it is finished); the results by the name of the job.

    What is handed back is what the files of the units make again: the predictors that would be served.

    Raises
    ------
    UnitsFailed, MemoryBudgetError
        If a fit fails as `Learner.failures` names, the process of a job died, or what was prepared changed meanwhile.
    """
    learner = preparation.learner
    keys = {job.name: UnitStore.key(unit_key(task, job)) for job in jobs}
    done = finished(task, keys)
    waiting = [job for job in jobs if job.name not in done]
    processes = processes_for(task, preparation, waiting)
    work = partial(_timed_fit, task, preparation, 1 if processes > 1 else task.threads)
    with Progress(f"{title} ({task.config.learner.name})", "fits").started(len(jobs)) as progress:
        progress.advance(len(done))
        for job, (files, seconds) in run_jobs(waiting, work, processes=processes, more=task.has_time):
            preparation.prepared.verify()
            task.units.put(job.name, keys[job.name], files, timing={"total": seconds})
            forget_state(task, job)
            done[job.name] = decode(learner, files)
            logger.info("%s: %s in %.1f s", job.name, _size(done[job.name]), seconds)
            progress.advance()
    if len(done) < len(jobs):
        task.require_time()
    return done


def finished(task: TrainingTask, keys: Mapping[str, UnitKey]) -> dict[str, Fitted]:
    """The fits whose units are in the store with the same keys."""
    found = [task.units.get(name, key) for name, key in keys.items()]
    return {hit.name: decode(task.config.learner, hit.files()) for hit in found if isinstance(hit, UnitHit)}


def processes_for(task: TrainingTask, preparation: Preparation, waiting: Sequence[FitJob]) -> int:
    """How many jobs run at a time; what is prepared on disk is of no use in a forked process."""
    learner = preparation.learner
    possible = CAN_FORK and preparation.resources.cache is None and learner.traits.side_by_side
    if not possible or not waiting:
        return 1
    most = worker_count(task.config, task.threads, task.device)
    _ = preparation.prepared  # before the fork, for all
    if not learner.traits.stages:
        return min(most, len(waiting))
    rounds = task.config.rounds_limit
    return choose_processes(
        len(waiting), most, task.threads,
        lambda n: _timed_fit(task, preparation, n, _piece(waiting[0], rounds))[1],
    )  # fmt: skip


def _piece(job: FitJob, rounds: int) -> FitJob:
    """The first rounds of `job`."""
    most = job.stages[-1] if job.stages else rounds
    return replace(job, stages=(min(most, PIECE),))


def _timed_fit(
    task: TrainingTask, preparation: Preparation, threads: int, job: FitJob
) -> tuple[dict[str, bytes], float]:
    started = time.monotonic()
    learner, weights = preparation.learner, task.fit_weights
    try:
        fitted = fit_or_go_on(task, preparation.prepared, job, weights, threads)
    except learner.failures() as error:
        raise UnitsFailed(
            f"{learner.name} must be able to fit {job.name}",
            f"{type(error).__name__}: {str(error).strip()[:300]}",
            f"Give it other options (`meta-models learners {learner.name}`), or take another learner",
        ) from error
    return encode(fitted), time.monotonic() - started


def _size(fitted: Fitted) -> str:
    return f"{fitted.rounds} rounds" if fitted.rounds else "fitted"


def fit_record(learner: Learner, job: FitJob, fitted: Fitted, member: int = 0) -> FitRecord:
    """What the report says of a fit."""
    return FitRecord(
        fold=job.fold,
        member=member,
        target=SpliceClass(job.targets[0]) if len(job.targets) == 1 else None,
        rounds=fitted.rounds,
        train_curve=tuple(fitted.curves.get("train", ())),
        held_out_curve=tuple(fitted.curves.get("held_out", ())),
        learner=learner.name,
        facts=dict(fitted.facts),
    )
