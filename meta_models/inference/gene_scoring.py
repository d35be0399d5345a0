"""Every position of genes, scored out of fold: features come pack by pack, and one narrow row is held of each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.gene_columns import Gene
from meta_models.dataset.genes import GeneEntry
from meta_models.dataset.read_ahead import shares, side_by_side
from meta_models.dataset.whole_genes import WholeGenes
from meta_models.features import Recipe
from meta_models.inference.stretches import Stretch, features_of, matrix_of, packs, require_columns
from meta_models.model import FittedModel
from meta_models.progress import Progress
from meta_models.result import CALIBRATED, RAW, SCREENED, probability_columns
from meta_models.schema import CHROM, CLASSES, GENE, GENE_TYPE, BaseModel

#: Told of a gene: its fold, and whether it was screened.
_Told = tuple[int, bool]


def score_genes_out_of_fold(
    models: Mapping[int, FittedModel],
    oof: pl.DataFrame,
    genes: WholeGenes,
    bases: Sequence[BaseModel],
    threads: int,
    *,
    by_chromosome: bool = False,
) -> pl.DataFrame:
    """The positions of whole genes with a known label, each scored by the model that never saw its gene or family.

    Parameters
    ----------
    models : mapping of fold to FittedModel
    oof : polars.DataFrame
        Out-of-fold table of the training. Genes none of whose positions was drawn for it take the fold of their family;
        those of other families were seen by no model, and are dealt out to the folds.
    bases : sequence of BaseModel
        Base models whose scores are kept.
    by_chromosome : bool
        Whether chromosomes were held out: then those genes take the fold of their chromosome.

    Returns
    -------
    polars.DataFrame
        As `meta_models.result.TrainingResult.oof`, without positions and weights: each row stands for itself.

    Raises
    ------
    InputError
        If the models have features that the recipe of the genes does not make.
    """
    names = next(iter(models.values())).feature_names
    require_columns(names, genes.folder.recipe)
    told = _Folds.of(oof, tuple(models), by_chromosome=by_chromosome)
    of_gene = {entry.gene_id: told.of_gene(entry) for entry in genes.entries}
    workers, for_each = shares(threads)
    for model in models.values():
        model.set_threads(for_each)
    scorer = _Scorer(models, genes.folder.recipe, names, bases, {gene: fold for gene, (fold, _) in of_gene.items()})
    table = _Narrow(genes.positions, bases, of_gene)
    with Progress("Scoring every position", "positions").started(genes.positions) as progress:
        for found in side_by_side(packs(_stretches(genes)), scorer.score, workers):
            table.add(found)
            progress.advance(len(found.labels))
    for model in models.values():
        model.set_threads(threads)
    return table.frame()


def _stretches(genes: WholeGenes) -> Iterator[Stretch]:
    for gene in genes.folder.genes(genes.ids):
        yield Stretch(gene, np.flatnonzero(gene.counted))


@dataclass(frozen=True)
class _Folds:
    """What the out-of-fold table tells of genes, families and chromosomes."""

    genes: Mapping[str, _Told]
    families: Mapping[str, _Told]
    chromosomes: Mapping[str, _Told]
    folds: tuple[int, ...]

    @classmethod
    def of(cls, oof: pl.DataFrame, folds: tuple[int, ...], *, by_chromosome: bool) -> _Folds:
        chromosomes = _told(oof, CHROM) if by_chromosome else {}
        return cls(_told(oof, GENE), _told(oof, "family"), chromosomes, folds)

    def of_gene(self, gene: GeneEntry) -> _Told:
        for known, name in ((self.genes, gene.gene_id), (self.families, gene.family), (self.chromosomes, gene.chrom)):
            if name in known:
                return known[name]
        return self.folds[zlib.crc32(gene.gene_id.encode()) % len(self.folds)], False


def _told(oof: pl.DataFrame, column: str) -> dict[str, _Told]:
    """Fold and whether it was screened, by the value of a column."""
    screened = pl.col(SCREENED) if SCREENED in oof.columns else pl.lit(value=False).alias(SCREENED)
    found = oof.group_by(pl.col(column).cast(pl.String)).agg(pl.col("fold").first(), screened.first())
    return {name: (fold, seen) for name, fold, seen in found.select(column, "fold", SCREENED).iter_rows()}


@dataclass(frozen=True)
class _Scored:
    """Rows of a pack: whose they are, labels (n,), base scores (B, n), raw and calibrated probabilities (2, n, 3)."""

    genes: tuple[tuple[Gene, int], ...]
    labels: NDArray[np.uint8]
    base: NDArray[np.float32]
    both: NDArray[np.float32]


@dataclass(frozen=True)
class _Scorer:
    models: Mapping[int, FittedModel]
    recipe: Recipe
    names: Sequence[str]
    bases: Sequence[BaseModel]
    fold: Mapping[str, int]

    def score(self, pack: tuple[Stretch, ...]) -> _Scored:
        block = features_of(pack, self.recipe)
        matrix = matrix_of(block, self.names)
        counts = [len(stretch.rows) for stretch in pack]
        fold = np.repeat([self.fold[stretch.gene.gene_id] for stretch in pack], counts)
        both = np.empty((2, len(matrix), len(CLASSES)), np.float32)
        for number in np.unique(fold):
            here = np.flatnonzero(fold == number)
            both[:, here] = self.models[int(number)].predict_both(matrix[here])
        base = np.stack([block[column] for base in self.bases for column in base.columns])
        labels = np.concatenate([stretch.gene.labels[stretch.rows] for stretch in pack])
        genes = tuple((stretch.gene, count) for stretch, count in zip(pack, counts, strict=True))
        return _Scored(genes, labels, base, both)


@dataclass
class _Narrow:
    """The rows of all packs, in arrays that are as long as there are positions."""

    positions: int
    bases: Sequence[BaseModel]
    of_gene: Mapping[str, _Told]
    rows: int = 0
    _genes: list[tuple[str, str, str, str]] = field(default_factory=list)
    _counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._labels = np.empty(self.positions, np.uint8)
        self._base = np.empty((3 * len(self.bases), self.positions), np.float32)
        self._both = np.empty((2, len(CLASSES), self.positions), np.float32)

    def add(self, found: _Scored) -> None:
        """Take the rows of a pack."""
        here = slice(self.rows, self.rows + len(found.labels))
        self._labels[here], self._base[:, here] = found.labels, found.base
        self._both[:, :, here] = found.both.transpose(0, 2, 1)
        self._genes += [(gene.gene_id, gene.family, gene.chrom, gene.gene_type) for gene, _ in found.genes]
        self._counts += [count for _, count in found.genes]
        self.rows = here.stop

    def frame(self) -> pl.DataFrame:
        """All rows."""
        of_row = np.repeat(np.arange(len(self._counts), dtype=np.uint32), self._counts)
        told = [self.of_gene[gene] for gene, *_ in self._genes]
        of_genes = pl.DataFrame(
            self._genes, orient="row", schema=dict.fromkeys((GENE, "family", CHROM, GENE_TYPE), pl.Categorical)
        ).with_columns(pl.Series("fold", [f for f, _ in told], pl.Int16), pl.Series(SCREENED, [s for _, s in told]))
        base = [column for base in self.bases for column in base.columns]
        blocks = zip((RAW, CALIBRATED), self._both, strict=True)
        return of_genes[of_row].with_columns(
            pl.Series("label", self._labels[: self.rows]),
            *(pl.Series(name, values[: self.rows]) for name, values in zip(base, self._base, strict=True)),
            *(
                pl.Series(name, block[c, : self.rows])
                for prefix, block in blocks
                for c, name in zip(CLASSES, probability_columns(prefix), strict=True)
            ),
        )
