"""What it brings to go on from another species' model: average precision on every position of genes not trained on.

    python benchmarks/transfer.py TRAIN EVAL --start RUN --out RESULT.json [--shares .1 .25 .5 1] [--train JSON]

TRAIN and EVAL are folders of ``meta-models build`` without a family in common, RUN is a finished run. Of each share of
the genes of TRAIN a model is trained anew and one goes on from RUN, with the same options; all score every position of
EVAL. ``--longer N`` trains anew with N times the epochs, too: few genes make few steps. Differences have 95 % intervals
over the families of EVAL.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.genes.whole_genes import choose_whole_genes
from meta_models.dataset.positions import codes
from meta_models.finished_run import read_run
from meta_models.inference.checks.overlap import TrainedOn
from meta_models.inference.gene_scoring import score_genes
from meta_models.metrics import SiteFigures, SiteResamples
from meta_models.persistence import load_model
from meta_models.pipeline.run import run_training
from meta_models.result import CALIBRATED, probability_columns

BUDGET = 8_000_000_000
ANEW, ON, LONGER = "anew", "going on", "anew, longer"


@dataclass(frozen=True)
class Scored:
    """One model: its scores (n, 3) of every position of the other genes."""

    share: float
    genes: int
    how: str
    scores: NDArray[np.float32]
    seconds: float


def runs(given: argparse.Namespace, folder: Path) -> Iterator[Scored]:
    """Each share, each way of training."""
    n_genes = len(BuiltFolder.open(given.train_on).genes.entries)
    for share in given.shares:
        count = round(share * n_genes)
        for how, changes in ways(given, share):
            out = folder / f"{share}-{how.replace(' ', '-')}"
            options = {
                "dataset": str(given.train_on), "out_dir": out, "sample_genes": count, "analyses": ("leaderboard",),
                "whole_genes": "off", "n_folds": 2, "threads": 1, "bootstrap_samples": 20, "learners": given.learner,
                **given.train, **changes,
            }  # fmt: skip
            started = sum(os.times()[:4])
            run_training(TrainingConfig.from_mapping(options))
            yield Scored(share, count, how, scores_of(out, given.eval_on)[1], sum(os.times()[:4]) - started)


def ways(given: argparse.Namespace, share: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways of training by their names, and the options of each."""
    yield ANEW, {}
    yield ON, {"init_from": (str(given.start),), "init_inputs": tuple(given.inputs)}
    epochs = f"{given.learner}.epochs"
    if share <= given.longer_up_to:
        yield LONGER, {epochs: given.longer * given.train.get(epochs, 8)}


def scores_of(run: Path, built: Path) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """Every position of the genes of `built`, and what the model of a run says of it."""
    finished = read_run(run)
    model = load_model(run / finished.stored.model_file)
    genes = choose_whole_genes(BuiltFolder.open(built).genes, "all", only=None, budget=BUDGET, seed=0)
    assert not {entry.family for entry in genes.entries} & TrainedOn.of_model(model.info).families
    frame = score_genes(model, genes, finished.stored.bases, 1)
    return frame, frame.select(probability_columns(CALIBRATED)).to_numpy()


def rows(frame: pl.DataFrame, scored: Sequence[Scored], bases: Sequence[Any], samples: int) -> list[dict[str, Any]]:
    """The figures of each model and of each base model, and of differences to training anew."""
    labels = frame["label"].to_numpy()
    drawn = SiteResamples.make(labels, codes(frame["family"]), None, samples=samples, seed=0)
    found = [{"how": base.name, **figures(labels, frame.select(base.columns).to_numpy())} for base in bases]
    anew = {one.share: drawn.of(one.scores) for one in scored if one.how == ANEW}
    for one in scored:
        row = {"share": one.share, "genes": one.genes, "how": one.how, "cpu_seconds": round(one.seconds, 1)}
        gain = drawn.of(one.scores).minus(anew[one.share])
        interval = {"lower": gain.interval.lower, "upper": gain.interval.upper, "difference": gain.difference}
        found.append({**row, **figures(labels, one.scores), **(interval if one.how != ANEW else {})})
    return found


def figures(labels: NDArray[np.uint8], scores: NDArray[np.floating]) -> dict[str, float | None]:
    """Average precision of donor, acceptor and their mean; log-loss."""
    found = SiteFigures.of(labels, scores)
    return {"donor": found.donor, "acceptor": found.acceptor, "mean": found.mean, "log_loss": found.log_loss}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train_on", metavar="TRAIN", type=Path)
    parser.add_argument("eval_on", metavar="EVAL", type=Path)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--learner", default="tcn")
    parser.add_argument("--inputs", nargs="*", default=[], help="as --init-inputs")
    parser.add_argument("--shares", nargs="+", type=float, default=[0.1, 0.25, 0.5, 1.0])
    parser.add_argument("--train", type=json.loads, default={}, help="options of train, as JSON")
    parser.add_argument("--longer", type=int, default=4, help="how many times the epochs")
    parser.add_argument("--longer-up-to", type=float, default=0.0, help="the largest share for that")
    parser.add_argument("--samples", type=int, default=500, help="resamples of families")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scored = list(runs(given, Path(name)))
        first = Path(name) / f"{given.shares[0]}-{ANEW}"
        frame, _ = scores_of(first, given.eval_on)
        found = rows(frame, scored, read_run(first).stored.bases, given.samples)
    settings = {key: str(value) for key, value in vars(given).items()}
    given.out.write_text(json.dumps({"settings": settings, "rows": found}, indent=1) + "\n")
    for row in found:
        sys.stdout.write(f"{json.dumps(row)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
