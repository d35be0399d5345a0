"""Predicted beside measured peak memory of the whole command, over shapes of tables; and how it grows with rows.

    python benchmarks/memory.py                       # synthetic shapes
    python benchmarks/memory.py --analyses base-vs-meta --only narrow wide
    python benchmarks/memory.py --analyses base-vs-meta --only --compared 1013472 3610190 --threads 2
    python benchmarks/memory.py --table worm=DATA/worm/master --table chr1=DATA/human_chr1/master
    python benchmarks/memory.py --growth              # rows x 1, 2, 4, 8: the exponent of time and memory
    python benchmarks/memory.py --naive               # beside what a user would write: pandas and XGBClassifier
    python benchmarks/memory.py --naive --rows 1500000 --times 8       # 12 million rows alone: it does not fit 12 GB

Every run is a process of its own with few rounds; peaks are those of its ``run_manifest.json``, in which those of its
phases stand, too. Growth is told by CPU seconds, which other work on the machine hardly changes. The naive pipeline may
take ``--most-gb``. A prediction is good within 25 %: the last line says whether all are; the exit code is 1 where not.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.errors import ExitCode
from meta_models.resources import tree_pss

QUICK = ("--n-estimators", "2", "--n-folds", "2", "--bootstrap-samples", "20",
         "--screening-share", "0.01", "--shap-rows", "300", "--permutation-rows", "200")  # fmt: skip
#: name, rows, float features, k-mer counts (uint8), type of the floats
SHAPES = (
    ("narrow", 200_000, 40, 64, pl.Float32),
    ("floats", 500_000, 300, 0, pl.Float32),
    ("doubles", 150_000, 300, 0, pl.Float64),
    ("wide", 60_000, 54, 1088, pl.Float32),
    ("long", 1_000_000, 54, 64, pl.Float32),
)
GROWTH = (1, 2, 4, 8)
#: Further base models and all float features of the tables of ``--compared``.
FURTHER_MODELS, COMPARED_FLOATS = ("second", "third"), 16
NAIVE = """
import sys, pandas as pd, xgboost as xgb
from sklearn.model_selection import GroupKFold, cross_val_predict
t = pd.read_parquet(sys.argv[1])
y = t.pop("splice_type").map({"neither": 0, "donor": 1, "acceptor": 2})
g = t.pop("gene_id")
X = t.select_dtypes("number")
m = xgb.XGBClassifier(n_estimators=2, max_depth=6, tree_method="hist", n_jobs=2)
cross_val_predict(m, X, y, groups=g, cv=GroupKFold(2), method="predict_proba")
m.fit(X, y)
"""


@dataclass(frozen=True)
class Measured:
    """One run: values of the table, bytes, seconds and CPU seconds."""

    cells: int
    predicted: int
    peak: int
    seconds: float
    cpu: float


def synthetic(
    folder: Path, rows: int, floats: int, kmers: int, dtype: type[pl.DataType], further: Sequence[str] = ()
) -> Path:
    """A table of genes of 400 rows, one file per 100,000 rows; with scores of `further` base models."""
    folder.mkdir(parents=True)
    for number, first in enumerate(range(0, rows, 100_000)):
        n = min(100_000, rows - first)
        rng = np.random.default_rng(number)
        label = rng.choice(3, n, p=(0.9, 0.05, 0.05))
        models = ["", *(f"{name}_" for name in further)]
        columns = {
            "gene_id": [f"G{(first + i) // 400:06d}" for i in range(n)],
            "position": np.arange(n) % 400,
            "splice_type": np.array(("neither", "donor", "acceptor"), object)[label].tolist(),
            **{name: values for model in models for name, values in _scores(model, label, rng).items()},
            **{f"x{k}": pl.Series(rng.normal(size=n), dtype=dtype) for k in range(max(0, floats - 3 * len(models)))},
            **{f"5mer_{_kmer(k)}": rng.poisson(0.3, n).astype(np.uint8) for k in range(min(kmers, 1024))},
            **{f"3mer_{_kmer(k)[2:]}": rng.poisson(4, n).astype(np.uint8) for k in range(kmers - 1024)},
        }
        pl.DataFrame(columns).write_parquet(folder / f"part_{number:03d}.parquet", row_group_size=20_000)
    return folder


def _scores(model: str, label: NDArray[np.int64], rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Scores of a base model that knows the classes well."""
    scores = rng.dirichlet((1, 1, 1), len(label)) + np.eye(3)[label]
    scores /= scores.sum(1, keepdims=True)
    names = ("neither", "donor", "acceptor")
    return {f"{model}{name}_score": scores[:, k].astype(np.float32) for k, name in enumerate(names)}


def _kmer(number: int) -> str:
    return "".join("ACGT"[number // 4**place % 4] for place in reversed(range(5)))


def run(table: Path, out: Path, *options: str) -> Measured:
    """Run the command; what its manifest says."""
    command = [sys.executable, "-m", "meta_models.training.run_gene_cv_sigmoid", "--dataset", str(table)]
    started, cpu = time.monotonic(), _cpu_seconds()
    ended = subprocess.run([*command, "--out-dir", str(out), *QUICK, *options], stdout=subprocess.DEVNULL, check=False)
    if ended.returncode not in (ExitCode.DONE, ExitCode.TARGET_MISSED):
        raise SystemExit(f"{' '.join(ended.args)} ended with {ended.returncode}")
    seconds, cpu = time.monotonic() - started, _cpu_seconds() - cpu
    memory = json.loads((out / "run_manifest.json").read_text(encoding="utf-8"))["memory"]
    return Measured(_cells(table), memory["predicted"], memory["measured"], seconds, cpu)


def _cpu_seconds() -> float:
    """CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cells(table: Path) -> int:
    scan = pl.scan_parquet(table / "*.parquet")
    numbers = sum(dtype.is_numeric() for dtype in scan.collect_schema().dtypes())
    return int(scan.select(pl.len()).collect().item()) * numbers


def naive(table: Path, most_gb: float) -> Measured | None:
    """What a user would write; peak of the process tree, sampled. None where it passed `most_gb` and was stopped."""
    started, cpu, peak = time.monotonic(), _cpu_seconds(), 0
    process = subprocess.Popen([sys.executable, "-c", NAIVE, str(table)])
    while process.poll() is None:
        peak = max(peak, tree_pss(process.pid))
        if peak > most_gb * 1e9:
            process.kill()
        time.sleep(0.1)
    if process.returncode:
        print(f"naive: stopped at {peak / 1e9:.1f} GB with {_cells(table) / 1e6:.0f} M cells", flush=True)
        return None
    return Measured(_cells(table), 0, peak, time.monotonic() - started, _cpu_seconds() - cpu)


def compare(tables: dict[str, Path], scratch: Path, options: tuple[str, ...]) -> bool:
    """Print predicted and measured peak of each table; whether all are within 25 %."""
    print(f"{'table':12} {'strategy':16} {'M cells':>8} {'predicted':>10} {'measured':>9} {'ratio':>6} {'seconds':>8}")
    good = True
    for name, table in tables.items():
        for strategy in ("single_model", "external_memory"):
            found = run(table, scratch / f"{name}-{strategy}", "--strategy", strategy, *options)
            ratio = found.predicted / found.peak
            good &= 0.75 <= ratio <= 1.25
            print(
                f"{name:12} {strategy:16} {found.cells / 1e6:8.1f} {found.predicted / 1e9:7.2f} GB"
                f" {found.peak / 1e9:6.2f} GB {ratio:6.2f} {found.seconds:8.1f}",
                flush=True,
            )
    return good


def growth(scratch: Path, options: tuple[str, ...], sizes: Sequence[int], naive_gb: float | None) -> None:
    """Print time and memory over rows, and the exponent of each (least squares of the logarithms)."""
    series: dict[str, list[Measured]] = {}
    for rows in sizes:
        table = synthetic(scratch / f"rows{rows}", rows, 40, 64, pl.Float32)
        for strategy in ("single_model", "external_memory"):
            found = run(table, scratch / f"out{rows}-{strategy}", "--strategy", strategy, *options)
            series.setdefault(strategy, []).append(found)
        if naive_gb is not None and (plain := naive(table, naive_gb)) is not None:
            series.setdefault("naive", []).append(plain)
    for name, found in series.items():
        for line in _growth_lines(name, found):
            print(line, flush=True)


def _growth_lines(name: str, found: list[Measured]) -> Iterator[str]:
    for one in found:
        yield (
            f"{name:16} {one.cells / 1e6:8.1f} M cells  {one.peak / 1e9:6.2f} GB  {one.seconds:7.1f} s"
            f"  {one.cpu:7.1f} CPU s;"
            f" per M cells {one.cpu / one.cells * 1e6:6.2f} CPU s, {one.peak / one.cells:6.1f} MB"
        )
    if len(found) == 1:
        return
    cells = np.array([one.cells for one in found], float)
    per_cell, fixed = np.polyfit(cells, [one.peak for one in found], 1)
    exponent = np.polyfit(np.log(cells), np.log([one.cpu for one in found]), 1)[0]
    marginal = np.polyfit(cells, [one.cpu for one in found], 1)[0] * 1e6
    yield f"{name:16} CPU time grows with rows ^ {exponent:.2f}: {marginal:.2f} s for each further M cells"
    yield f"{name:16} peak = {fixed / 1e9:.2f} GB + {per_cell:.1f} B for each cell"
    if name == "naive":  # the others are told by the command itself: --dry-run
        yield f"{name:16} reaches 12 GB at {(12e9 - fixed) / per_cell / 1e9:.2f} G cells (extrapolated)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="append", default=[], metavar="NAME=FOLDER", help="a table of your own")
    parser.add_argument("--only", nargs="*", metavar="SHAPE", help="of the synthetic shapes; none with no name")
    parser.add_argument("--compared", nargs="+", type=int, default=[], metavar="ROWS", help="with three base models")
    parser.add_argument("--threads", type=int, help="of the runs; by default what this process may use")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--naive", action="store_true", help="growth, beside the naive pipeline")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the smallest table of --growth")
    parser.add_argument("--times", type=int, nargs="+", default=GROWTH, help="of these rows, the sizes of --growth")
    parser.add_argument("--most-gb", type=float, default=12.0, help="memory at which the naive pipeline is stopped")
    parser.add_argument("--analyses", nargs="+", default=["default"])
    arguments = parser.parse_args()
    options: tuple[str, ...] = ("--analyses", *arguments.analyses)
    if arguments.threads:
        options += ("--threads", str(arguments.threads))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if arguments.growth or arguments.naive:
            sizes = [arguments.rows * times for times in arguments.times]
            growth(scratch, options, sizes, arguments.most_gb if arguments.naive else None)
            return
        tables = {name: Path(path) for name, _, path in (text.partition("=") for text in arguments.table)}
        for name, *shape in SHAPES:
            if arguments.only is None or name in arguments.only:
                tables[name] = synthetic(scratch / name, *shape)
        for rows in arguments.compared:
            name = f"{rows}"
            tables[name] = synthetic(scratch / name, rows, COMPARED_FLOATS, 0, pl.Float32, FURTHER_MODELS)
        good = compare(tables, scratch, options)
    print("every prediction is within 25 %" if good else "NOT every prediction is within 25 %")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
