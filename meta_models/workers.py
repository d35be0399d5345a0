"""Running independent jobs in forked single-thread children that share the parent's memory, or in turn."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar, cast

from threadpoolctl import threadpool_limits

from meta_models.errors import MemoryBudgetError, MetaModelsError, UnitsFailed
from meta_models.resources import oom_kill_count

Job = TypeVar("Job")
Value = TypeVar("Value")
_PR_SET_PDEATHSIG = 1
CAN_FORK = sys.platform == "linux"
_EXPECTED, _ADVICE = (
    "The run must fit into the memory of this machine",
    "Give --max-memory-gb, fewer --threads, or --strategy batch_ensemble",
)


def run_jobs(
    jobs: Sequence[Job],
    work: Callable[[Job], Value],
    *,
    processes: int,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Job, Value]]:
    """Yield ``(job, work(job))`` as jobs finish.

    With `processes` over 1 each job runs in a forked child: it sees what the parent holds (copy-on-write), and what
    it returns comes back pickled. `work` must not use more than one OpenMP thread there, nor polars. `meanwhile` is
    called once, when the first children run.

    Raises
    ------
    MetaModelsError
        What a job raised.
    MemoryBudgetError
        If a child had no memory left, or the kernel killed it for memory.
    UnitsFailed
        If a child died otherwise.
    """
    if processes <= 1 or len(jobs) <= 1 or not CAN_FORK:
        meanwhile()
        for job in jobs:
            yield job, work(job)
        return
    pool = _Pool(work)
    try:
        queue = list(reversed(jobs))
        while queue and len(pool.running) < processes:
            pool.start(queue.pop())
        meanwhile()
        while queue or pool.running:
            while queue and len(pool.running) < processes:
                pool.start(queue.pop())
            for job, ended in pool.ended():
                yield job, ended.unwrap()
    finally:
        pool.stop()


def run_shares(
    jobs: Sequence[Job],
    work: Callable[[Job], Value],
    costs: Sequence[float],
    *,
    processes: int,
    meanwhile: Callable[[], None] = lambda: None,
) -> dict[Job, Value]:
    """What :func:`run_jobs` yields, for many small jobs: each process is forked once, for a share of the `costs`.

    A process that is forked for each job would have to fault in anew all memory that the jobs work with.
    """
    shares: list[_Share[Job]] = [_Share([]) for _ in range(max(1, min(processes, len(jobs))))]
    loads = [0.0] * len(shares)
    for k in sorted(range(len(jobs)), key=lambda k: -costs[k]):
        least = loads.index(min(loads))
        shares[least].jobs.append(jobs[k])
        loads[least] += costs[k]
    found: dict[Job, Value] = {}
    in_turn = run_jobs(
        shares, lambda share: [work(job) for job in share.jobs], processes=processes, meanwhile=meanwhile
    )
    for share, values in in_turn:
        found.update(zip(share.jobs, values, strict=True))
    return found


@dataclass(frozen=True, eq=False)
class _Share(Generic[Job]):
    jobs: list[Job]

    def __str__(self) -> str:
        return " and ".join([str(self.jobs[0]), *([f"{len(self.jobs) - 1} more"] if len(self.jobs) > 1 else [])])


class Background(Generic[Job, Value]):
    """Runs jobs in forked children while the caller goes on; see :func:`run_jobs` for what a job may do.

    Parameters
    ----------
    work : callable
        What is done with a job.
    processes : int
        With 1, a job is done in the caller when its result is asked for; else so many children run at a time.
    """

    def __init__(self, work: Callable[[Job], Value], *, processes: int) -> None:
        self._work, self._processes = work, processes if CAN_FORK else 1
        self._pool: _Pool[_Numbered[Job], Value] = _Pool(lambda numbered: work(numbered.job))
        self._waiting: dict[int, Job] = {}
        self._ended: dict[int, _Ended[Value]] = {}
        self._count = 0

    def submit(self, job: Job) -> int:
        """Take `job` on; the number asks for its result."""
        self._count += 1
        self._waiting[self._count] = job
        if self._processes > 1:
            self._collect(timeout=0)
            self._start()
        return self._count

    def result(self, number: int) -> Value:
        """What came of the job; waits for it.

        Raises
        ------
        MetaModelsError
            What the job raised, or that its process died.
        """
        if self._processes <= 1:
            return self._work(self._waiting.pop(number))
        while number not in self._ended:
            self._start()
            self._collect(timeout=None)
        return self._ended.pop(number).unwrap()

    def close(self) -> None:
        """End what still runs."""
        self._waiting.clear()
        self._pool.stop()

    def _start(self) -> None:
        while self._waiting and len(self._pool.running) < self._processes:
            number = next(iter(self._waiting))
            self._pool.start(_Numbered(number, self._waiting.pop(number)))

    def _collect(self, *, timeout: float | None) -> None:
        for numbered, ended in self._pool.ended(timeout=timeout):
            self._ended[numbered.number] = ended


@dataclass(frozen=True)
class _Numbered(Generic[Job]):
    number: int
    job: Job

    def __str__(self) -> str:
        return str(self.job)


@dataclass(frozen=True)
class _Ended(Generic[Value]):
    """What a child came to: a value, or the error that it raised or died of."""

    value: Value | None
    error: MetaModelsError | None

    def unwrap(self) -> Value:
        if self.error is not None:
            raise self.error
        return cast("Value", self.value)


class _Pool(Generic[Job, Value]):
    def __init__(self, work: Callable[[Job], Value]) -> None:
        self._work = work
        self._context = multiprocessing.get_context("fork")
        self.running: dict[Connection, tuple[Job, BaseProcess]] = {}
        self._kills = oom_kill_count() or 0

    def start(self, job: Job) -> None:
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_child, args=(self._work, job, sender), daemon=True)
        process.start()
        sender.close()
        self.running[receiver] = (job, process)

    def ended(self, *, timeout: float | None = None) -> list[tuple[Job, _Ended[Value]]]:
        """Jobs that ended; waits for one of those that run, at most `timeout` seconds."""
        return [self._received(receiver) for receiver in wait(list(self.running), timeout)]

    def _received(self, receiver: Any) -> tuple[Job, _Ended[Value]]:
        job, process = self.running.pop(receiver)
        try:
            value, error = receiver.recv()
        except EOFError:
            process.join()
            return job, _Ended(None, self._death(job, process.exitcode))
        process.join()
        return job, _Ended(value, error)

    def stop(self) -> None:
        for receiver, (_, process) in self.running.items():
            process.kill()
            process.join()
            receiver.close()

    def _death(self, job: Job, code: int | None) -> MetaModelsError:
        if code == -signal.SIGKILL and (oom_kill_count() or 0) > self._kills:
            return MemoryBudgetError(_EXPECTED, f"The kernel killed {job} for memory", _ADVICE)
        return UnitsFailed(f"{job} must finish", f"Its process ended with code {code}", "Run again with --resume")


def _child(work: Callable[[Job], Value], job: Job, sender: Connection) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)  # the parent's, which would take a signal to this process for its own
    gc.freeze()  # collecting garbage here would go through all objects of the parent, and copy their pages
    threadpool_limits(1)  # the parent's OpenMP threads do not live on here: whoever asks for them waits for ever
    try:
        sender.send((work(job), None))
    except MetaModelsError as error:
        sender.send((None, error))
    except MemoryError as error:
        sender.send((None, MemoryBudgetError(_EXPECTED, f"An allocation failed in {job}: {error}", _ADVICE)))
