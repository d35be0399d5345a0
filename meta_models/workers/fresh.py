"""Children that are started anew: memory goes back to the system, and polars and OpenMP have threads there.

A process is started as ``python -m meta_models.workers NAME ...``, so that the name of its work can be seen from
outside.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, TypeVar

from meta_models.workers.executor import Executor
from meta_models.workers.processes import Child, Processes

Argument = TypeVar("Argument")
Value = TypeVar("Value")


def fresh(work: Callable[[Argument], Value], *, threads: int, folder: Path | None = None) -> Executor[Argument, Value]:
    """Processes of their own.

    Parameters
    ----------
    work : callable
        A function of a module; it and its argument are pickled.
    threads : int
        Threads of polars in each process; how many a learner has, the argument says.
    folder : Path, optional
        Working folder of the processes, by which relative paths are found; by default that of this one.
    """

    def start(name: object, argument: Any) -> tuple[Connection, Child]:
        ours, theirs = Pipe()
        command = [sys.executable, "-P", "-m", "meta_models.workers", str(name), str(theirs.fileno()), str(os.getpid())]
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=_environment(threads), cwd=folder, stdin=subprocess.DEVNULL
        )
        theirs.close()
        try:
            ours.send((work, argument))
        except OSError:  # it died already, as the end of the connection will tell
            return ours, process
        return ours, process

    return Processes(start)


def _environment(threads: int) -> dict[str, str]:
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return {**os.environ, "PYTHONPATH": paths, "POLARS_MAX_THREADS": str(threads)}
