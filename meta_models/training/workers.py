"""Running independent jobs in forked single-thread children that share the parent's memory, or in turn."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from meta_models.errors import MemoryBudgetError, MetaModelsError, UnitsFailed
from meta_models.resources import oom_kill_count

Job = TypeVar("Job")
Value = TypeVar("Value")
_PR_SET_PDEATHSIG = 1
CAN_FORK = sys.platform == "linux"


def run_jobs(jobs: Sequence[Job], work: Callable[[Job], Value], *, processes: int) -> Iterator[tuple[Job, Value]]:
    """Yield ``(job, work(job))`` as jobs finish.

    With `processes` over 1 each job runs in a forked child: it sees what the parent holds (copy-on-write), and what
    it returns comes back pickled. `work` must not use more than one OpenMP thread there, nor polars.

    Raises
    ------
    MetaModelsError
        What a job raised.
    MemoryBudgetError
        If the kernel killed a child for memory.
    UnitsFailed
        If a child died otherwise.
    """
    if processes <= 1 or len(jobs) <= 1 or not CAN_FORK:
        for job in jobs:
            yield job, work(job)
        return
    pool = _Pool(work)
    try:
        queue = list(reversed(jobs))
        while queue or pool.running:
            while queue and len(pool.running) < processes:
                pool.start(queue.pop())
            yield from pool.finished()
    finally:
        pool.stop()


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

    def finished(self) -> Iterator[tuple[Job, Value]]:
        for receiver in wait(list(self.running)):
            assert isinstance(receiver, Connection)
            job, process = self.running.pop(receiver)
            try:
                value, error = receiver.recv()
            except EOFError:
                process.join()
                raise self._death(job, process.exitcode) from None
            process.join()
            if error is not None:
                raise error
            yield job, value

    def stop(self) -> None:
        for receiver, (_, process) in self.running.items():
            process.kill()
            process.join()
            receiver.close()

    def _death(self, job: Job, code: int | None) -> MetaModelsError:
        if code == -signal.SIGKILL and (oom_kill_count() or 0) > self._kills:
            return MemoryBudgetError(
                "Training must fit into the memory of this machine",
                f"The kernel killed {job} for memory",
                "Give --max-memory-gb, fewer --threads, or --strategy batch_ensemble",
            )
        return UnitsFailed(f"{job} must finish", f"Its process ended with code {code}", "Run again with --resume")


def _child(work: Callable[[Job], Value], job: Job, sender: Connection) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        sender.send((work(job), None))
    except MetaModelsError as error:
        sender.send((None, error))
