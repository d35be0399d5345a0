"""Many small batches combined at once, or within groups first: rows of the table, each scored by batches that lack it.

    python benchmarks/hierarchy.py BUILT [--genes-per-batch 18] [--rounds 30] [--group chromosome]

Batches are those of ``--train-all-genes --batch-groups``; a member is XGBoost on the rows of a batch. A row is scored
by all members but that of its own batch. Printed, a line of JSON a combination: mean AP of donor and acceptor, rows
weighted to all positions, uncalibrated, and its difference to the mean of all members with a 95 % interval over
families. Weights of the groups (``weighted``, ``stacking``) are fitted on the other folds. Last, what stacking makes of
the mean of all members alone: that much of its gain is no matter of groups.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions, codes, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Resources, TrainingRows
from meta_models.learners.seam.tables import ArrayTable
from meta_models.metrics import SiteResamples
from meta_models.model.calibrators import normalise
from meta_models.training.batches.packing import Packing, make_batches
from meta_models.training.combination.fit import cross_fit
from meta_models.training.combination.hierarchy import Groups, groups_of, within
from meta_models.training.combination.stack import Options, Stack
from meta_models.training.fitting.folds import make_folds

Floats = NDArray[np.float32]
METHODS = ("mean", "voting", "weighted", "stacking")


def member(matrix: Floats, labels: NDArray[np.uint8], weights: Floats, rows: NDArray[np.bool_], rounds: int) -> Floats:
    """Probabilities (n, 3) of all rows by a model of some `rows`; NaN for these."""
    learner, own = LEARNERS["xgboost"], matrix[rows]
    everything, nothing = np.ones(len(own), bool), np.zeros(len(own), bool)
    table = TrainingRows(ArrayTable(own), tuple(map(str, range(own.shape[1]))), own)
    scores = np.full((len(matrix), 3), np.nan, np.float32)
    with learner.prepare(table, learner.Config(n_estimators=rounds), Resources()) as prepared:
        jobs = [FitJob(f"class-{k}", 0, (k,), everything, nothing, nothing) for k in range(3)]
        fitted = [prepared.fit(job, labels[rows], weights[rows], threads=1) for job in jobs]
    predictor = learner.join([found.predictor for found in fitted])
    scores[~rows] = normalise(predictor.scores(matrix[~rows]))
    return scores


def members_of(
    matrix: Floats, positions: Positions, packing: Packing, rounds: int
) -> tuple[NDArray[np.float32], Groups]:
    """Those of all batches (M, n, 3), and the numbers of the members of each group."""
    weights = positions.weights
    found = [member(matrix, positions.labels, weights, batch.rows, rounds) for batch in packing.batches]
    return np.stack(found), groups_of([batch.group for batch in packing.batches])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path)
    parser.add_argument("--genes-per-batch", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--group", default="chromosome", choices=("chromosome", "gene-type"))
    given = parser.parse_args()
    config = TrainingConfig(max_genes_per_batch=given.genes_per_batch, batch_groups=given.group, n_folds=3)
    with tempfile.TemporaryDirectory() as work:
        table = open_dataset(given.built, work_dir=Path(work))
        positions = read_positions(table)
        matrix = table.read_rows(np.arange(table.n_rows), table.features)
    packing = make_batches(positions, config, row_cap=table.n_rows)
    members, groups = members_of(matrix, positions, packing, given.rounds)
    folds = make_folds(positions, config).of_row
    families = codes(positions.groups())
    drawn = SiteResamples.make(positions.labels, families, positions.weights, samples=500, seed=0)
    everyone = within(members, (tuple(range(len(members))),))
    of_groups = within(members, groups) if groups else everyone
    flat, first = f"mean of {len(members)} batches", drawn.of(everyone[0])
    lines = [{"combination": flat, "ap": first.value}]
    for method, parts in (*((method, of_groups) for method in METHODS), ("stacking", everyone)):
        stack = Stack(parts.astype(np.float64), positions.labels, positions.weights, folds)
        combined = drawn.of(cross_fit(stack, method, Options())[0])
        gain = combined.minus(first)
        name = f"{method} over {len(parts)} groups"
        lines.append({"combination": name, "ap": combined.value, "minus_the_mean": gain.text})
    sys.stdout.write("".join(f"{json.dumps(line)}\n" for line in lines))


if __name__ == "__main__":
    main()
