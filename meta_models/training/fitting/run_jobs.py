"""Training a list of booster jobs over one prepared table: reuse what is finished, run the rest side by side."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from meta_models.learners.base import BoosterJob, FittedBooster
from meta_models.learners.registry import FAMILIES
from meta_models.learners.xgboost.page_digests import PageDigests
from meta_models.progress import Progress
from meta_models.result import BoosterRecord
from meta_models.run_folder import UnitHit, UnitStore
from meta_models.schema import SpliceClass
from meta_models.training.fitting.cores import choose_processes, worker_count
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import decode, encode, unit_key
from meta_models.workers import CAN_FORK, run_jobs

logger = logging.getLogger(__name__)

#: Rounds that tell how much threads are worth.
PIECE = 3


def train_boosters(
    task: TrainingTask, table: Any, jobs: Sequence[BoosterJob], title: str, *, pages: PageDigests | None = None
) -> dict[str, FittedBooster]:
    """Train `jobs` (each a unit that is kept as soon as it is finished); the results by the name of the job.

    Parameters
    ----------
    pages : PageDigests, optional
        Of a `table` on disk, which forked processes may not use; they are verified before a booster is kept.

    Raises
    ------
    UnitsFailed, MemoryBudgetError
        If the process of a job died, or pages were changed while it trained.
    """
    keys = {job.name: UnitStore.key(unit_key(task, job)) for job in jobs}
    found = [task.units.get(name, key) for name, key in keys.items()]
    done = {hit.name: decode(hit) for hit in found if isinstance(hit, UnitHit)}
    waiting = [job for job in jobs if job.name not in done]
    most = worker_count(task.config, task.threads) if CAN_FORK and pages is None else 1
    processes = choose_processes(
        len(waiting), most, task.threads, lambda n: _timed_fit(task, table, n, _piece(waiting[0]))[1]
    )
    work = partial(_timed_fit, task, table, 1 if processes > 1 else task.threads)
    with Progress(title, "boosters").started(len(jobs)) as progress:
        progress.advance(len(done))
        for job, (fitted, seconds) in run_jobs(waiting, work, processes=processes):
            if pages is not None:
                pages.verify()
            task.units.put(job.name, keys[job.name], encode(fitted), timing={"total": seconds})
            logger.info("%s: %d rounds in %.1f s", job.name, fitted.rounds, seconds)
            done[job.name] = fitted
            progress.advance()
    return done


def _piece(job: BoosterJob) -> BoosterJob:
    """The first rounds of `job`."""
    return replace(job, rounds=min(job.rounds, PIECE), snapshots=())


def _timed_fit(task: TrainingTask, table: Any, threads: int, job: BoosterJob) -> tuple[FittedBooster, float]:
    started = time.monotonic()
    family, labels = FAMILIES[task.config.family], task.positions.labels
    weights = task.training_weights if job.weights is None else job.weights
    fitted = family.fit(table, job, labels, weights, task.config, threads=threads)
    return fitted, time.monotonic() - started


def booster_record(job: BoosterJob, fitted: FittedBooster, member: int = 0) -> BoosterRecord:
    """What the report says of a booster."""
    target = SpliceClass(job.target)
    return BoosterRecord(job.fold, member, target, fitted.rounds, fitted.train_curve, fitted.stop_curve)
