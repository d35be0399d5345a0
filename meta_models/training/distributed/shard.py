"""The process of a shard: it prepares its rows once, and takes part in sessions until all fits are done."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import UnitsFailed
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Learner, Prepared, Resources, TrainingRows
from meta_models.resources import PeakSampler
from meta_models.run_folder import UnitKey
from meta_models.run_folder.visibility import wait_for
from meta_models.training.distributed.meeting import Call, Meeting
from meta_models.training.distributed.parts import Parts
from meta_models.training.fitting.inputs.motif_columns import MotifColumns, WithMotifs

_ADVICE = "Give the workers more memory, or take more of them"
#: Sessions in a row that may fail before a fit is done: then its processes cannot reach one another.
_FAILURES = 3


@dataclass(frozen=True)
class ShardWork:
    """A shard and the fits that it takes part in; all arrays are of its rows.

    Attributes
    ----------
    number : int
        From 0 on.
    rows : TrainingRows
        Without a sample.
    common : ndarray
        As `Sharded.common` made it.
    motifs : MotifColumns or None
        Columns behind those of the table.
    first : int
        Number of its first row in the table.
    keys : mapping of str to UnitKey
        Of the units that the fits become.
    limit : int
        Bytes at which the process stops itself.
    """

    number: int
    meeting: Meeting
    learner: str
    section: Any
    rows: TrainingRows
    common: NDArray[np.float32]
    motifs: MotifColumns | None
    first: int
    labels: NDArray[np.uint8]
    weights: NDArray[np.float32] | None
    jobs: tuple[FitJob, ...]
    keys: Mapping[str, UnitKey]
    threads: int
    limit: int

    @property
    def name(self) -> str:
        """What it is called."""
        return f"shard-{self.number + 1}-of-{self.meeting.shards}"

    @property
    def parts(self) -> tuple[str, ...]:
        """It cannot be divided."""
        return (self.name,)

    def only(self, parts: Sequence[str]) -> Self:  # noqa: ARG002
        """Itself."""
        return self

    def placed(self, threads: int, limit: int) -> Self:
        """The same with so many threads, and so many bytes at most."""
        return replace(self, threads=threads, limit=limit)

    @property
    def fits(self) -> Parts:
        """Where the parts of its fits go."""
        return Parts(self.meeting)

    def left(self) -> tuple[str, ...]:
        """Names of the jobs that are not yet done by all."""
        fits = self.fits
        return tuple(job.name for job in self.jobs if not fits.whole(job.name, self.keys[job.name]))


@dataclass(frozen=True)
class ShardDone:
    """Made by `hold_shard`.

    Attributes
    ----------
    peak_bytes : int
        Most that the process held.
    sessions : int
        How many it took part in: one, where nothing went wrong.
    """

    number: int
    peak_bytes: int
    sessions: int


def hold_shard(work: ShardWork) -> ShardDone:
    """Prepare a shard and do all fits, together with the processes of the others. Runs in a process of its own.

    Raises
    ------
    UnitsFailed
        If session after session fails.
    """
    with PeakSampler(work.limit, advice=_ADVICE) as sampler:
        learner = LEARNERS[work.learner]
        prepared = _prepared(learner, work)
        sessions = _Sessions(learner, work, prepared)
        while not sessions.finished:
            sessions.next()
    return ShardDone(work.number, sampler.peak_bytes, sessions.count)


def _prepared(learner: Learner, work: ShardWork) -> Prepared:
    rows = work.rows if work.motifs is None else work.motifs.rows(work.rows)
    prepared = learner.sharded().prepare(rows, work.common, work.section, Resources(work.threads), first=work.first)
    return prepared if work.motifs is None else WithMotifs(prepared, work.motifs)


class _Sessions:
    """The sessions of a shard, one after another."""

    def __init__(self, learner: Learner, work: ShardWork, prepared: Prepared) -> None:
        self._way, self._work, self._prepared = learner.sharded(), work, prepared
        self._jobs = {job.name: job for job in work.jobs}
        self.count = self._failed = 0
        self.finished = False

    def next(self) -> None:
        """Come to the next session, and stay until all is done or one of the others is lost."""
        work = self._work
        with work.meeting.ready(work.number) as ready:
            if work.number == 0:
                work.meeting.call(lambda host: self._way.call(host, work.meeting.shards), work.left)
            call = work.meeting.called(ready.word)
            trouble = work.meeting.trouble(call, work.number)
        self.count += 1
        if trouble:
            self._lost(trouble)
            return
        try:
            with self._way.session(call.told, work.number):
                self._do(call)
        except self._way.Lost as error:
            self._lost(_reasons(error))
            self.finished = not work.left()
        else:
            self.finished = bool(wait_for(lambda: not work.left() or None, work.meeting.folder))

    def _do(self, call: Call) -> None:
        work = self._work
        for name in call.jobs:
            started = time.monotonic()
            fitted = self._prepared.fit(self._jobs[name], work.labels, work.weights, threads=work.threads)
            work.fits.put(name, work.keys[name], work.number, fitted, time.monotonic() - started)
            self._failed = 0

    def _lost(self, why: str) -> None:
        self._failed += 1
        if self._failed == _FAILURES:
            raise UnitsFailed(
                f"The processes of {self._work.meeting.shards} shards must reach one another",
                f"{self._failed} sessions failed one after another, the last in {self._work.name}: {why}",
                "See that workers may connect to one another at any port, then run again with --resume",
            )


def _reasons(error: Exception) -> str:
    """What XGBoost says of a lost session, without its stack."""
    lines = [line.strip(" -") for line in str(error).splitlines() if line.startswith("- ")]
    return "; ".join(lines) or str(error)
