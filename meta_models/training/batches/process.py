"""Units of work, each in a process of its own: memory goes back to the system, and a death is told from an error.

A process is started anew (not forked: neither polars nor OpenMP survive that) as
``python -m meta_models.training.batches.process NAME ...``, so that the name of the unit can be seen from outside.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from meta_models.errors import ExitCode, MemoryBudgetError, MetaModelsError
from meta_models.resources import oom_kill_count
from meta_models.resources.blas import one_blas_thread

Argument = TypeVar("Argument")
Value = TypeVar("Value")
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Ended(Generic[Argument, Value]):
    """How a unit ended; made by `UnitPool.wait`.

    Attributes
    ----------
    value : object or None
        What the unit returned.
    death : str or None
        Why there is no value: how its process died, or that it ran out of memory.
    """

    argument: Argument
    value: Value | None
    death: str | None = None


@dataclass(frozen=True)
class _Running(Generic[Argument]):
    name: str
    argument: Argument
    process: subprocess.Popen[bytes]
    oom_kills: int | None


class UnitPool(Generic[Argument, Value]):
    """Context manager over the processes of units; those still running are killed at its end.

    Parameters
    ----------
    work : callable
        A function of a module, called with the unit's argument in its process; both are pickled.
    threads : int
        Threads of each process.
    """

    def __init__(self, work: Callable[[Argument], Value], *, threads: int) -> None:
        self._work, self._threads = work, threads
        self._running: dict[Connection, _Running[Argument]] = {}

    def __enter__(self) -> UnitPool[Argument, Value]:
        return self

    def __exit__(self, *_: object) -> None:
        for connection, unit in self._running.items():
            unit.process.kill()
            unit.process.wait()
            connection.close()
        self._running.clear()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, name: str, argument: Argument) -> None:
        """Start the process of the unit `name`."""
        kills = oom_kill_count()
        ours, theirs = Pipe()
        command = [sys.executable, "-P", "-m", __name__, name, str(theirs.fileno()), str(os.getpid())]
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=self._environment(), stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._running[ours] = _Running(name, argument, process, kills)
        try:
            ours.send((self._work, argument))
        except OSError:  # it died already: `wait` sees the end of the connection and says why
            return

    def wait(self) -> Iterator[Ended[Argument, Value]]:
        """Wait for at least one unit, and yield those that ended.

        Raises
        ------
        MetaModelsError
            What a unit raised, but for `MemoryBudgetError`, which is a way to end.
        """
        for connection in wait(list(self._running)):
            assert isinstance(connection, Connection)
            unit = self._running.pop(connection)
            try:
                value, error = connection.recv()
            except (EOFError, OSError):
                yield Ended(unit.argument, None, _death(unit))
                continue
            finally:
                unit.process.wait()
                connection.close()
            if isinstance(error, MemoryBudgetError):
                yield Ended(unit.argument, None, f"out of memory: {error.found}")
            elif error is not None:
                raise error
            else:
                yield Ended(unit.argument, value)

    def _environment(self) -> dict[str, str]:
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        return {**os.environ, "PYTHONPATH": paths, "POLARS_MAX_THREADS": str(self._threads)}


def _death(unit: _Running[Any]) -> str:
    code = unit.process.wait()
    kills = oom_kill_count()
    if code == ExitCode.MEMORY:
        return "out of memory: it reached its memory limit"
    if code == -signal.SIGKILL and kills is not None and unit.oom_kills is not None and kills > unit.oom_kills:
        return "out of memory: the kernel killed its process"
    return f"its process was killed by {signal.Signals(-code).name}" if code < 0 else f"its process gave code {code}"


def _die_with(parent: int) -> None:
    """End this process when `parent` ends, however it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(ExitCode.UNITS_FAILED)


def main() -> None:
    """Run the unit that comes through the connection named on the command line."""
    _die_with(int(sys.argv[3]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(int(sys.argv[2]))
    work, argument = connection.recv()
    try:
        with one_blas_thread():
            value = work(argument)
        connection.send((value, None))
    except MetaModelsError as error:
        connection.send((None, error))
    except MemoryError as error:
        connection.send((None, MemoryBudgetError("A unit must fit into memory", f"An allocation failed: {error}")))


if __name__ == "__main__":
    main()
