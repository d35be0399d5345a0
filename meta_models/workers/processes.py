"""Children of this process as an executor."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Protocol, TypeVar

from meta_models.errors import ExitCode, MemoryBudgetError, MetaModelsError
from meta_models.resources import oom_kill_count
from meta_models.workers.child import MEMORY_ADVICE, MEMORY_EXPECTED
from meta_models.workers.executor import Ended, Executor, died

Argument = TypeVar("Argument")
Value = TypeVar("Value")


class Child(Protocol):
    """A process that was started."""

    def wait(self) -> int:
        """Its exit code, once it has ended; that of a signal is negative."""

    def kill(self) -> None:
        """End it at once."""


#: Starts the process of a piece of work, by what it is called; the connection brings the answer.
Start = Callable[[object, Any], tuple[Connection, Child]]


@dataclass(frozen=True)
class _Running(Generic[Argument]):
    name: object
    argument: Argument
    child: Child
    oom_kills: int | None


class Processes(Executor[Argument, Value]):
    """Child processes, each of which does one piece of work.

    Parameters
    ----------
    start : callable
        How a process is started; see `forked` and `fresh`.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._running: dict[Connection, _Running[Argument]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def start(self, name: object, argument: Argument) -> None:
        """Start the process of the work `name`."""
        kills = oom_kill_count()
        connection, child = self._start(name, argument)
        self._running[connection] = _Running(name, argument, child, kills)

    def ended(self, *, timeout: float | None = None) -> Sequence[Ended[Argument, Value]]:
        """What ended; waits for one process, at most `timeout` seconds."""
        ready = [c for c in wait(list(self._running), timeout) if isinstance(c, Connection)]
        return [self._received(connection) for connection in ready]

    def close(self) -> None:
        """Kill the processes that still run."""
        for connection, running in self._running.items():
            running.child.kill()
            running.child.wait()
            connection.close()
        self._running.clear()

    def _received(self, connection: Connection) -> Ended[Argument, Value]:
        running = self._running.pop(connection)
        try:
            value, error = connection.recv()
        except (EOFError, OSError):
            return Ended(running.argument, None, _death(running))
        finally:
            running.child.wait()
            connection.close()
        return Ended(running.argument, value, error)


def _death(running: _Running[Any]) -> MetaModelsError:
    """Why a process gave no answer."""
    code, kills = running.child.wait(), oom_kill_count()
    if code == ExitCode.MEMORY:
        return MemoryBudgetError(MEMORY_EXPECTED, f"{running.name} reached its memory limit", MEMORY_ADVICE)
    if code == -signal.SIGKILL and kills is not None and running.oom_kills is not None and kills > running.oom_kills:
        return MemoryBudgetError(MEMORY_EXPECTED, f"The kernel killed {running.name} for memory", MEMORY_ADVICE)
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return died(running.name, f"Its process {how}")
