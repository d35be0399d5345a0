"""Single folds of a learner of genes on a folder that `build` wrote, every position of the held-out genes scored.

Usage:
    python benchmarks/gene_folds.py BUILT [--learner tcn] [--folds 0] [--n-folds 5] [--seed 0] [--genes N]
        [--models KEY ...] [--options '{"epochs": 4}']

Folds are those of `meta-models train --n-folds N --seed S`. Prints a JSON line a fold: average precision of donors, of
acceptors and their mean on all positions of the fold's genes, not calibrated; CPU seconds of training and scoring;
losses an epoch. Fewer training genes than there are are drawn by the seed; `--models` without a key leaves all base
scores out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.gene_bridge import GenesOfFolder, evidence_names, model_keys
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Fitted, Prepared, Resources
from meta_models.learners.seam.genes import NOT_LABELLED, TrainingGenes
from meta_models.metrics import average_precision
from meta_models.schema import CLASSES, GENE, SITE_CLASSES
from meta_models.training.fitting.folds import make_folds


@dataclass(frozen=True)
class Folds:
    """Every position of some genes as a row: its label, and the fold of its gene."""

    genes: TrainingGenes
    labels: NDArray[np.uint8]
    fold: NDArray[np.int64]


def every_position(folder: BuiltFolder, fold_of: dict[str, int], models: tuple[str, ...], seed: int) -> Folds:
    """The genes of `fold_of` with all positions that have a label."""
    genes = GenesOfFolder(folder.genes, fold_of.keys())
    labels = [gene.labels for gene in genes]
    lengths = np.array([len(values) for values in labels])
    known = np.concatenate(labels) != NOT_LABELLED
    gene = np.repeat(np.arange(len(lengths)), lengths)[known]
    position = np.concatenate([np.arange(length) for length in lengths])[known]
    recipe = folder.genes.recipe
    training = TrainingGenes(genes, lengths, recipe.flank, models, evidence_names(recipe), gene, position, seed)
    fold = np.array([fold_of[entry.gene_id] for entry in folder.genes.entries if entry.gene_id in fold_of])
    return Folds(training, np.concatenate(labels)[known], fold[gene])


def folds_of(folder: BuiltFolder, n_folds: int, seed: int) -> dict[str, int]:
    """The fold of each gene."""
    with tempfile.TemporaryDirectory() as work:
        positions = read_positions(open_dataset(folder.master, work_dir=Path(work)))
    config = TrainingConfig(dataset=str(folder.master), out_dir="unused", n_folds=n_folds, seed=seed)
    found = make_folds(positions, config).of_row
    return dict(zip(positions.frame[GENE].to_list(), found.tolist(), strict=True))


def job_of(data: Folds, fold: int, most: int | None) -> FitJob:
    """All genes of other folds, or so many of them, are trained on."""
    score = data.fold == fold
    others = np.unique(data.genes.gene_of_row[~score])
    drawn = np.random.default_rng(data.genes.seed).permutation(others)[:most]
    train = np.isin(data.genes.gene_of_row, drawn)
    return FitJob(f"fold {fold}", fold, tuple(range(len(CLASSES))), train, np.zeros_like(score), score)


def measured(prepared: Prepared, data: Folds, job: FitJob) -> dict[str, Any]:
    """Figures of one fold."""
    begin = time.process_time()
    found: Fitted = prepared.fit(job, data.labels, None, threads=1)
    seconds = time.process_time() - begin
    truth, scores = data.labels[job.score], found.scores[:, :, 0]
    precision = {kind.label: average_precision(truth == kind, scores[:, kind]).value for kind in SITE_CLASSES}
    curves = {name: [round(loss, 5) for loss in losses] for name, losses in found.curves.items()}
    mean = sum(precision.values()) / len(precision)
    return {"fold": job.fold, "mean": mean, **precision, "cpu_seconds": round(seconds, 1), **curves}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path)
    parser.add_argument("--learner", default="tcn", choices=["tcn", "gru", "lstm", "transformer"])
    parser.add_argument("--folds", type=int, nargs="+", default=[0])
    parser.add_argument("--n-folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--genes", type=int)
    parser.add_argument("--models", nargs="*")
    parser.add_argument("--options", type=json.loads, default={})
    args = parser.parse_args()
    folder, learner = BuiltFolder.open(args.built), LEARNERS[args.learner]
    models = model_keys(folder.genes.recipe) if args.models is None else tuple(args.models)
    data = every_position(folder, folds_of(folder, args.n_folds, args.seed), models, args.seed)
    with learner.prepare(data.genes, learner.Config(**args.options), Resources(1)) as prepared:
        for fold in args.folds:
            print(json.dumps(measured(prepared, data, job_of(data, fold, args.genes))), flush=True)


if __name__ == "__main__":
    main()
