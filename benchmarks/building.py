"""How fast `build` is: positions scanned and rows written per second of CPU, peak memory, and hours for a whole genome.

    python benchmarks/building.py GENOME [--keys KEY ...] [--positions 1119538391]

GENOME holds ``genome.fa``, ``annotation.gtf``, ``families.tsv`` and ``scores/KEY.parquet``. One thread, default
features. Two builds: the sampled table and every position; that the command starts is no cost of a position, all else
is. POSITIONS is what the projection is for: by default those of the 19,305 genes of the annotation for GRCh38 that
OpenSpliceAI 0.0.7 comes with, introns and all.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HUMAN = 1_119_538_391


def timed(*arguments: str | Path) -> float:
    """Run `build`; its seconds of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "meta_models", "build", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("genome", type=Path)
    parser.add_argument("--keys", nargs="+", default=None, help="base models (default: all, by name)")
    parser.add_argument("--positions", type=int, default=HUMAN)
    given = parser.parse_args()
    keys = given.keys or sorted(path.stem for path in (given.genome / "scores").glob("*.parquet"))
    files = ["--genome", given.genome / "genome.fa", "--annotation", given.genome / "annotation.gtf"]
    files += ["--scores", *(f"{key}={given.genome / 'scores' / f'{key}.parquet'}" for key in keys)]
    options = [*files, "--families", given.genome / "families.tsv", "--gene-types", "all", "--threads", "1"]
    with tempfile.TemporaryDirectory() as folder:
        table, full = Path(folder, "table"), Path(folder, "full")
        started, sampled = timed("--help"), timed(*options, "--out", table)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        everything = timed(*options, "--all-positions", "--out", full)
        positions, rows = (json.loads((out / "dataset_info.json").read_text())["n_rows"] for out in (full, table))
    speed, written = positions / (sampled - started), (positions - rows) / (everything - sampled)
    sys.stdout.write(
        f"table of {rows:,} rows: {sampled:.1f} s of CPU, {started:.1f} to start, peak {peak:.2f} GB\n"
        f"all {positions:,} positions: {everything:.1f} s of CPU\n"
        f"{speed:,.0f} positions/s scanned, {written:,.0f} rows/s written\n"
        f"{given.positions:,} positions at that speed: {given.positions / speed / 3600:.1f} hours of one core\n"
    )


if __name__ == "__main__":
    main()
