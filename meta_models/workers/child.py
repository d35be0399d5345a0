"""What a child process does, however it was started: one piece of work, its answer, and no life without its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from meta_models.errors import ExitCode, MemoryBudgetError, MetaModelsError, UnitsFailed
from meta_models.workers.executor import BROKEN

_PR_SET_PDEATHSIG = 1
MEMORY_EXPECTED, MEMORY_ADVICE = (
    "The run must fit into the memory of this machine",
    "Give --max-memory-gb, fewer --threads, or --strategy batch_ensemble",
)


def die_with(parent: int, *, interrupts: bool = False) -> None:
    """End this process when `parent` ends, however it does.

    Parameters
    ----------
    interrupts : bool
        Whether it heeds interrupts; they are left to the parent otherwise.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(ExitCode.UNITS_FAILED)
    if not interrupts:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def answer(connection: Connection, name: object, work: Callable[[Any], Any], argument: Any) -> None:
    """Send what comes of ``work(argument)``: ``(value, None)``, or ``(None, error)``.

    An error that nobody expected is sent with its place, and raised: its traceback belongs on stderr.
    """
    try:
        connection.send((work(argument), None))
    except MetaModelsError as error:
        connection.send((None, error))
    except MemoryError as error:
        found = f"An allocation failed in {name}: {error}"
        connection.send((None, MemoryBudgetError(MEMORY_EXPECTED, found, MEMORY_ADVICE)))
    except BaseException as error:
        connection.send((None, UnitsFailed(f"{name} must finish", _place(error), BROKEN)))
        raise


def _place(error: BaseException) -> str:
    """What an error says, and where it came up."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {os.path.basename(last.filename)}, line {last.lineno}: {error}"  # noqa: PTH119
