"""The memory that learners say they need beside what they take, on three shapes of table.

    python benchmarks/footprints.py [--learners NAME ...] [--shapes ROWSxFEATURES ...] [--repeats N]

Each fit is a process of its own (``tests/learner_memory.py``): default options on one thread, one fold fitted and
scored, the table read from disk. ``building`` is the peak while rows are prepared, ``peak`` that of everything.
What allocators keep differs run for run: the median of `N` runs is told, with the least and the most. Predicted over
the median is to be within a quarter of 1. Run it with nothing beside it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Resources, Shape

SHAPES = ("30000x147", "150000x120", "100000x300")
MEASURE = Path(__file__).parents[1] / "tests" / "learner_memory.py"


def measured(name: str, rows: int, features: int) -> tuple[float, float]:
    """Megabytes that preparing and everything took at most, in a process of its own."""
    command = [sys.executable, str(MEASURE), name, str(rows), str(features)]
    building, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(building) / 1e6, int(peak) / 1e6


def predicted(name: str, rows: int, features: int) -> tuple[float, float]:
    """What the learner says of the same."""
    kind, shape = LEARNERS[name], Shape(rows, features, kmers=features // 2, sites=rows // 10)
    told = kind.footprint(shape, kind.Config(), Resources())
    return told.building / 1e6, max(told.building, told.held + told.job) / 1e6


def line(name: str, rows: int, features: int, repeats: int) -> str:
    """A line of the table."""
    runs = [measured(name, rows, features) for _ in range(repeats)]
    cells = [name, f"{rows:,} x {features}"]
    for told, values in zip(predicted(name, rows, features), zip(*runs, strict=True), strict=True):
        middle = statistics.median(values)
        cells.append(f"{told:.0f} / {middle:.0f} ({min(values):.0f} to {max(values):.0f})")
        ratio = told / middle
    return f"| {' | '.join(cells)} | {ratio:.2f} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    rows = [name for name in LEARNERS if LEARNERS[name].traits.inputs == "rows"]
    parser.add_argument("--learners", nargs="+", default=rows)
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    print("| learner | table | building MB, predicted / measured | peak MB, predicted / measured | ratio |")
    print("|---|---|---|---|---|")
    for name in given.learners:
        for shape in given.shapes:
            print(line(name, *map(int, shape.split("x")), given.repeats), flush=True)


if __name__ == "__main__":
    main()
