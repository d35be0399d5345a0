"""Fits over shards, from the side of the run: it hands out shards, collects fits, and replaces what was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from meta_models.learners.seam import FitJob, Fitted
from meta_models.progress import Progress
from meta_models.run_folder import UnitKey, UnitStore
from meta_models.training.distributed.common import Common
from meta_models.training.distributed.meeting import Meeting
from meta_models.training.distributed.parts import Parts
from meta_models.training.distributed.ranges import shard_ranges, shard_table
from meta_models.training.distributed.shard import ShardDone, ShardWork, hold_shard
from meta_models.training.fitting.running.run_jobs import finished
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import decode, unit_key
from meta_models.workers import Died, Ended, Executor

logger = logging.getLogger(__name__)

#: How often the process of a shard may be replaced.
REPAIRS = 2
_LOOK_SECONDS = 1.0
#: Seconds in which processes may tell how they did, once all fits are collected.
_PARTING_SECONDS = 30.0


def train_over_shards(
    task: TrainingTask, common: Common, folder: Path, jobs: Sequence[FitJob], title: str
) -> dict[str, Fitted]:
    """What `train_jobs` does, by processes of the task's farm that hold a shard of the rows each.

    Parameters
    ----------
    folder : Path
        Absolute; an own folder for these fits, which all processes see.

    Raises
    ------
    MetaModelsError
        What a process raised, or that it died once too often.
    """
    keys = {job.name: UnitStore.key(unit_key(task, job)) for job in jobs}
    done = finished(task, keys)
    waiting = [job for job in jobs if job.name not in done]
    if waiting:
        meeting = Meeting(folder, task.farm.slots or 1, task.farm.host)
        executor = task.farm.executor(hold_shard, threads=task.threads, together=True)
        with Progress(title, "fits").started(len(jobs)) as progress, executor:
            progress.advance(len(done))
            for work in _shards(task, common, meeting, waiting, keys):
                executor.start(work.name, work)
            collection = _Collection(task, executor, waiting, keys, Parts(meeting))
            for name, fitted in collection.fits():
                done[name] = fitted
                progress.advance()
            collection.part()
    return {job.name: done[job.name] for job in jobs}


def _shards(
    task: TrainingTask, common: Common, meeting: Meeting, jobs: Sequence[FitJob], keys: Mapping[str, UnitKey]
) -> Iterator[ShardWork]:
    """The work of each process: rows, labels and jobs of its shard alone."""
    weights, config = task.training_weights, task.config
    for number, rows in enumerate(shard_ranges(task.dataset, meeting.shards)):
        yield ShardWork(
            number=number, meeting=meeting, learner=config.learner.name, section=config.section,
            rows=common.rows(shard_table(task.dataset, rows)), common=common.made, motifs=common.motifs,
            first=rows.start, labels=task.positions.labels[rows].copy(),
            weights=None if weights is None else weights[rows].copy(), jobs=_jobs_of(jobs, rows),
            keys={job.name: keys[job.name] for job in jobs}, threads=task.threads, limit=task.budget,
        )  # fmt: skip


def _jobs_of(jobs: Sequence[FitJob], rows: slice) -> tuple[FitJob, ...]:
    """`jobs` of these rows alone; what several of them share they share here."""
    own: dict[int, NDArray[Any]] = {}

    def part(values: NDArray[Any]) -> NDArray[Any]:
        if id(values) not in own:
            own[id(values)] = values[rows].copy()
        return own[id(values)]

    def of_shard(job: FitJob) -> FitJob:
        weights = None if job.weights is None else part(job.weights)
        return replace(job, train=part(job.train), stop=part(job.stop), score=part(job.score), weights=weights)

    return tuple(map(of_shard, jobs))


class _Collection:
    """Fits as they are done by all shards, and the shards that do them."""

    def __init__(
        self, task: TrainingTask, executor: Executor[ShardWork, ShardDone], jobs: Sequence[FitJob],
        keys: Mapping[str, UnitKey], parts: Parts,
    ) -> None:  # fmt: skip
        self._task, self._executor, self._parts = task, executor, parts
        self._left, self._keys = [job.name for job in jobs], keys
        self._replaced: dict[int, int] = {}

    def fits(self) -> Iterator[tuple[str, Fitted]]:
        """Each fit, kept as a unit, as soon as all shards have done it."""
        while self._left and len(self._executor):
            found = self._executor.ended(timeout=_LOOK_SECONDS)
            while self._left and self._parts.whole(self._left[0], self._keys[self._left[0]]):
                yield self._collected(self._left.pop(0))
            for ended in found:  # the last to be seen: it may end all
                self._see(ended)
        while self._left:
            yield self._collected(self._left.pop(0))

    def part(self) -> None:
        """Hear how the processes did; they are stopped where they do not tell, for nothing is left to be done."""
        last = time.monotonic() + _PARTING_SECONDS
        while len(self._executor) and time.monotonic() < last:
            for ended in self._executor.ended(timeout=_LOOK_SECONDS):
                if ended.error is None:
                    _tell(ended)

    def _collected(self, name: str) -> tuple[str, Fitted]:
        files = self._parts.joined(name, self._keys[name])
        self._task.units.put(name, self._keys[name], files, timing=self._parts.timing(name))
        if self._left:
            self._task.require_time()
        return name, decode(self._task.config.learner, files)

    def _see(self, ended: Ended[ShardWork, ShardDone]) -> None:
        """Tell of a shard that is done; replace one that died, where anything is left to be done."""
        if ended.error is not None and not self._left:
            return
        work = ended.argument
        times = self._replaced.get(work.number, 0)
        if isinstance(ended.error, Died) and times < REPAIRS:
            logger.warning("%s died and is made anew; the fit in hand begins again: %s", work.name, ended.error.found)
            self._replaced[work.number] = times + 1
            self._executor.start(work.name, work)
            return
        _tell(ended)


def _tell(ended: Ended[ShardWork, ShardDone]) -> None:
    done = ended.unwrap()
    logger.info("%s: peak %.2f GB, sessions %d", ended.argument.name, done.peak_bytes / 1e9, done.sessions)
