"""From a genome to a model: average precision on every position out of fold, CPU time and peak memory.

    python benchmarks/from_genome.py GENOME [--keys KEY ...] [--at-least .965] [--folder DIR] [-- OPTIONS OF TRAIN]

GENOME holds ``genome.fa``, ``annotation.gtf``, ``families.tsv`` and ``scores/KEY.parquet``, as a script that makes
genomes of real genes from raw files writes them; the first key is the main base model. All options are the defaults,
but the families, which are those of the file. With ``-- --second-pass`` what the second pass gains is told, too. What
is in DIR from an earlier call is used again. Exit code 1 where the mean of donor and acceptor is below ``--at-least``.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import polars as pl

METRIC = {"metric": "average_precision", "population": "table", "stratum": "all", "base_model": "best base"}


def timed(*arguments: str | Path) -> str:
    """Run a command of the package; its wall, its CPU time, and the most memory that any command so far has held."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "meta_models", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return f"{arguments[0]}: {time.monotonic() - started:.0f} s, {cpu:.0f} s of CPU, {used.ru_maxrss / 1e6:.2f} GB"


def measure(genome: Path, keys: list[str], folder: Path, more: list[str]) -> float:
    """Build and train; the mean AP of the meta-model."""
    scores = [f"{key}={genome / 'scores' / f'{key}.parquet'}" for key in keys]
    files = ["--genome", genome / "genome.fa", "--annotation", genome / "annotation.gtf"]
    files += ["--families", genome / "families.tsv", "--scores", *scores]
    built, run = folder / "built", folder / "run"
    if not built.is_dir():
        say(timed("build", *files, "--out", built))
    again = ["--resume"] if run.is_dir() else []
    say(timed("train", "--dataset", built, "--out-dir", run, "--whole-genes", "all", *again, *more))
    table = pl.read_csv(run / "oof_dataset_evaluation.tsv", separator="\t").filter(**METRIC)
    for row in table.iter_rows(named=True):
        interval = f"{row['difference']:+.4f} ({row['lower']:+.4f} to {row['upper']:+.4f})"
        say(f"{row['target']}: best base {row['base']:.4f}, meta-model {row['meta']:.4f}, {interval}")
    summary = " ".join((run / "training_summary.txt").read_text().split())
    if (begin := summary.find("Second pass minus first")) >= 0:
        say(summary[begin : summary.index(").", begin) + 2])
    return float(table.filter(target="mean")["meta"].item())


def say(line: str) -> None:
    """At once, for who waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("genome", type=Path)
    parser.add_argument("--keys", nargs="+", default=None, help="base models (default: all, by name)")
    parser.add_argument("--at-least", type=float, default=0.0)
    parser.add_argument("--folder", type=Path, default=None, help="where build and run are kept (default: nowhere)")
    own, train = sys.argv[1:], []
    if "--" in own:
        own, train = own[: own.index("--")], own[own.index("--") + 1 :]
    given = parser.parse_args(own)
    keys = given.keys or sorted(path.stem for path in (given.genome / "scores").glob("*.parquet"))
    with tempfile.TemporaryDirectory() if given.folder is None else nullcontext(given.folder) as folder:
        return int(measure(given.genome, keys, Path(folder), train) < given.at_least)


if __name__ == "__main__":
    sys.exit(main())
