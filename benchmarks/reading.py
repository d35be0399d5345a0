"""What reading the table costs of training: whether it would pay to keep a decoded copy beside the run.

    python benchmarks/reading.py TABLE [--boosters 18] [--rounds 200] [--sample-rounds 20]

Prints the CPU seconds of one pass over the features, of the check (which is a pass), of the quantised matrix (three
passes, and XGBoost's binning) and of `--sample-rounds` of one booster; then the share of reading (four passes) in a
training of so many boosters and rounds, which is the most that a cache of decoded values could save.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xgboost as xgb

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.seam import Resources, TrainingRows
from meta_models.learners.xgboost.booster import prepared_matrix
from meta_models.progress import Progress
from meta_models.resources import cpu_limit
from meta_models.training.fitting.rows.audit import audit_features, cut_sample, sample_size

CONFIG = TrainingConfig.from_mapping({})


def timed(name: str, work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and its CPU seconds, which are printed."""
    started = time.process_time()
    found, seconds = work(), time.process_time() - started
    print(f"{name:24}{seconds:8.2f} CPU s", flush=True)
    return found, seconds


def main() -> None:
    """Measure, and print the share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--boosters", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--sample-rounds", type=int, default=20)
    options, threads = parser.parse_args(), cpu_limit().count
    with tempfile.TemporaryDirectory() as work_dir:
        dataset = open_dataset(options.table, work_dir=Path(work_dir))
        features, positions = dataset.features, read_positions(dataset)
        scores = positions.frame["donor_score"].to_numpy()
        rows = cut_sample(scores, sample_size(len(features), CONFIG), CONFIG.seed)
        _, reading = timed("one pass", lambda: sum(map(len, dataset.iter_matrix(features))))
        audit, check = timed("check", lambda: audit_features(dataset, features, rows, Progress("")))
        given, resources = TrainingRows(dataset, features, audit.sample, CONFIG.seed), Resources(threads)
        prepared, build = timed("matrix", lambda: prepared_matrix(given, CONFIG.section, resources))
        matrix, parameters = prepared.matrix, prepared.parameters(threads, ())
        matrix.set_label((positions.labels == 1).astype("float32"))
        matrix.set_weight(positions.weights)
        _, some = timed(f"{options.sample_rounds} rounds", lambda: xgb.train(parameters, matrix, options.sample_rounds))
    whole = check + build + some / options.sample_rounds * options.rounds * options.boosters
    share = 4 * reading / whole
    print(f"reading is {share:.1%} of {options.boosters} boosters of {options.rounds} rounds ({whole:.0f} CPU s)")


if __name__ == "__main__":
    main()
