"""Single folds of a learner of genes on a folder that `build` wrote, every position of the held-out genes scored.

Usage:
    python benchmarks/gene_folds.py BUILT [--learner tcn] [--folds 0] [--n-folds 5] [--seed 0] [--genes N]
        [--models KEY ...] [--permute] [--options '{"epochs": 4}']

Folds are those of `meta-models train --n-folds N --seed S`. Prints a JSON line a fold, and one of several folds
together: average precision of donors, of acceptors and their mean on all positions of the held-out genes, not
calibrated; the same of the base model that is best there, and the difference with its 95 % interval over families; CPU
seconds of training and scoring, the peak of memory, losses an epoch. Fewer training genes than there are are drawn by
the seed; `--models` without a key leaves all base scores out, `--permute` deals the labels of each gene anew among its
positions, in training and in scoring: what is found then is chance.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.positions import codes, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.gene_bridge import GenesOfFolder, evidence_names, model_keys
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Fitted, Prepared, Resources
from meta_models.learners.seam.genes import NOT_LABELLED, LabelledGene, TrainingGenes
from meta_models.metrics import SiteFigures, SiteResamples
from meta_models.resources import PeakSampler
from meta_models.schema import CLASSES, GENE
from meta_models.training.fitting.folds import make_folds

#: Resamples of families.
SAMPLES = 500


@dataclass(frozen=True)
class Permuted:
    """The genes, the labels of each in random order; the same order each time."""

    genes: Iterable[LabelledGene]
    seed: int

    def __iter__(self) -> Iterator[LabelledGene]:
        for number, gene in enumerate(self.genes):
            random = np.random.default_rng([self.seed, number])
            yield replace(gene, labels=random.permutation(gene.labels))


@dataclass(frozen=True)
class Folds:
    """Every position of some genes as a row: its label, the fold and the family of its gene, and base scores (n, 3)."""

    genes: TrainingGenes
    labels: NDArray[np.uint8]
    fold: NDArray[np.int64]
    family: NDArray[np.int64]
    bases: dict[str, NDArray[np.float32]]


def every_position(
    folder: BuiltFolder, fold_of: dict[str, int], models: tuple[str, ...], seed: int, *, permute: bool
) -> Folds:
    """The genes of `fold_of` with all positions that have a label."""
    found = list(GenesOfFolder(folder.genes, fold_of.keys()))
    genes: Iterable[LabelledGene] = list(Permuted(found, seed)) if permute else found
    labels = [gene.labels for gene in genes]
    lengths = np.array([len(values) for values in labels])
    known = np.concatenate(labels) != NOT_LABELLED
    gene = np.repeat(np.arange(len(lengths)), lengths)[known]
    position = np.concatenate([np.arange(length) for length in lengths])[known]
    recipe = folder.genes.recipe
    training = TrainingGenes(genes, lengths, recipe.flank, models, evidence_names(recipe), gene, position, seed)
    entries = [entry for entry in folder.genes.entries if entry.gene_id in fold_of]
    fold = np.array([fold_of[entry.gene_id] for entry in entries])
    family = codes(pl.Series([entry.family for entry in entries]))
    bases = {key: base_scores(found, key)[known] for key in model_keys(recipe)}
    return Folds(training, np.concatenate(labels)[known], fold[gene], family[gene], bases)


def base_scores(genes: Iterable[LabelledGene], key: str) -> NDArray[np.float32]:
    """What a base model says of donors and acceptors (positions, 3); missing is 0."""
    whole = [gene.tracks.flanked(0).scores[key] for gene in genes]
    return np.pad(np.nan_to_num(np.concatenate(whole)), ((0, 0), (1, 0)))


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


def fitted(prepared: Prepared, data: Folds, job: FitJob) -> tuple[NDArray[np.floating], dict[str, Any]]:
    """Scores (n_scored, 3) of one fold, and what it took."""
    begin = time.process_time()
    with PeakSampler() as sampler:
        found: Fitted = prepared.fit(job, data.labels, None, threads=1)
    curves = {name: [round(loss, 5) for loss in losses] for name, losses in found.curves.items()}
    seconds = round(time.process_time() - begin, 1)
    return found.scores[:, :, 0], {"cpu_seconds": seconds, "peak_mb": round(sampler.peak_bytes / 1e6), **curves}


def worth(data: Folds, rows: NDArray[np.bool_], scores: NDArray[np.floating]) -> dict[str, Any]:
    """Average precision of `scores` of the rows, of the best base model, and the difference."""
    labels = data.labels[rows]
    family = np.unique(data.family[rows], return_inverse=True)[1]
    drawn = SiteResamples.make(labels, family, None, samples=SAMPLES, seed=data.genes.seed)
    ours, bases = drawn.of(scores), {key: drawn.of(values[rows]) for key, values in data.bases.items()}
    best = max(bases, key=lambda key: bases[key].value or 0.0)
    gain, figures = ours.minus(bases[best]), SiteFigures.of(labels, scores)
    return {
        "mean": figures.mean, "donor": figures.donor, "acceptor": figures.acceptor, "best_base": best,
        "base": bases[best].value, "difference": gain.difference, "lower": gain.interval.lower,
        "upper": gain.interval.upper, "families": ours.families,
    }  # fmt: skip


def told(**found: Any) -> None:
    """A line of JSON, with four digits of what is no loss."""
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in found.items()}
    print(json.dumps(rounded), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path)
    parser.add_argument("--learner", default="tcn", choices=["tcn", "gru", "lstm", "transformer"])
    parser.add_argument("--folds", type=int, nargs="+", default=[0])
    parser.add_argument("--n-folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--genes", type=int)
    parser.add_argument("--models", nargs="*")
    parser.add_argument("--permute", action="store_true")
    parser.add_argument("--options", type=json.loads, default={})
    args = parser.parse_args()
    folder, learner = BuiltFolder.open(args.built), LEARNERS[args.learner]
    models = model_keys(folder.genes.recipe) if args.models is None else tuple(args.models)
    data = every_position(folder, folds_of(folder, args.n_folds, args.seed), models, args.seed, permute=args.permute)
    with learner.prepare(data.genes, learner.Config(**args.options), Resources(1)) as prepared:
        every = np.zeros((len(data.labels), len(CLASSES)))
        for fold in args.folds:
            job = job_of(data, fold, args.genes)
            every[job.score], costs = fitted(prepared, data, job)
            told(fold=fold, **worth(data, job.score, every[job.score]), **costs)
    if len(args.folds) > 1:
        rows = np.isin(data.fold, args.folds)
        told(folds=args.folds, **worth(data, rows, every[rows]))


if __name__ == "__main__":
    main()
