"""Streamed prediction against in-memory prediction: rows per second of one over the other.

Usage:
    python benchmarks/prediction.py --model MODEL --dataset TABLE [--members 1 14] [--rows 200000] [--repeats 5]

The peer is ``booster.inplace_predict`` of the same boosters on a float32 matrix that is in memory already. The product
reads Parquet, checks, converts, predicts, combines and calibrates (``ChunkScorer`` over ``Dataset.iter_frames``);
writing is left out. Both run in turn, one pair a repeat, so that load of the machine meets both alike; the median of
the pairs' ratios is what counts, of wall time (``ratio``) and of CPU time (``cpu_ratio``, which other processes hardly
disturb with ``--threads 1``). 1 means that streaming costs nothing; the target is 0.8. Row groups of a few thousand
rows, of which the output tells the size, make reading up to three times as costly as those of 100,000.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import xgboost as xgb

from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.dataset.reading.read_ahead import shares, side_by_side
from meta_models.inference.chunk_scorer import ChunkScorer
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.inference.served import ServedTable, open_served
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import EnsembleMetaModel, FittedModel, SingleModel
from meta_models.resources import cpu_limit


def members_of(model: FittedModel, count: int) -> FittedModel:
    """The first member alone, or an ensemble of `count` members made from those that there are, in turn."""
    found = model.members if isinstance(model, EnsembleMetaModel) else (model.with_calibrators(None),)
    if count == 1:
        return found[0].with_calibrators(model.calibrators)
    members = [found[k % len(found)] for k in range(count)]
    return EnsembleMetaModel(members, info=replace(model.info, sketches={}), calibrators=model.calibrators)


def boosters_of(member: SingleModel) -> tuple[xgb.Booster, ...]:
    """The boosters of a model of XGBoost."""
    if not isinstance(member.predictor, BoosterPredictor):
        raise SystemExit(f"the peer of this benchmark are boosters, which a model of {member.learner} has not")
    return member.predictor.boosters


def in_memory(model: FittedModel, matrix: np.ndarray, threads: int) -> None:
    """All boosters on the matrix."""
    model.set_threads(threads)
    members: tuple[SingleModel, ...] = model.members if isinstance(model, EnsembleMetaModel) else (model,)
    for member in members:
        for booster in boosters_of(member):
            booster.inplace_predict(matrix, validate_features=False)


def streamed(model: FittedModel, table: ServedTable, rows: int, threads: int) -> None:
    """The product on the same rows."""
    scorer = ChunkScorer(model, table)
    workers, for_each = shares(threads)
    model.set_threads(for_each)
    at_most = rows_of_chunk(len(table.features), workers)
    frames = table.dataset.iter_frames(scorer.expressions(), at_most, rows=slice(0, rows))
    done = sum(scored.height for scored in side_by_side(frames, scorer.score, workers))
    if done != rows:
        raise AssertionError(f"{done} of {rows} rows were scored")


def seconds(work: Callable[[], None]) -> np.ndarray:
    """Wall and CPU seconds of `work`."""
    start = np.array([time.perf_counter(), time.process_time()])
    work()
    return np.array([time.perf_counter(), time.process_time()]) - start


def compare(model: FittedModel, table: ServedTable, rows: int, repeats: int, threads: int) -> dict[str, object]:
    """Ratios of `repeats` pairs after a warm-up."""
    columns, at_most = [pl.col(n) for n in model.feature_names], rows_of_chunk(len(table.features))
    frames = table.dataset.iter_frames(columns, at_most, rows=slice(0, rows))
    matrix = pl.concat(frames).select(pl.all().cast(pl.Float32)).to_numpy(order="c")
    small = min(rows, 20_000)
    in_memory(model, matrix[:small], threads)
    streamed(model, table, small, threads)
    ratios = np.array(
        [
            seconds(lambda: in_memory(model, matrix, threads)) / seconds(lambda: streamed(model, table, rows, threads))
            for _ in range(repeats)
        ]
    )
    middle, least, most = (np.round(f(ratios, axis=0), 3).tolist() for f in (np.median, np.min, np.max))
    return {
        "members": model.n_members,
        "rounds": sum(b.num_boosted_rounds() for b in boosters_of(members_of(model, 1))),
        "rows": rows,
        "row_group": table.dataset.files[0].row_groups[0],
        "ratio": middle[0],
        "range": [least[0], most[0]],
        "cpu_ratio": middle[1],
        "cpu_range": [least[1], most[1]],
    }


def main() -> None:
    """Print one line of JSON for each number of members."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--dataset", required=True, type=Path)
    parser.add_argument("--members", nargs="+", type=int, default=[1, 14])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    loaded = load_model_with_ensemble_support(options.model)
    with tempfile.TemporaryDirectory() as folder:
        table = open_served(options.dataset, loaded.feature_names, work_dir=Path(folder))
        for count in options.members:
            model = members_of(loaded, count)
            rows, threads = min(options.rows, table.n_rows), cpu_limit(options.threads).count
            print(json.dumps(compare(model, table, rows, options.repeats, threads)), flush=True)


if __name__ == "__main__":
    main()
