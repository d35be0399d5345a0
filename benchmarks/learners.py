"""Each learner on a built folder: what it is worth out of fold on every position, and what it costs.

    python benchmarks/learners.py BUILT --learner NAME [--folds 5] [--json FILE] [-- OPTIONS OF TRAIN]
    python benchmarks/learners.py --show FILE

BUILT is what ``meta-models build`` wrote. The first form trains one learner with its defaults on one thread, has every
position of every gene scored by the model of its fold, and adds a line to the file; the second prints the file as a
table. A learner is a process of its own, so that peaks and CPU seconds are its own.

``AP`` is the mean of donor and acceptor average precision on all positions out of fold, ``difference`` that to the best
base model with a 95 % interval of a bootstrap over families; ``CPU`` is of the whole command (reading, screening, folds
and final model, scores of all positions, comparison); ``peak`` the summed proportional set size at its height, beside
the predicted one; ``file`` the model file; ``rows/s`` what the loaded model predicts on one thread of rows whose
features are in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

METRIC = {"metric": "average_precision", "population": "table", "stratum": "all", "base_model": "best base"}
PREDICTED_ROWS = 20_000
LEAST_SECONDS = 2.0
Figures = dict[str, Any]


def measure(built: Path, learner: str, folds: int, more: list[str]) -> Figures:
    """Train, and read off what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        options = ["--learner", learner, "--n-folds", str(folds), "--threads", "1", "--whole-genes", "all"]
        command = ["-m", "meta_models", "train", "--dataset", str(built), "--out-dir", str(run), *options, *more]
        subprocess.run(
            [sys.executable, *command, "--analyses", "base-vs-meta"],
            check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        manifest = json.loads((run / "run_manifest.json").read_text())
        model = next(run.glob("model_multiclass*.pkl"))
        return {
            "table": built.name, "learner": learner, "folds": folds, "options": more,
            **precision(run), "cpu_seconds": used.ru_utime + used.ru_stime,
            **peaks(manifest), "file_bytes": model.stat().st_size, "rows_per_second": speed(model, built),
        }  # fmt: skip


def precision(run: Path) -> Figures:
    """Mean AP on every position, its interval, and the best base model."""
    table = pl.read_csv(run / "oof_dataset_evaluation.tsv", separator="\t").filter(**METRIC, target="mean")
    row = table.row(0, named=True)
    return {name: row[name] for name in ("base", "meta", "difference", "lower", "upper")}


def peaks(manifest: Figures) -> Figures:
    """Predicted and measured peak of a run, in bytes."""
    memory = manifest["memory"]
    return {"predicted_peak": memory["predicted"], "measured_peak": memory["measured"]}


def speed(model_file: Path, built: Path) -> float:
    """Rows that are predicted in a second."""
    from meta_models import load

    model = load(model_file)
    frame = pl.read_parquet(sorted((built / "master").glob("*.parquet")), n_rows=PREDICTED_ROWS)
    model.predict_proba(frame[:100])
    done, started = 0, time.process_time()
    while time.process_time() - started < LEAST_SECONDS:
        model.predict_proba(frame)
        done += frame.height
    return done / (time.process_time() - started)


def show(path: Path) -> None:
    """The file as a table, best first."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    print("| table | learner | AP | best base | difference (95 %) | CPU s | peak MB | predicted | file MB | rows/s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for line in sorted(lines, key=lambda line: (line["table"], -line["meta"])):
        interval = f"{line['difference']:+.4f} ({line['lower']:+.4f} to {line['upper']:+.4f})"
        megabytes = " | ".join(f"{line[name] / 1e6:,.0f}" for name in ("measured_peak", "predicted_peak"))
        print(
            f"| {line['table']} | {line['learner']} | {line['meta']:.4f} | {line['base']:.4f} | {interval} "
            f"| {line['cpu_seconds']:.0f} | {megabytes} | {line['file_bytes'] / 1e6:.1f} "
            f"| {line['rows_per_second']:,.0f} |"
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path, nargs="?")
    parser.add_argument("--learner", default="xgboost")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=None, help="file that a line is added to")
    parser.add_argument("--show", type=Path, default=None, help="print this file as a table")
    given, more = parser.parse_known_args()
    if given.show is not None:
        return show(given.show)
    found = measure(given.built, given.learner, given.folds, [option for option in more if option != "--"])
    text = json.dumps(found, default=float)
    if given.json is not None:
        with given.json.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    print(text)
    return None


if __name__ == "__main__":
    main()
