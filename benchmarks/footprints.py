"""The memory that learners say they need beside what they take, on three shapes of table.

    python benchmarks/footprints.py [--learners NAME ...] [--shapes ROWSxFEATURES ...]

Each fit is a process of its own (``tests/learner_memory.py``): default options on one thread, one fold fitted and
scored, the table read from disk. ``building`` is the peak while rows are prepared, ``peak`` that of everything;
predicted over measured is to be within a quarter of 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Resources, Shape

SHAPES = ("30000x147", "150000x120", "100000x300")
MEASURE = Path(__file__).parents[1] / "tests" / "learner_memory.py"


def measure(name: str, rows: int, features: int) -> str:
    """A line of the table."""
    command = [sys.executable, str(MEASURE), name, str(rows), str(features)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    building, peak = (int(value) / 1e6 for value in ended.stdout.split())
    kind, shape = LEARNERS[name], Shape(rows, features, kmers=features // 2, sites=rows // 10)
    told = kind.footprint(shape, kind.Config(), Resources())
    whole = max(told.building, told.held + told.job) / 1e6
    cells = [name, f"{rows:,} x {features}", f"{told.building / 1e6:.0f} / {building:.0f}", f"{whole:.0f} / {peak:.0f}"]
    return f"| {' | '.join(cells)} | {whole / peak:.2f} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    rows = [name for name in LEARNERS if LEARNERS[name].traits.inputs == "rows"]
    parser.add_argument("--learners", nargs="+", default=rows)
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    given = parser.parse_args()
    print("| learner | table | building MB, predicted / measured | peak MB, predicted / measured | ratio |")
    print("|---|---|---|---|---|")
    for name in given.learners:
        for shape in given.shapes:
            print(measure(name, *map(int, shape.split("x"))), flush=True)


if __name__ == "__main__":
    main()
