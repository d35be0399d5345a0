"""This trainer beside what a user would write: wall, CPU, peak memory and quality, as ratios of one run.

    python benchmarks/training.py TABLE ... [--expand TOOL RAW] [--rounds 20] [--folds 5] [--only NAME ...]

Tables are folders of Parquet files. With ``--expand`` three more are made from a raw file by the expansion tool: a
down-sampled one (about 10 negatives a site), every position with 374 features, and a down-sampled one of 1,142.
Contestants run one after another, each in a process of its own, with all threads, the same number of rounds, depth and
learning rate, row weights, and folds of whole families: five models and one on all rows.

- *single*, *ensemble* (in three batches), *external*: this project's strategies, the whole command with the comparison
  of base and meta-model; *pilot*: the single model with ``--max-features auto``.
- *naive*: pandas table in memory, three ``XGBClassifier``, ``GroupKFold``; *lean*: the same from one float32 array,
  which the table is let go for, as who minds memory would write it.
- *bare*: the ``xgboost.train`` calls alone that the single model needs, on one quantised matrix in memory.
- *hist*: scikit-learn's ``HistGradientBoostingClassifier``; *lightgbm*: ``LGBMClassifier`` (the extra ``benchmark``).

``mean AP`` is out of fold, of donor and acceptor, on the rows of the table; ``weighted`` is the same, and ``log-loss``
that of all classes, with rows weighted up to all positions. Below are their differences to the naive pipeline, with
95 % intervals of a bootstrap over families. ``training`` is what comes before any analysis: reading, screening,
training. ``x bare`` compares it (of others: the wall) with the bare calls.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SCORES = ("neither", "donor", "acceptor")
SAMPLES = 500  # of the bootstrap
EXPANSIONS = {
    "sampled": ["--negatives-per-site", "10"],
    "positions": ["--kmer", "3", "4"],
    "wide": ["--kmer", "3", "5", "--negatives-per-site", "60"],
}
Figures = dict[str, Any]


def parameters(rounds: int) -> dict[str, Any]:
    from meta_models.config import TrainingConfig

    config = TrainingConfig.from_mapping({"n_estimators": rounds}).section
    return {
        "learning_rate": config.learning_rate,
        "max_depth": config.max_depth,
        "max_delta_step": config.leaf_bound,
        "subsample": config.subsample,
        "colsample_bytree": config.colsample,
        "max_bin": config.max_bin,
        "tree_method": "hist",
    }


def constraints(table: Path) -> list[tuple[int, ...]]:
    """How each class's model must follow each feature, as in this trainer."""
    from meta_models.schema import base_models
    from meta_models.training.fitting.constraints import score_constraints

    names = features(table)
    return list(score_constraints(names, base_models(names)))


def features(table: Path) -> list[str]:
    import polars as pl

    from meta_models.schema import METADATA

    schema = pl.scan_parquet(table / "*.parquet").collect_schema()
    return [c for c, t in schema.items() if t.is_numeric() and c not in METADATA]


Loaded = tuple[Any, np.ndarray, np.ndarray, np.ndarray]


def load(table: Path, *, as_frame: bool = False, values: bool = True) -> Loaded:
    """Features (float32, or a pandas table as it is), labels, families and weights of the whole table."""
    import polars as pl

    scan = pl.scan_parquet(table / "*.parquet")
    others = [c for c in ("splice_type", "gene_family", "gene_id", "sampling_weight") if c in scan.collect_schema()]
    frame = scan.collect() if values else scan.select(others).collect()
    labels = frame["splice_type"].replace_strict({n: k for k, n in enumerate(SCORES)}).to_numpy()
    groups = frame["gene_family"].to_numpy() if "gene_family" in frame.columns else frame["gene_id"].to_numpy()
    weights = frame["sampling_weight"].to_numpy() if "sampling_weight" in frame.columns else np.ones(len(labels))
    columns = frame.select(features(table) if values else ())
    x = columns.to_pandas() if as_frame else columns.cast(pl.Float32).to_numpy()
    return x, labels, groups, weights.astype(np.float32)


def cross_validate(loaded: Loaded, folds: int, predict: Callable[..., np.ndarray]) -> Figures:
    """Out of fold on whole families, then once more on all rows; `predict(x, y, w, x_new)` trains and scores."""
    from sklearn.model_selection import GroupKFold

    x, labels, groups, weights = loaded
    oof, rows = np.zeros((len(labels), 3)), getattr(x, "iloc", x)
    for train, held_out in GroupKFold(folds).split(x, labels, groups):
        oof[held_out] = predict(rows[train], labels[train], weights[train], rows[held_out])
    predict(x, labels, weights, rows[:1])
    return {"mean_ap": mean_ap(labels, oof / oof.sum(1, keepdims=True)), "scores": oof}


def naive(table: Path, rounds: int, folds: int, *, as_frame: bool = True) -> Figures:
    from xgboost import XGBClassifier

    signs = constraints(table)

    def predict(x: np.ndarray, y: np.ndarray, w: np.ndarray, x_new: np.ndarray) -> np.ndarray:
        models = [
            XGBClassifier(n_estimators=rounds, monotone_constraints=signs[k], **parameters(rounds)) for k in range(3)
        ]
        fitted = [model.fit(x, y == k, sample_weight=w) for k, model in enumerate(models)]
        return np.column_stack([model.predict_proba(x_new)[:, 1] for model in fitted])

    return cross_validate(load(table, as_frame=as_frame), folds, predict)


def lean(table: Path, rounds: int, folds: int) -> Figures:
    return naive(table, rounds, folds, as_frame=False)


def hist(table: Path, rounds: int, folds: int) -> Figures:
    from sklearn.ensemble import HistGradientBoostingClassifier

    same = {name: parameters(rounds)[name] for name in ("learning_rate", "max_depth")}

    def predict(x: np.ndarray, y: np.ndarray, w: np.ndarray, x_new: np.ndarray) -> np.ndarray:
        model = HistGradientBoostingClassifier(max_iter=rounds, early_stopping=False, max_features=0.5, **same)
        return model.fit(x, y, sample_weight=w).predict_proba(x_new)

    return cross_validate(load(table), folds, predict)


def lightgbm(table: Path, rounds: int, folds: int) -> Figures:
    from lightgbm import LGBMClassifier

    same = {name: parameters(rounds)[name] for name in ("learning_rate", "max_depth", "subsample", "colsample_bytree")}

    def predict(x: np.ndarray, y: np.ndarray, w: np.ndarray, x_new: np.ndarray) -> np.ndarray:
        model = LGBMClassifier(n_estimators=rounds, num_leaves=16, subsample_freq=1, verbosity=-1, **same)
        return model.fit(x, y, sample_weight=w).predict_proba(x_new)

    return cross_validate(load(table), folds, predict)


def bare(table: Path, rounds: int, folds: int) -> Figures:
    import xgboost as xgb

    x, labels, _, weights = load(table)
    matrix = xgb.QuantileDMatrix(x)
    del x
    fold, signs = np.arange(len(labels)) * folds // len(labels), constraints(table)
    started = time.monotonic()
    for held_out in [*range(folds), None]:
        matrix.set_weight(np.where(fold == held_out, 0, weights) if held_out is not None else weights)
        for k in range(3):
            matrix.set_label((labels == k).astype(np.float32))
            like = {"objective": "binary:logistic", "monotone_constraints": signs[k], **parameters(rounds)}
            xgb.train(like, matrix, rounds)
    return {"training": time.monotonic() - started}


def ours(*options: str) -> Callable[[Path, int, int], Figures]:
    """The command with `options`."""

    def run(table: Path, rounds: int, folds: int) -> Figures:
        from meta_models.cli import main

        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            command = ["train", "--dataset", str(table), "--out-dir", str(out), "--n-estimators", str(rounds)]
            command += ["--n-folds", str(folds), "--analyses", "base-vs-meta", "--bootstrap-samples", "100", *options]
            if code := main(command):
                raise SystemExit(code)
            return _figures(out)

    return run


def _figures(run: Path) -> Figures:
    import polars as pl

    phases = json.loads((run / "run_manifest.json").read_text())["phases"]
    oof = pl.read_parquet(run / "oof_predictions.parquet")
    scores = oof.select([f"raw_{name}" for name in SCORES]).to_numpy()
    return {
        "mean_ap": mean_ap(oof["label"].to_numpy(), scores),
        "scores": scores,
        "training": sum(phases[name] for name in ("reading", "screening", "training")),
        "phases": phases,
    }


def mean_ap(labels: np.ndarray, probabilities: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return float(np.mean([average_precision_score(labels == k, probabilities[:, k]) for k in (1, 2)]))


BATCHES = ("--strategy", "batch_ensemble", "--max-genes-per-batch")
CONTESTANTS: dict[str, Callable[[Path, int, int], Figures]] = {
    "single": ours("--strategy", "single_model"),
    "pilot": ours("--strategy", "single_model", "--max-features", "auto"),
    "ensemble": lambda table, rounds, folds: ours(*BATCHES, str(genes_of(table) // 3 + 1))(table, rounds, folds),
    "external": ours("--strategy", "external_memory"),
    "naive": naive,
    "lean": lean,
    "bare": bare,
    "hist": hist,
    "lightgbm": lightgbm,
}


def genes_of(table: Path) -> int:
    import polars as pl

    return int(pl.scan_parquet(table / "*.parquet").select(pl.col("gene_id").n_unique()).collect().item())


def measure(name: str, table: Path, folder: Path, options: argparse.Namespace) -> Figures:
    """Wall and CPU seconds and peak memory (summed proportional set size, every 0.2 s) of a contestant's processes."""
    from meta_models.resources import tree_pss

    scores = folder / f"{name}.npy"
    command = [sys.executable, __file__, str(table), "--contestant", name, "--scores", str(scores)]
    command += ["--rounds", str(options.rounds), "--folds", str(options.folds)]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak, done = 0, threading.Event()

    def sample() -> None:
        nonlocal peak
        while not done.wait(0.2):
            peak = max(peak, tree_pss(process.pid))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    output, _ = process.communicate()
    done.set()
    sampler.join()
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = {"wall": wall, "cpu": cpu, "peak_gb": peak / 1e9, **json.loads(output.strip().splitlines()[-1])}
    return figures | ({"scores": np.load(scores)} if scores.exists() else {})


WEIGHTED = {"weighted": ("average_precision", "mean"), "log_loss": ("log_loss", "all")}


def compare(table: Path, runs: dict[str, Figures]) -> None:
    """Add weighted figures to `runs`, and their differences to the naive pipeline with intervals; scores are let go."""
    from meta_models.analysis.comparison.replicates import Figures as Scored
    from meta_models.analysis.comparison.replicates import Rows, figures_of
    from meta_models.metrics import Draws, interval_of

    _, labels, groups, weights = load(table, values=False)
    names, family = np.unique(groups, return_inverse=True)
    rows = Rows(labels.astype(np.uint8), weights.astype(np.float64), family, len(names))
    draws = Draws.make(len(names), SAMPLES, seed=0)
    scored: dict[str, Scored] = {}
    for name, run in runs.items():
        if (scores := run.pop("scores", None)) is not None:
            scored[name] = figures_of(rows, scores / scores.sum(1, keepdims=True), draws)
            run |= {column: scored[name].points[key].value for column, key in WEIGHTED.items()}
    for name in scored if "naive" in scored else ():
        for column, key in WEIGHTED.items():
            if runs[name][column] is None or runs["naive"][column] is None:
                continue  # a few heavy rows decide it
            both = scored[name], scored["naive"]
            interval = interval_of(both[0].replicates[key] - both[1].replicates[key], both[0].families[key[1]])
            runs[name][f"{column} - naive"] = [
                runs[name][column] - runs["naive"][column],
                interval.lower,
                interval.upper,
            ]


def expanded(tool: Path, raw: Path, folder: Path) -> list[Path]:
    """Tables made from `raw` by the expansion tool."""
    for name, arguments in EXPANSIONS.items():
        subprocess.run([sys.executable, tool, raw, "--out", folder / name, *arguments], check=True, stdout=sys.stderr)
    return [folder / name / "master" for name in EXPANSIONS]


def report(table: Path, runs: dict[str, Figures]) -> None:
    """A line for each contestant."""
    naive_, bare_ = runs.get("naive"), runs.get("bare")
    print(f"\n{table}\n{'':10}{'wall s':>9}{'CPU s':>9}{'peak GB':>9}{'mean AP':>9}{'weighted':>9}{'log-loss':>9}"
          f"{'training':>9}{'x naive':>9}{'peak x':>9}{'x bare':>9}")  # fmt: skip
    for name, f in runs.items():
        training = f.get("training", f["wall"])
        ratios = (
            f["wall"] / naive_["wall"] if naive_ else np.nan,
            f["peak_gb"] / naive_["peak_gb"] if naive_ else np.nan,
            training / bare_["training"] if bare_ else np.nan,
        )
        quality = [np.nan if f.get(column) is None else f[column] for column in ("mean_ap", *WEIGHTED)]
        cost = "".join(f"{v:9.2f}" for v in (f["wall"], f["cpu"], f["peak_gb"]))
        good = f"{quality[0]:9.4f}{quality[1]:9.4f}{quality[2]:9.2g}"
        print(f"{name:10}{cost}{good}" + "".join(f"{v:9.2f}" for v in (training, *ratios)), flush=True)
    for name, f in runs.items():
        for column in WEIGHTED if name != "naive" else ():
            if found := f.get(f"{column} - naive"):
                print(f"{name} - naive, {column.replace('_', '-')}: " + " to ".join(_signed(v) for v in found[1:])
                      + f" around {_signed(found[0])}", flush=True)  # fmt: skip


def _signed(value: float | None) -> str:
    return "?" if value is None else f"{value:+.2g}"


def main() -> None:
    """Run all contestants on all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, nargs="*")
    parser.add_argument("--expand", type=Path, nargs=2, metavar=("TOOL", "RAW"))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--scores", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        figures = CONTESTANTS[options.contestant](options.tables[0], options.rounds, options.folds)
        if (scores := figures.pop("scores", None)) is not None:
            np.save(options.scores, scores)
        print(json.dumps(figures))
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for table in [*options.tables, *(expanded(*options.expand, Path(folder)) if options.expand else ())]:
            found[str(table)] = {name: measure(name, table, Path(folder), options) for name in options.only}
            compare(table, found[str(table)])
            report(table, found[str(table)])
    if options.json:
        options.json.write_text(
            json.dumps({"rounds": options.rounds, "folds": options.folds, "tables": found}, indent=1)
        )


if __name__ == "__main__":
    main()
