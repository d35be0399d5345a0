"""Work for the tests of clusters; children of workers find this folder on their path."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from meta_models.errors import InputError
from meta_models.resources import PeakSampler


@dataclass(frozen=True)
class Task:
    """What a unit is told.

    Attributes
    ----------
    told : Path
        A named pipe into which the unit writes its pid and that of its worker, before it waits at `go`.
    go : Path
        A named pipe from which it reads what it returns.
    """

    told: Path
    go: Path
    parts: tuple[str, ...] = ("unit",)
    threads: int = 0
    limit: int = 0

    @classmethod
    def within(cls, folder: Path) -> Task:
        for name in ("told", "go"):
            os.mkfifo(folder / name)
        return cls(folder / "told", folder / "go")

    def only(self, parts: tuple[str, ...]) -> Task:
        return replace(self, parts=tuple(parts))

    def placed(self, threads: int, limit: int) -> Task:
        return replace(self, threads=threads, limit=limit)

    def pids(self) -> tuple[int, int]:
        """Waits for the unit to say its pid and that of its worker."""
        own, worker = self.told.read_text().split()
        return int(own), int(worker)

    def let_go(self) -> None:
        self.go.write_text("done")


def wait_at_gate(task: Task) -> str:
    task.told.write_text(f"{os.getpid()} {os.getppid()}")
    return task.go.read_text()


def echo(task: Task) -> Task:
    return task


def refuse(task: Task) -> None:
    raise InputError("A table is needed", "Found none", "Give one")


def divide(task: Task) -> float:
    return 1 / task.parts.index("unit")


def die(task: Task) -> None:
    signal.raise_signal(signal.SIGKILL)


def kill_worker(task: Task) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()


def eat(task: Task) -> int:
    with PeakSampler(300_000_000):
        held = b"x" * 400_000_000
        signal.pause()
        return len(held)
