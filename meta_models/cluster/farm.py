"""The workers of a cluster as the place where units are done, looked at before anything is started."""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from meta_models.cluster.connection import connected
from meta_models.cluster.executor import DaskExecutor
from meta_models.cluster.in_worker import WorkerFacts, facts, probe, unlike
from meta_models.errors import MemoryBudgetError, UsageError
from meta_models.places import TablePath, place
from meta_models.run_folder import atomic_write, library_versions, require_versions
from meta_models.run_folder.visibility import wait_for
from meta_models.workers import Executor, Farm

logger = logging.getLogger(__name__)
Value = TypeVar("Value")
#: Bytes of an idle worker, with the libraries that it has loaded.
WORKER_BYTES = 220_000_000
#: Share of a worker's memory that is planned for: the guard stops a unit at 0.95 of what is left.
_SHARE = 0.9


@dataclass(frozen=True)
class DaskFarm(Farm):
    """A cluster; made by `dask_farm`.

    Attributes
    ----------
    client : distributed.Client
        Connected.
    workers : mapping of str to WorkerFacts
        By address.
    exchange : Path or None
        Folder for what units are told and what they answer; None where nothing is to be done.
    here : bool
        Whether the workers are processes of this run.
    asked_threads : int or None
        Threads of a unit that the user allows.
    """

    client: Any
    workers: Mapping[str, WorkerFacts]
    exchange: Path | None
    here: bool
    asked_threads: int | None = None

    @property
    def slots(self) -> int:  # type: ignore[override]
        """Units at a time."""
        return sum(worker.slots for worker in self.workers.values())

    @property
    def threads(self) -> int:
        """Threads of a unit: what every worker has for each of those that share its CPUs."""
        sharing = Counter[tuple[str, tuple[int, ...]]]()
        for worker in self.workers.values():
            sharing[worker.host, worker.cpus] += worker.slots
        least = min(max(1, worker.threads // sharing[worker.host, worker.cpus]) for worker in self.workers.values())
        return min(least, self.asked_threads or least)

    def room(self, address: str) -> int:
        """Bytes that a unit may take in the worker at `address`."""
        worker = self.workers[address]
        sharing = sum(
            w.slots for w in self.workers.values() if (w.host, w.memory_source) == (worker.host, worker.memory_source)
        )
        return int(_SHARE * worker.memory / sharing) - WORKER_BYTES

    @property
    def limit(self) -> int:
        """Bytes that a unit may take in any worker."""
        return min(map(self.room, self.workers))

    @property
    def reserved(self) -> int:  # type: ignore[override]
        """Bytes of this machine's memory that idle workers take."""
        return WORKER_BYTES * len(self.workers) if self.here else 0

    @property
    def host(self) -> str:  # type: ignore[override]
        """That of the scheduler."""
        address: str = self.client.scheduler.address
        return address.rpartition("://")[2].rpartition(":")[0].strip("[]")

    def require(self, peak: int, advice: str = "") -> None:
        """See that each worker has room for a unit of `peak` bytes.

        Raises
        ------
        MemoryBudgetError
            It names the worker that has least.
        """
        least = min(self.workers, key=self.room)
        if self.room(least) < peak:
            raise MemoryBudgetError(
                f"A unit takes {peak / 1e9:.2f} GB, and every worker must have room for it",
                f"{self._described(least)}",
                advice or "Give workers more memory, take fewer on a machine, or make smaller batches (--max-batch-gb)",
            )

    def executor(self, work: Callable[[Any], Value], *, threads: int, together: bool = False) -> Executor[Any, Value]:
        """Units of `work` on the cluster; `threads` is for this machine, and others have their own."""
        del threads
        if self.exchange is None:
            raise AssertionError("a cluster that is only looked at does nothing")
        return DaskExecutor(self.client, self.exchange, work, threads=self.threads, limit=self.limit, together=together)

    def require_shared(self, tables: Sequence[TablePath]) -> None:
        """See that each worker finds the run folder, where there is one, and the `tables` under the same paths.

        Raises
        ------
        UsageError
            With each that does not.
        """
        sizes = [(path.absolute(), place(path).size()) for path in tables]
        if self.exchange is None:
            found = self.client.run(unlike, Path.cwd(), sizes)
        else:
            logger.debug("Looking whether all workers see the run folder; where one does not, that takes a minute")
            found = self._probed(self.exchange.absolute(), sizes)
        if other := [f"{address} on {self.workers[address].host}: {why}" for address, why in found.items() if why]:
            raise UsageError(
                "All workers must share the run folder and the tables with this machine, under the same paths",
                f"Found: {'; '.join(other)}",
                "Put them on a shared file system",
            )

    def _probed(self, exchange: Path, sizes: Sequence[tuple[TablePath, int]]) -> dict[str, str]:
        """What each worker does not see, by its address; it is asked for a file, and shown one."""
        word, found = secrets.token_hex(16), dict[str, str]()
        atomic_write(exchange / "probe", word.encode())
        for number, address in enumerate(self.workers):
            answer = self.client.run(probe, exchange, word, number, Path.cwd(), sizes, workers=[address])
            found[address] = answer[address] or _not_seen(exchange / f"probe-{number}")
        return found

    def lines(self) -> tuple[str, ...]:
        """One line for the cluster, and one for each worker."""
        cluster = f"Cluster: {self.slots} units at a time, threads of each {self.threads}"
        return (cluster, *map(self._described, self.workers))

    def _described(self, address: str) -> str:
        worker, room = self.workers[address], max(0, self.room(address)) / 1e9
        return (
            f"Worker {address} on {worker.host} ({worker.threads} CPUs): units at a time {worker.slots}, "
            f"room for each {room:.2f} GB ({worker.memory_source})"
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """For ``--dry-run``."""
        return [
            {"address": address, "room_bytes": self.room(address), **asdict(worker)}
            for address, worker in self.workers.items()
        ]


@contextmanager
def dask_farm(where: str, *, exchange: Path | None, threads: int | None, budget: int) -> Iterator[DaskFarm]:
    """The cluster `where` of ``--distributed``, whose workers have this machine's libraries.

    Parameters
    ----------
    exchange : Path or None
        As in `DaskFarm`.
    threads : int, optional
        Threads of a unit that the user allows.
    budget : int
        Bytes that workers of this run may take together.

    Raises
    ------
    UsageError
        If there is no such cluster, or a worker has other libraries.
    """
    with connected(where) as client:
        here = where.startswith("local:")
        workers = {address: _known(address, found) for address, found in sorted(_facts(client).items())}
        if here:
            workers = {
                address: replace(worker, memory=min(worker.memory, budget)) for address, worker in workers.items()
            }
        for address, worker in workers.items():
            require_versions(library_versions(), worker.versions, f"the worker {address} on {worker.host}")
        farm = DaskFarm(client, workers, exchange, here, threads)
        for line in farm.lines():
            logger.info("%s", line)
        yield farm


def _not_seen(answer: Path) -> str:
    """Why the file that a worker wrote is not here; empty where it is."""
    seen = wait_for(lambda: answer.exists() or None, answer.parent)
    return "" if seen else f"what it writes into {answer.parent} is not seen here"


def _facts(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.run(facts, on_error="return")
    return found


def _known(address: str, found: object) -> WorkerFacts:
    if isinstance(found, WorkerFacts):
        return found
    text = " ".join(str(found).split())
    raise UsageError(
        f"The worker {address} must have meta_models installed, in the version of this process",
        f"It says {type(found).__name__}: {text}",
        "Start workers in the same environment",
    )
