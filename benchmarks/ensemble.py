"""The batch ensemble against the single model: quality, wall, memory, and what its members cost in prediction.

    python benchmarks/ensemble.py --dataset TABLE --out-dir FOLDER --max-genes-per-batch 200 [--members 14]

Trains TABLE both ways as ``meta-models compare-strategies`` does, and prints, one line of JSON each: differences out of
fold (ensemble minus single model, with 95 % intervals over families); of each strategy the wall, the peak and the
seconds per 100,000 rows of training and of prediction. Last, the prediction of an ensemble of `--members` members (the
members that were trained, in turn), in CPU seconds on features in memory, against as many times one member, and against
the boosters of all members one after the other: below 1 the ensemble is cheaper.
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

from meta_models.config import TrainingConfig
from meta_models.dataset.reading.open import open_dataset
from meta_models.experiments.comparison.strategies import ENSEMBLE, MODEL_FILES, compare_strategies
from meta_models.learners.seam import Matrix
from meta_models.learners.xgboost.missing import fill_missing
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import EnsembleMetaModel
from meta_models.persistence import load_model

ROWS, REPEATS = 20_000, 5


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least of some repeats."""
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def prediction(model: EnsembleMetaModel, count: int, matrix: Matrix) -> dict[str, float]:
    """Cost of `count` members together, alone and as boosters in turn."""
    members = [model.members[k % model.n_members] for k in range(count)]
    many = EnsembleMetaModel(members, info=replace(model.info, sketches={}), calibrators=model.calibrators)
    boosters = [b for m in members if isinstance(m.predictor, BoosterPredictor) for b in m.predictor.boosters]
    filled = fill_missing(matrix.copy())
    many.set_threads(1)
    together = cpu_seconds(lambda: many.predict_proba(matrix))
    one = cpu_seconds(lambda: members[0].predict_proba(matrix))
    in_turn = cpu_seconds(lambda: [b.inplace_predict(filled, validate_features=False) for b in boosters])
    return {
        "members": count,
        "features": matrix.shape[1],
        "cpu_seconds_per_100k_rows": together * 100_000 / len(matrix),
        "of_so_many_times_one": together / (count * one),
        "of_the_boosters_in_turn": together / in_turn,
    }


def main() -> None:
    """Print one line of JSON for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, type=Path)
    parser.add_argument("--out-dir", required=True, type=Path)
    parser.add_argument("--max-genes-per-batch", type=int, default=200)
    parser.add_argument("--members", type=int, default=14)
    options = parser.parse_args()
    compare_strategies(
        TrainingConfig.from_mapping(
            {
                "dataset": str(options.dataset), "out_dir": options.out_dir, "resume": True, "analyses": ("ensemble",),
                "max_genes_per_batch": options.max_genes_per_batch,
            }
        )
    )  # fmt: skip
    record = json.loads((options.out_dir / "strategy_comparison.json").read_text())
    model = load_model(options.out_dir / ENSEMBLE / MODEL_FILES[ENSEMBLE])
    if not isinstance(model, EnsembleMetaModel):
        raise SystemExit("a single batch is no ensemble: lower --max-genes-per-batch")
    with tempfile.TemporaryDirectory() as folder:
        table = open_dataset(options.dataset, work_dir=Path(folder))
        matrix = table.read_rows(np.arange(min(ROWS, table.n_rows)), model.feature_names)
    for line in (*record["differences"], *record["costs"], prediction(model, options.members, matrix)):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
