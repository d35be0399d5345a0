"""Ways to cross-validate boosters on one quantised table: time, memory, and whether the trees are the same.

    python benchmarks/cross_validation.py --rows 200000 --features 118 --rounds 20

- ``weights``: one matrix; the rows of the held-out fold weigh 0 and are scored from XGBoost's own cache.
- ``matrix per fold``: the rows of each fold's training genes in a matrix of their own, with the same bins.
- ``slices``: XGBoost does not slice a quantised matrix; the message is printed.

Each way runs in a process of its own. Trees are compared with the held-out scores of the first way.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xgboost as xgb

from meta_models.learners.trees.cut_values import cut_values
from meta_models.resources import PeakSampler

PARAMETERS = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 4, "learning_rate": 0.05,
              "max_delta_step": 1.0, "max_bin": 256, "seed": 0}  # fmt: skip


class Table:
    """Random features, a label that three of them tell, and folds."""

    def __init__(self, rows: int, features: int, folds: int) -> None:
        rng = np.random.default_rng(0)
        self.values = rng.normal(size=(rows, features)).astype(np.float32)
        signal = self.values[:, 0] + self.values[:, 1] * self.values[:, 2]
        self.label = (signal + rng.normal(size=rows) > 2).astype(np.float32)
        self.fold = rng.integers(0, folds, rows)
        sample = self.values[: min(rows, 50_000)]
        self.bins = xgb.QuantileDMatrix(cut_values(sample, 256), max_bin=256)


def by_weights(table: Table, parameters: dict[str, Any], rounds: int) -> np.ndarray:
    """Held-out scores (n_rows,)."""
    matrix = xgb.QuantileDMatrix(table.values, ref=table.bins, max_bin=256)
    matrix.set_label(table.label)
    scores = np.empty(len(table.label), np.float32)
    for fold in np.unique(table.fold):
        held_out = table.fold == fold
        matrix.set_weight((~held_out).astype(np.float32))
        scores[held_out] = xgb.train(parameters, matrix, rounds).predict(matrix)[held_out]
    return scores


def by_matrices(table: Table, parameters: dict[str, Any], rounds: int) -> np.ndarray:
    """Held-out scores (n_rows,)."""
    scores = np.empty(len(table.label), np.float32)
    for fold in np.unique(table.fold):
        held_out = table.fold == fold
        matrix = xgb.QuantileDMatrix(table.values[~held_out], ref=table.bins, max_bin=256)
        matrix.set_label(table.label[~held_out])
        scores[held_out] = xgb.train(parameters, matrix, rounds).inplace_predict(table.values[held_out])
    return scores


def by_slices(table: Table, parameters: dict[str, Any], rounds: int) -> np.ndarray:
    """Raises XGBoostError."""
    matrix = xgb.QuantileDMatrix(table.values, ref=table.bins, max_bin=256)
    return xgb.train(parameters, matrix.slice(np.flatnonzero(table.fold != 0)), rounds).predict(matrix)


WAYS: dict[str, Callable[[Table, dict[str, Any], int], np.ndarray]] = {
    "weights": by_weights, "matrix per fold": by_matrices, "slices": by_slices,
}  # fmt: skip


def measure(way: str, arguments: argparse.Namespace, results: Any) -> None:
    """Put (seconds, CPU seconds, peak over the table in bytes, scores or message) into `results`."""
    table = Table(arguments.rows, arguments.features, arguments.folds)
    parameters = PARAMETERS | {"subsample": arguments.subsample, "colsample_bytree": arguments.colsample, "nthread": 1}
    with PeakSampler(period=0.05) as sampler:
        before, started, cpu = sampler.peak_bytes, time.monotonic(), time.process_time()
        try:
            scores: Any = WAYS[way](table, parameters, arguments.rounds)
        except xgb.core.XGBoostError as error:
            scores = next(line for line in str(error).splitlines() if "support" in line)[-100:]
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    results.put((seconds, cpu, sampler.peak_bytes - before, scores))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 200_000), ("features", 118), ("folds", 5), ("rounds", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--subsample", type=float, default=1.0)
    parser.add_argument("--colsample", type=float, default=0.5)
    arguments = parser.parse_args()
    context, first = multiprocessing.get_context("spawn"), None
    print(f"{arguments.rows:,} x {arguments.features}, {arguments.folds} folds, {arguments.rounds} rounds, 1 thread")
    for way in WAYS:
        results = context.Queue()
        process = context.Process(target=measure, args=(way, arguments, results))
        process.start()
        seconds, cpu, peak, scores = results.get()
        process.join()
        if isinstance(scores, str):
            print(f"{way:16} is not possible: {scores}")
            continue
        first = scores if first is None else first
        difference = float(np.abs(scores - first).max())
        print(f"{way:16} {seconds:7.1f} s {cpu:7.1f} CPU s, {peak / 1e6:7.0f} MB over the table, "
              f"held-out scores differ by {difference:.2g}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
