"""Units as futures of Dask."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from meta_models.cluster.in_worker import Errand, run_errand
from meta_models.cluster.worker_watch import LOOK_SECONDS, WorkerWatch
from meta_models.errors import MetaModelsError, UnitsFailed
from meta_models.run_folder import PickledFile, library_versions
from meta_models.run_folder.visibility import wait_for
from meta_models.workers import Ended, Executor, Portable
from meta_models.workers.executor import died

_RESUME = "What was finished is kept: run again with --resume"


class DaskExecutor(Executor[Portable, Any]):
    """Units of `work`, each a child process of a worker.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    exchange : Path
        Folder for what units are told and what they answer.
    threads, limit : int
        Threads, and bytes, of the process of a unit.
    together : bool
        Whether no unit ends before all of them run.
    """

    def __init__(
        self, client: Any, exchange: Path, work: Callable[[Any], Any], *, threads: int, limit: int,
        together: bool = False,
    ) -> None:  # fmt: skip
        self._client, self._exchange, self._work = client, exchange.absolute(), work
        self._threads, self._limit, self._together = threads, limit, together
        self._running: dict[Any, tuple[Errand, Portable]] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._versions = library_versions()
        self._watch = WorkerWatch(client)
        self._scheduler = client.scheduler.address

    def __len__(self) -> int:
        return len(self._running)

    def start(self, name: object, argument: Portable) -> None:
        """Hand a unit to the cluster."""
        key = f"{name}-{uuid4().hex}"
        file = PickledFile.write(self._exchange / f"{key}.pkl", (self._work, argument))
        errand = Errand(
            str(name), file, tuple(argument.parts), self._exchange / f"{key}.answer.pkl", Path.cwd(), self._threads,
            self._limit, self._versions,
        )  # fmt: skip
        future = self._client.submit(run_errand, errand, key=key, pure=False)
        self._running[future] = (errand, argument)
        future.add_done_callback(self._done.put)

    def ended(self, *, timeout: float | None = None) -> Sequence[Ended[Portable, Any]]:
        """What ended; waits for one unit, at most `timeout` seconds.

        Raises
        ------
        UnitsFailed
            If the cluster is lost: its scheduler, or for two minutes all of its workers, or one of those that are
            needed together.
        """
        last = None if timeout is None else time.monotonic() + timeout
        while last is None or time.monotonic() < last:
            self._watch.look(len(self._running) if self._together else 1)
            try:
                return [self._received(self._done.get(timeout=LOOK_SECONDS))]
            except queue.Empty:
                continue
        return []

    def close(self) -> None:
        """Cancel what still runs: the workers end the processes within the second."""
        if self._running and self._client.status == "running":
            self._client.cancel(list(self._running), force=True)
        self._running.clear()

    def _received(self, future: Any) -> Ended[Portable, Any]:
        errand, argument = self._running.pop(future)
        errand.file.path.unlink(missing_ok=True)
        if future.status == "error":
            return Ended(argument, None, _translated(errand.name, future.exception()))
        if future.status != "finished":
            expected = f"The scheduler {self._scheduler} must be there until {errand.name} is done"
            return Ended(argument, None, UnitsFailed(expected, "It is gone, or has dropped the unit", _RESUME))
        answer = future.result()
        future.release()
        if isinstance(answer, PickledFile):
            return self._read(argument, answer)
        return Ended(argument, None, answer or died(errand.name, "Its worker let go of it"))

    def _read(self, argument: Portable, answer: PickledFile) -> Ended[Portable, Any]:
        """The answer that a worker wrote; a file is read once."""
        wait_for(lambda: answer.path.exists() or None, self._exchange)
        value = answer.read()
        answer.path.unlink()
        return Ended(argument, value)


def _translated(name: str, error: BaseException) -> MetaModelsError:
    """What Dask says of a unit without an answer, in this package's words."""
    kind, text = type(error).__name__, " ".join(str(error).split())
    if kind == "KilledWorker":
        return died(name, "Its workers died, one after another: perhaps of it")
    return UnitsFailed(f"{name} must finish", f"Its worker says {kind}: {text}", _RESUME)
