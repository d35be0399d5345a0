"""Forked children: they share what the parent holds, and have one thread each."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from meta_models.workers.child import answer, die_with
from meta_models.workers.executor import Executor
from meta_models.workers.processes import Child, Processes

Argument = TypeVar("Argument")
Value = TypeVar("Value")
CAN_FORK = sys.platform == "linux"


def forked(work: Callable[[Argument], Value]) -> Executor[Argument, Value]:
    """Children that see what the parent holds (copy-on-write); what `work` returns there comes back pickled.

    `work` must not use more than one OpenMP thread there, nor polars.
    """
    context = multiprocessing.get_context("fork")

    def start(name: object, argument: Any) -> tuple[Connection, Child]:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(os.getpid(), sender, name, work, argument), daemon=True)
        process.start()
        sender.close()
        return receiver, _Forked(process)

    return Processes(start)


@dataclass(frozen=True)
class _Forked:
    process: BaseProcess

    def wait(self) -> int:
        self.process.join()
        return self.process.exitcode or 0

    def kill(self) -> None:
        self.process.kill()


def _run(parent: int, sender: Connection, name: object, work: Callable[[Any], Any], argument: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)  # the parent's, which would take a signal to this process for its own
    die_with(parent)
    gc.freeze()  # collecting garbage here would go through all objects of the parent, and copy their pages
    threadpool_limits(1)  # the parent's OpenMP threads do not live on here: whoever asks for them waits for ever
    answer(sender, name, work, argument)
