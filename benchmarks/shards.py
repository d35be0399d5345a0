"""One model over shards beside the single model: splits, average precision, and the peak memory of each worker.

    python benchmarks/shards.py                                   # 172,800 x 1,142, two workers on this machine
    python benchmarks/shards.py --table DATA/worm/master --workers 3 --rounds 20
    python benchmarks/shards.py --distributed file:scheduler.json # workers that are there; their peaks are in the log

Both runs are processes of their own, with the same bins, rows drawn by their numbers, and one thread a process. The
built-in table is that of memory.py, with scores that tell the classes apart less well. A worker is the process of the
cluster with that of its shard below it; its proportional set size is sampled from outside, four times a second. That of
the single model is the peak of its phase "training", of which its manifest tells.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import xgboost as xgb
from memory import synthetic
from sklearn.metrics import average_precision_score

from meta_models.resources import tree_pss

ROWS, FLOATS, KMERS = 172_800, 54, 1088
SECONDS = 0.25


def wide_table(folder: Path, rows: int) -> Path:
    """A wide table whose scores are right now and then, and whose features know something, too."""
    synthetic(folder, rows, FLOATS, KMERS, pl.Float32)
    rng, classes = np.random.default_rng(0), {"neither": 0, "donor": 1, "acceptor": 2}
    for path in sorted(folder.glob("*.parquet")):
        frame = pl.read_parquet(path)
        label = frame["splice_type"].cast(pl.String).replace_strict(classes).to_numpy()
        scores = rng.dirichlet((1, 1, 1), frame.height) + 0.3 * np.eye(3)[label]
        scores /= scores.sum(1, keepdims=True)
        told = {f"{name}_score": pl.Series(scores[:, k], dtype=pl.Float32) for name, k in classes.items()}
        noise = rng.poisson(0.4 * (label > 0) + 1, frame.height).astype(np.uint8)
        first = next(name for name in frame.columns if "mer_" in name)
        frame.with_columns(pl.Series(name, values) for name, values in {**told, first: noise}.items()).write_parquet(
            path, row_group_size=8192
        )
    return folder


class WorkerPeaks:
    """Most that each worker below a process held, by the name of its shard, and how much it holds while idle."""

    def __init__(self, run: subprocess.Popen[bytes]) -> None:
        self.peaks: dict[str, int] = {}
        self.shards: dict[str, int] = {}
        self._run, self._ended = psutil.Process(run.pid), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> WorkerPeaks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SECONDS):
            try:
                for process in self._run.children(recursive=True):
                    self._see(process)
            except psutil.Error:
                continue

    def _see(self, process: psutil.Process) -> None:
        name = next((word for word in process.cmdline() if word.startswith("shard-")), None)
        if name is not None:
            for found, pid in ((self.peaks, process.ppid()), (self.shards, process.pid)):
                found[name] = max(found.get(name, 0), tree_pss(pid))


def run(table: Path, out: Path, options: argparse.Namespace, *more: str) -> WorkerPeaks:
    """Train."""
    command = [
        sys.executable, "-m", "meta_models", "train", "--dataset", str(table), "--out-dir", str(out), "--n-folds", "2",
        "--n-estimators", str(options.rounds), "--analyses", "base-vs-meta", "--bootstrap-samples", "20",
        "--screening-share", "0.01", "--threads", "1", *more,
    ]  # fmt: skip
    process = subprocess.Popen(command)
    with WorkerPeaks(process) as found:
        code = process.wait()
    if code:
        raise SystemExit(code)
    return found


def boosters(out: Path) -> dict[str, bytes]:
    """Those of all fits."""
    return {path.parent.name: path.read_bytes() for path in sorted(out.glob("units/*/predictor-target_0.ubj"))}


def splits(payload: bytes) -> pl.DataFrame:
    """Features and values that a booster splits at."""
    frame = xgb.Booster(model_file=bytearray(payload)).trees_to_dataframe()
    return pl.from_pandas(frame[["Tree", "Node", "Feature", "Split"]])


def precision(out: Path) -> list[float]:
    """Average precision of donors and acceptors out of fold, before calibration."""
    oof = pl.read_parquet(out / "oof_predictions.parquet")
    label = oof["label"].to_numpy()
    return [
        float(average_precision_score(label == k, oof[f"raw_{name}"])) for k, name in ((1, "donor"), (2, "acceptor"))
    ]


def compare(here: Path, there: Path, peaks: WorkerPeaks) -> None:
    """Print what differs, and what the workers held."""
    ours, theirs = boosters(there), boosters(here)
    same = sum(splits(ours[name]).equals(splits(theirs[name])) for name in theirs)
    equal = sum(ours[name] == theirs[name] for name in theirs)
    print(f"boosters {len(theirs)}: splits equal in {same}, bytes in {equal}")
    for name, out in (("single model", here), ("shards", there)):
        seconds = [json.loads(path.read_bytes())["total"] for path in out.glob("units/*/timing.json")]
        print(f"{name}: AP {' '.join(f'{ap:.6f}' for ap in precision(out))}, {np.median(seconds):.1f} s a booster")
    manifest = json.loads((here / "run_manifest.json").read_bytes())
    single, predicted = manifest["memory"]["phases"]["training"], manifest["memory"]["predicted"]
    print(f"single model: peak {single / 1e6:.0f} MB in training, predicted {predicted / 1e6:.0f} MB")
    for line in json.loads((there / "run_manifest.json").read_bytes())["lines"]["plan"]:
        if line.startswith("Shard "):
            print(line)
    for name in sorted(peaks.peaks):
        print(f"{name}: worker {peaks.peaks[name] / 1e6:.0f} MB, {peaks.peaks[name] / single:.2f} of the single model; "
              f"the process of the shard {peaks.shards[name] / 1e6:.0f} MB")  # fmt: skip


def main() -> None:
    """Run and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--distributed", help="a cluster that is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = options.table or wide_table(folder / "table", options.rows)
        run(table, folder / "here", options, "--row-draws", "row-number")
        where = options.distributed or f"local:{options.workers}"
        peaks = run(table, folder / "there", options, "--strategy", "distributed", "--distributed", where)
        compare(folder / "here", folder / "there", peaks)


if __name__ == "__main__":
    main()
