"""This trainer beside what a user would write: wall and peak memory, as ratios of one run.

    python benchmarks/training.py TABLE [--rounds 20] [--folds 5] [--repeats 1]

Each contestant runs in a process of its own, in turn. *Naive* reads the table whole with polars, takes the features as
a float32 array and trains three ``XGBClassifier`` with ``GroupKFold`` and once more on all rows, with the same
parameters and rounds. *Bare* is the sum of the ``xgboost.train`` calls that this trainer needs, on one quantised matrix
in memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SCORES = ("neither", "donor", "acceptor")


def parameters(rounds: int) -> dict[str, object]:
    from meta_models.config import TrainingConfig

    config = TrainingConfig(n_estimators=rounds)
    return {
        "learning_rate": config.learning_rate,
        "max_depth": config.max_depth,
        "max_delta_step": config.leaf_bound,
        "subsample": config.subsample,
        "colsample_bytree": config.colsample,
        "max_bin": config.max_bin,
        "tree_method": "hist",
    }


def load(table: Path):
    import polars as pl

    from meta_models.schema import METADATA

    frame = pl.read_parquet(table / "*.parquet")
    numeric = [c for c, t in frame.schema.items() if t.is_numeric() and c not in METADATA]
    labels = frame["splice_type"].replace_strict({n: k for k, n in enumerate(SCORES)}).to_numpy()
    groups = frame["gene_family"].to_numpy() if "gene_family" in frame.columns else frame["gene_id"].to_numpy()
    weights = frame["sampling_weight"].to_numpy() if "sampling_weight" in frame.columns else None
    return frame.select(numeric).cast(pl.Float32).to_numpy(), labels, groups, weights


def naive(table: Path, rounds: int, folds: int) -> dict[str, float]:
    from sklearn.model_selection import GroupKFold
    from xgboost import XGBClassifier

    x, labels, groups, weights = load(table)
    oof = np.zeros((len(labels), 3))
    for train, held_out in GroupKFold(folds).split(x, labels, groups):
        for k in range(3):
            model = XGBClassifier(n_estimators=rounds, **parameters(rounds))
            model.fit(x[train], labels[train] == k, sample_weight=None if weights is None else weights[train])
            oof[held_out, k] = model.predict_proba(x[held_out])[:, 1]
    for k in range(3):
        XGBClassifier(n_estimators=rounds, **parameters(rounds)).fit(x, labels == k, sample_weight=weights)
    return {"mean_ap_table": mean_ap(labels, oof / oof.sum(1, keepdims=True))}


def bare(table: Path, rounds: int, folds: int) -> dict[str, float]:
    import xgboost as xgb

    x, labels, _, weights = load(table)
    matrix = xgb.QuantileDMatrix(x)
    del x
    fold = np.arange(len(labels)) * folds // len(labels)
    weights = np.ones(len(labels), np.float32) if weights is None else weights
    started = time.monotonic()
    for held_out in [*range(folds), None]:
        matrix.set_weight(np.where(fold == held_out, 0, weights) if held_out is not None else weights)
        for k in range(3):
            matrix.set_label((labels == k).astype(np.float32))
            xgb.train({"objective": "binary:logistic", **parameters(rounds)}, matrix, rounds)
    return {"train_seconds": time.monotonic() - started}


def ours(table: Path, rounds: int, folds: int) -> dict[str, float]:
    from meta_models.cli import main

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        arguments = [
            "--n-estimators",
            rounds,
            "--n-folds",
            folds,
            "--analyses",
            "base-vs-meta",
            "--bootstrap-samples",
            100,
        ]
        code = main(["train", "--dataset", str(table), "--out-dir", str(out), *map(str, arguments)])
        if code:
            raise SystemExit(code)
        phases = json.loads((out / "run_manifest.json").read_text())["phases"]
        import polars as pl

        oof = pl.read_parquet(out / "oof_predictions.parquet")
        probabilities = oof.select([f"raw_{name}" for name in SCORES]).to_numpy()
        figures = {"mean_ap_table": mean_ap(oof["label"].to_numpy(), probabilities)}
        return figures | {f"phase_{name}": seconds for name, seconds in phases.items()}


def mean_ap(labels: np.ndarray, probabilities: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return float(np.mean([average_precision_score(labels == k, probabilities[:, k]) for k in (1, 2)]))


CONTESTANTS = {"ours": ours, "naive": naive, "bare": bare}


def measure(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Wall seconds and peak memory (summed proportional set size, every 0.2 s) of one contestant's process tree."""
    from meta_models.resources import tree_pss

    command = [sys.executable, __file__, str(arguments.table), "--only", name]
    command += ["--rounds", str(arguments.rounds), "--folds", str(arguments.folds)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0
    done = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not done.wait(0.2):
            peak = max(peak, tree_pss(process.pid))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    output, _ = process.communicate()
    done.set()
    sampler.join()
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")
    figures = json.loads(output.strip().splitlines()[-1])
    return {"wall": time.monotonic() - started, "peak_gb": peak / 1e9, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", choices=CONTESTANTS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(CONTESTANTS[arguments.only](arguments.table, arguments.rounds, arguments.folds)))
        return
    runs = [{name: measure(name, arguments) for name in CONTESTANTS} for _ in range(arguments.repeats)]
    for run in runs:
        for name, figures in run.items():
            print(f"{name:6}", "  ".join(f"{key} {value:.3f}" for key, value in figures.items()))
        ours_, naive_, bare_ = (run[name] for name in ("ours", "naive", "bare"))
        training = sum(ours_[f"phase_{name}"] for name in ("reading", "screening", "training"))
        print(
            f"ratios: wall ours/naive {ours_['wall'] / naive_['wall']:.2f}, peak ours/naive "
            f"{ours_['peak_gb'] / naive_['peak_gb']:.2f}, "
            f"training phases/bare calls {training / bare_['train_seconds']:.2f}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(runs, indent=1))


if __name__ == "__main__":
    main()
