"""What suggested genes are worth: half of the genes are hidden, some of them are asked for, against as many at random.

    python benchmarks/suggest_genes.py BUILT [--seeds 0 1 2 3 4] [--start 150] [--n 50] [--tsv RESULTS.tsv]
    python benchmarks/suggest_genes.py --summary RESULTS.tsv [RESULTS.tsv ...]

BUILT is a folder of ``meta-models build``. For each seed whole families are dealt out: half of the genes are hidden, of
the others ``--start`` are trained on and the rest are the test. The model of the start assesses every position of the
hidden genes, as ``meta-models suggest-genes`` does, and suggests genes by each measure; a model of five batches of the
start tells how far members are apart. Then a model is trained on the rows of the start and of the suggested genes and
scored on every position of the test genes (100 rounds each). Beside it: the longest hidden genes, and genes drawn at
random (the mean of three draws). Printed is the mean over the seeds of the mean average precision of donor and
acceptor, and of its difference from random genes, with a 95 % interval (Student's t over the seeds, whose genes
overlap).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import t as student

from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.info import DatasetInfo
from meta_models.dataset.reading.files import Kind
from meta_models.dataset.stretches import Stretch, features_of, packs
from meta_models.estimators import GeneBatchEnsembleClassifier, MetaModelClassifier
from meta_models.features import column_names
from meta_models.inference.served import ServedTable
from meta_models.inference.suggestion.candidates import Candidate
from meta_models.inference.suggestion.command import assess, suggest
from meta_models.metrics import mean_site_ap
from meta_models.model import FittedModel
from meta_models.model.sketches import sketch_features
from meta_models.schema import GENE, LABEL, LABEL_VALUES, MASKED, WEIGHT

BATCHES, DRAWS = 5, 3
#: Of every model: half of the default.
ROUNDS = {"n_estimators": 100}


@dataclass(frozen=True)
class Held:
    """Rows in memory, as a table that is served."""

    frame: pl.DataFrame
    source: str = "hidden genes"
    info: DatasetInfo = field(default_factory=DatasetInfo)

    @property
    def n_rows(self) -> int:
        return self.frame.height

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)

    def kind(self, column: str) -> Kind:
        return Kind.STRING if self.frame[column].dtype == pl.String else Kind.NUMERIC

    def iter_frames(self, expressions: Sequence[pl.Expr], chunk_rows: int, *, rows: slice = slice(None)) -> Iterator:  # noqa: ARG002
        for part in self.frame.iter_slices(chunk_rows):
            yield part.select(expressions)


@dataclass(frozen=True)
class World:
    """Everything: every position of every gene, its label, and the table of rows."""

    positions: pl.DataFrame
    labels: np.ndarray
    table: pl.DataFrame
    features: tuple[str, ...]
    families: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> World:
        folder = BuiltFolder.open(path)
        features, frames, labels = column_names(folder.recipe), [], []
        for pack in packs(Stretch(gene, np.flatnonzero(~gene.elsewhere)) for gene in folder.genes.genes()):
            told = [(s.gene.gene_id, s.gene.family, s.gene.chrom, s.gene.strand) for s in pack for _ in s.rows]
            places = pl.DataFrame(told, [GENE, "gene_family", "chrom", "strand"], orient="row")
            genomic = np.concatenate([s.gene.genomic_positions()[s.rows] for s in pack])
            columns = features_of(pack, folder.recipe).columns()
            frames.append(places.with_columns(genomic_position=genomic, **columns))
            labels += [s.gene.labels[s.rows] for s in pack]
        table = pl.read_parquet(folder.master / "*.parquet")
        families = {entry.gene_id: entry.family for entry in folder.genes.entries}
        return cls(pl.concat(frames), np.concatenate(labels), table, features, families)

    def of(self, genes: Sequence[str]) -> np.ndarray:
        """Which positions are of these genes."""
        return self.positions[GENE].is_in(list(genes)).to_numpy()


def deal(world: World, seed: int, start: int) -> tuple[list[str], list[str], list[str]]:
    """Hidden genes, those of the start and those of the test; families stay together."""
    rng = np.random.default_rng(seed)
    members: dict[str, list[str]] = {}
    for gene, family in sorted(world.families.items()):
        members.setdefault(family, []).append(gene)
    order = [gene for at in rng.permutation(len(members)) for gene in list(members.values())[at]]
    half = len(order) // 2
    return order[:half], order[half : half + start], order[half + start :]


def fit(world: World, genes: Sequence[str], **options: object) -> MetaModelClassifier:
    """A model of the rows of these genes, with sketches of their features."""
    rows = world.table.filter(pl.col(GENE).is_in(list(genes)))
    X = rows.select(world.features).to_pandas()
    y = rows[LABEL].fill_null("").replace_strict(LABEL_VALUES, return_dtype=pl.Int64).to_numpy()
    weights = rows[WEIGHT].to_numpy()
    kind = GeneBatchEnsembleClassifier if "max_genes_per_batch" in options else MetaModelClassifier
    model = kind(n_jobs=1, learner_params=ROUNDS, **options)
    model.fit(X, y, groups=rows[GENE].to_numpy(), sample_weight=weights)
    codes = rows[GENE].rank("dense").to_numpy()
    sample = X.to_numpy(np.float32)
    sketches = sketch_features(sample, world.features, ["float"] * len(world.features), weights=weights, genes=codes)
    model.model_ = model.model_.with_info(replace(model.model_.info, sketches=sketches))
    return model


def suggested(world: World, hidden: list[str], start: list[str], n: int, rng: np.random.Generator) -> dict[str, list]:
    """The genes of each arm, best first; of the random one several lists."""
    rows = world.positions.filter(world.of(hidden))
    found: dict[str, list] = {}
    single, several = fit(world, start), fit(world, start, max_genes_per_batch=-(-len(start) // BATCHES))
    for model, measures in (
        (single.model_, ("uncertainty", "expected_change", "distance")),
        (several.model_, ("disagreement", "all")),
    ):
        candidates = assessed(model, rows, world.features)
        for measure in measures:
            chosen = suggest(candidates, model, measure.replace("_", "-"), n)
            found[measure] = [[suggestion.candidate.gene_id for suggestion in chosen]]
    lengths = dict(rows[GENE].value_counts().iter_rows())
    found["longest"] = [sorted(hidden, key=lambda gene: (-lengths[gene], gene))[:n]]
    found["random"] = [[hidden[at] for at in rng.permutation(len(hidden))[:n]] for _ in range(DRAWS)]
    return found


def assessed(model: FittedModel, rows: pl.DataFrame, features: tuple[str, ...]) -> list[Candidate]:
    """The hidden genes as candidates."""
    return assess(model, ServedTable(Held(rows), features, ()), 1)


def precision(world: World, model: MetaModelClassifier, test: np.ndarray) -> float:
    """Mean AP of donor and acceptor at every position of the test genes."""
    known = test & (world.labels != MASKED)
    probabilities = model.predict_proba(world.positions.select(world.features).filter(known).to_pandas())
    return float(mean_site_ap(world.labels[known], probabilities, np.ones(int(known.sum()), np.float32)) or 0.0)


def simulate(world: World, seed: int, start: int, sizes: Sequence[int]) -> Iterator[tuple[int, str, int, float]]:
    """Seed, arm, number of genes and average precision."""
    hidden, known, held_out = deal(world, seed, start)
    test = world.of(held_out)
    yield seed, "start", 0, precision(world, fit(world, known, calibrate=False), test)
    arms = suggested(world, hidden, known, max(sizes), np.random.default_rng(seed))
    for arm, lists in arms.items():
        for n in sizes:
            values = [precision(world, fit(world, [*known, *genes[:n]], calibrate=False), test) for genes in lists]
            yield seed, arm, n, float(np.mean(values))


def summary(results: pl.DataFrame) -> Iterator[str]:
    """A line for each arm and number of genes."""
    for n in sorted(results["n"].unique()):
        random = results.filter(n=n, arm="random").sort("seed")["ap"].to_numpy()
        for arm in results.filter(n=n)["arm"].unique(maintain_order=True):
            values = results.filter(n=n, arm=arm).sort("seed")["ap"].to_numpy()
            line = f"{n:>4} genes  {arm:<16} AP {values.mean():.4f}"
            if len(random) == len(values) > 1 and arm != "random":
                difference = values - random
                margin = student.ppf(0.975, len(values) - 1) * difference.std(ddof=1) / np.sqrt(len(values))
                mean, better = difference.mean(), int((difference > 0).sum())
                line += f"  minus random {mean:+.4f} ({mean - margin:+.4f} to {mean + margin:+.4f}), "
                line += f"better in {better} of {len(values)} seeds"
            yield line


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--start", type=int, default=150)
    parser.add_argument("--n", type=int, nargs="+", default=[50])
    parser.add_argument("--tsv", type=Path)
    parser.add_argument("--summary", type=Path, nargs="+")
    given = parser.parse_args()
    if given.summary:
        results = pl.concat([pl.read_csv(path, separator="\t") for path in given.summary])
    else:
        world = World.read(given.built)
        rows = []
        for seed in given.seeds:
            rows += simulate(world, seed, given.start, given.n)
            results = pl.DataFrame(rows, ["seed", "arm", "n", "ap"], orient="row")
            if given.tsv:
                results.write_csv(given.tsv, separator="\t")
    sys.stdout.write("\n".join(summary(results)) + "\n")


if __name__ == "__main__":
    main()
