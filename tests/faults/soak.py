"""Many short runs in one process: what is left open, held or running after each.

As a script, ``python tests/faults/soak.py 200`` prints the figures of every tenth run.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from meta_models.cli import main
from meta_models.dataset.demo import write_demo_table

OPTIONS = ("--n-estimators", "2", "--n-folds", "2", "--bootstrap-samples", "5", "--analyses", "base-vs-meta")


@dataclass(frozen=True)
class Held:
    """What this process holds after a run.

    Attributes
    ----------
    files : int
        Open descriptors.
    left : int
        Files in the folder of temporaries.
    memory : int
        Resident bytes.
    """

    files: int
    left: int
    threads: int
    children: int
    memory: int

    @classmethod
    def now(cls, temporaries: Path) -> Held:
        process = psutil.Process()
        left = sum(1 for _ in temporaries.rglob("*"))
        children = len(process.children(recursive=True))
        return cls(process.num_fds(), left, threading.active_count(), children, process.memory_info().rss)


def soak(folder: Path, count: int) -> Iterator[Held]:
    """Train `count` times in `folder`; what is held after each run."""
    table, temporaries = write_demo_table(folder / "table", n_genes=8), folder / "temporaries"
    temporaries.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(temporaries)
    try:
        for _ in range(count):
            code = main(["train", "--dataset", str(table), "--out-dir", str(folder / "out"), *OPTIONS])
            assert code == 0, code
            shutil.rmtree(folder / "out")
            yield Held.now(temporaries)
    finally:
        tempfile.tempdir = before


def growth(held: list[Held]) -> float:
    """Bytes that a run adds: the slope of a line through the resident sizes of the second half."""
    half = [one.memory for one in held[len(held) // 2 :]]
    middle, mean = (len(half) - 1) / 2, sum(half) / len(half)
    spread = sum((k - middle) ** 2 for k in range(len(half)))
    return sum((k - middle) * (size - mean) for k, size in enumerate(half)) / spread


def report(count: int) -> None:
    """Print every tenth run, and the growth."""
    held: list[Held] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate(soak(Path(folder), count)):
            held.append(one)
            if number % 10 == 9:
                sys.stderr.write(f"{number + 1} {one}\n")
    sys.stderr.write(f"{count} runs: {growth(held) / 1e3:.0f} kB a run in the second half\n")


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
