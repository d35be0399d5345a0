"""Many small batches combined at once, or within groups first: rows of the table, each scored by batches that lack it.

    python benchmarks/hierarchy.py BUILT [--genes-per-batch 18] [--rounds 30] [--group chromosome]

Batches are those of ``--train-all-genes --batch-groups``; a member is XGBoost on the rows of a batch. A row is scored
by all members but that of its own batch. Printed, a line of JSON a combination: mean AP of donor and acceptor, rows
weighted to all positions, uncalibrated, and its difference to the mean of all members with a 95 % interval over
families. Parameters of combinations are fitted on the other folds.

``routed`` goes by the composition of the sequence, as ``--ensemble-method routed`` does; by how like a gene's sketch of
k-mers is to each group of batches, its own batch left out; or by columns of chance, which is what it is worth without
anything to go by. Last, what is no matter of how groups are made: stacking of as many groups that are drawn by chance
among the same batches (three times), and of the mean of all members alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions, codes, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Resources, TrainingRows
from meta_models.learners.seam.tables import ArrayTable
from meta_models.metrics import Resampled, SiteResamples
from meta_models.model.calibrators import normalise
from meta_models.schema import GENE
from meta_models.training.batches.packing import Packing, make_batches
from meta_models.training.batches.sketch_clusters import word_sketches
from meta_models.training.combination.composition import Composition
from meta_models.training.combination.fit import cross_fit
from meta_models.training.combination.hierarchy import Groups, groups_of, within
from meta_models.training.combination.stack import Options, Stack
from meta_models.training.fitting.folds import make_folds

Floats = NDArray[np.float32]
METHODS = ("mean", "voting", "weighted", "stacking")
DRAWS = 3
CHANCE = "chance"


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


def likeness(built: Path, positions: Positions, packing: Packing, groups: Groups) -> Composition:
    """Cosine of the sketch of each row's gene and the sum of those of each group (n, G), its own batch left out.

    Of relatives no more is known than of other genes: they are in its batch.
    """
    genes = positions.frame[GENE].cast(str)
    names, sketches = word_sketches(built, set(genes.unique()))
    of_row = genes.replace_strict(names, np.arange(len(names))).to_numpy()
    own = np.empty(len(names), np.int64)
    for number, batch in enumerate(packing.batches):
        own[of_row[batch.rows]] = number
    batches = np.stack([sketches[own == number].sum(axis=0) for number in range(len(packing.batches))])
    found = np.empty((len(names), len(groups)), np.float32)
    for number, group in enumerate(groups):
        others = batches[list(group)].sum(axis=0) - np.isin(own, group)[:, None] * batches[own]
        found[:, number] = (others * sketches).sum(axis=1) / np.linalg.norm(others, axis=1)
    return Composition(tuple(range(len(groups))), found[of_row])


def by_chance(n_members: int, n_groups: int, seed: int) -> Groups:
    """Numbers of the members of groups of about one size, dealt out."""
    dealt = np.random.default_rng(seed).permutation(n_members)
    return tuple(tuple(sorted(dealt[at::n_groups].tolist())) for at in range(n_groups))


@dataclass(frozen=True)
class Bench:
    """The table, and the members' probabilities (M, n, 3) of its rows; `first` is their mean, drawn."""

    positions: Positions
    members: Floats
    folds: NDArray[np.int16]
    drawn: SiteResamples
    first: Resampled

    def combined(self, method: str, parts: Floats, composition: Composition | None = None) -> Resampled:
        """What a method makes of some parts, on the other folds fitted."""
        weights = self.positions.weights
        stack = Stack(parts.astype(np.float64), self.positions.labels, weights, self.folds, None, composition)
        return self.drawn.of(cross_fit(stack, method, Options())[0])

    def line(self, name: str, found: Resampled, by_chance: Resampled | None = None) -> dict[str, object]:
        """The figures of a combination."""
        beside = {} if by_chance is None else {"minus_routed_by_chance": found.minus(by_chance).text}
        return {"combination": name, "ap": found.value, "minus_the_mean": found.minus(self.first).text, **beside}

    def lines(self, groups: Groups, told: Mapping[str, Composition]) -> Iterator[dict[str, object]]:
        """Of all methods, of what routing goes by, and of groups that are drawn by chance."""
        yield {"combination": f"mean of {len(self.members)} batches", "ap": self.first.value}
        parts, over = within(self.members, groups), f"over {len(groups)} groups"
        for method in METHODS:
            yield self.line(f"{method} {over}", self.combined(method, parts))
        routed = {by: self.combined("routed", parts, columns) for by, columns in told.items()}
        for by, found in routed.items():
            yield self.line(f"routed {over} by {by}", found, routed[CHANCE])
        for seed in range(DRAWS):
            drawn = within(self.members, by_chance(len(self.members), len(groups), seed))
            yield self.line(f"stacking {over} drawn by chance", self.combined("stacking", drawn))
        everyone = within(self.members, (tuple(range(len(self.members))),))
        yield self.line("stacking over 1 group", self.combined("stacking", everyone))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path)
    parser.add_argument("--genes-per-batch", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--group", default="chromosome", choices=("chromosome", "gene-type", "sketch"))
    given = parser.parse_args()
    config = TrainingConfig(
        dataset=str(given.built), max_genes_per_batch=given.genes_per_batch, batch_groups=given.group, n_folds=3
    )
    with tempfile.TemporaryDirectory() as work:
        table = open_dataset(given.built, work_dir=Path(work))
        positions = read_positions(table)
        matrix = table.read_rows(np.arange(table.n_rows), table.features)
        composition = Composition.read(table, table.features)
    packing = make_batches(positions, config, row_cap=table.n_rows)
    members, groups = members_of(matrix, positions, packing, given.rounds)
    drawn = SiteResamples.make(positions.labels, codes(positions.groups()), positions.weights, samples=500, seed=0)
    first = drawn.of(within(members, (tuple(range(len(members))),))[0])
    bench = Bench(positions, members, make_folds(positions, config).of_row, drawn, first)
    if not groups:
        raise UsageError(f"There must be two groups by {given.group}", "All batches are of one group")
    like = likeness(given.built, positions, packing, groups)
    noise = np.random.default_rng(0).normal(size=like.values.shape).astype(np.float32)
    told = {"composition": composition, "likeness of sketches": like, CHANCE: Composition(like.columns, noise)}
    for line in bench.lines(groups, told):
        sys.stdout.write(f"{json.dumps(line)}\n")


if __name__ == "__main__":
    main()
