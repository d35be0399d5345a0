"""Running independent jobs in forked single-thread children that share the parent's memory, or in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from meta_models.workers.executor import Ended, Executor
from meta_models.workers.forked import CAN_FORK, forked

Job = TypeVar("Job")
Value = TypeVar("Value")


def run_jobs(
    jobs: Sequence[Job],
    work: Callable[[Job], Value],
    *,
    processes: int,
    meanwhile: Callable[[], None] = lambda: None,
    more: Callable[[], bool] = lambda: True,
) -> Iterator[tuple[Job, Value]]:
    """Yield ``(job, work(job))`` as jobs finish.

    With `processes` over 1 each job runs in a forked child: it sees what the parent holds (copy-on-write), and what
    it returns comes back pickled. `work` must not use more than one OpenMP thread there, nor polars. `meanwhile` is
    called once, when the first children run.
    Once `more` says no, nothing is begun after the first jobs, and what runs is waited for.

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
        for number, job in enumerate(jobs):
            if number and not more():
                return
            yield job, work(job)
        return
    queue = list(reversed(jobs))
    with forked(work) as children:
        _fill(children, queue, processes)
        meanwhile()
        while len(children):
            for ended in children.ended():
                yield ended.argument, ended.unwrap()
            if queue and more():
                _fill(children, queue, processes)


def _fill(children: Executor[Job, Value], queue: list[Job], processes: int) -> None:
    """Start jobs from the end of `queue` until so many run."""
    while queue and len(children) < processes:
        job = queue.pop()
        children.start(job, job)


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
        self._children: Executor[_Numbered[Job], Value] = forked(lambda numbered: work(numbered.job))
        self._waiting: dict[int, Job] = {}
        self._ended: dict[int, Ended[_Numbered[Job], Value]] = {}
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
        self._children.close()

    def _start(self) -> None:
        while self._waiting and len(self._children) < self._processes:
            number = next(iter(self._waiting))
            job = self._waiting.pop(number)
            self._children.start(job, _Numbered(number, job))

    def _collect(self, *, timeout: float | None) -> None:
        for ended in self._children.ended(timeout=timeout):
            self._ended[ended.argument.number] = ended


@dataclass(frozen=True)
class _Numbered(Generic[Job]):
    number: int
    job: Job

    def __str__(self) -> str:
        return str(self.job)
