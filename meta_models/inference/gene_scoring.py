"""Every position of genes, scored out of fold: features come pack by pack, and one narrow row is held of each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.genes.columns import Gene
from meta_models.dataset.genes.folder import GeneEntry
from meta_models.dataset.genes.whole_genes import WholeGenes
from meta_models.dataset.reading.read_ahead import shares, side_by_side
from meta_models.dataset.stretches import Stretch, features_of, packs
from meta_models.features import Recipe
from meta_models.inference.contenders import FoldScorer, layer_columns
from meta_models.inference.genome.stretches import model_matrix, needed, require_columns
from meta_models.model import FittedModel
from meta_models.progress import Progress
from meta_models.result import SCREENED
from meta_models.schema import CHROM, CLASSES, GENE, GENE_TYPE, BaseModel

EXTERNAL = -1


@dataclass(frozen=True)
class _Told:
    """The fold that held a gene out, what it is resampled with, and whether screening looked at it."""

    fold: int
    family: str
    screened: bool = False


def score_genes_out_of_fold(
    scorer: FoldScorer,
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
    scorer : FoldScorer
        The models of the folds, and what is scored beside them.
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
        As `meta_models.result.TrainingResult.oof`, without positions and weights: each row stands for itself. Scores of
        contenders stand beside, by the prefixes of the `scorer`.

    Raises
    ------
    InputError
        If the models have features that the recipe of the genes does not make.
    """
    told = _folds_of(oof, genes, tuple(scorer.models), by_chromosome=by_chromosome)
    return _score(scorer, genes, told, bases, threads)


def score_genes(model: FittedModel, genes: WholeGenes, bases: Sequence[BaseModel], threads: int) -> pl.DataFrame:
    """As :func:`score_genes_out_of_fold`, all by a `model` that was trained on other genes; their fold is -1."""
    told = {entry.gene_id: _Told(EXTERNAL, entry.family) for entry in genes.entries}
    return _score(FoldScorer({EXTERNAL: model}), genes, told, bases, threads).drop(SCREENED)


def _folds_of(oof: pl.DataFrame, genes: WholeGenes, folds: tuple[int, ...], *, by_chromosome: bool) -> dict[str, _Told]:
    screened = pl.col(SCREENED) if SCREENED in oof.columns else pl.lit(value=False).alias(SCREENED)
    found = oof.group_by(pl.col(GENE).cast(pl.String)).agg(
        pl.col("fold").first(), pl.col("family").cast(pl.String).first(), screened.first()
    )
    told = {gene: _Told(fold, family, seen) for gene, fold, family, seen in found.iter_rows()}
    known = [entry for entry in genes.folder.entries if entry.gene_id in told]
    families = {entry.family: told[entry.gene_id] for entry in known}
    chromosomes = {entry.chrom: told[entry.gene_id].fold for entry in known} if by_chromosome else {}

    def unseen(entry: GeneEntry) -> _Told:
        """Fold and family of a gene of which no row was trained on: those of its relatives or its chromosome."""
        dealt = folds[zlib.crc32(entry.gene_id.encode()) % len(folds)]
        return families.get(entry.family, _Told(chromosomes.get(entry.chrom, dealt), entry.family))

    return {entry.gene_id: told.get(entry.gene_id) or unseen(entry) for entry in genes.entries}


def _score(
    scorer: FoldScorer, genes: WholeGenes, told: Mapping[str, _Told], bases: Sequence[BaseModel], threads: int
) -> pl.DataFrame:
    require_columns(scorer.table_names, genes.folder.recipe)
    read = frozenset(scorer.table_names).union(*(base.columns for base in bases))
    workers, for_each = shares(threads)
    scorer.set_threads(for_each)
    of_pack = _PackScorer(scorer, genes.folder.recipe, read, bases, told)
    table = _Narrow(genes.positions, bases, told, scorer.prefixes)
    with Progress("Scoring every position", "positions").started(genes.positions) as progress:
        for found in side_by_side(packs(_stretches(genes)), of_pack.score, workers):
            table.add(found)
            progress.advance(len(found.labels))
    scorer.set_threads(threads)
    return table.frame()


def _stretches(genes: WholeGenes) -> Iterator[Stretch]:
    for gene in genes.folder.genes(genes.ids):
        yield Stretch(gene, np.flatnonzero(gene.counted))


@dataclass(frozen=True)
class _Scored:
    """Rows of a pack: whose they are, labels (n,), base scores (B, n), layers of probabilities (L, n, 3)."""

    genes: tuple[tuple[Gene, int], ...]
    labels: NDArray[np.uint8]
    base: NDArray[np.float32]
    layers: NDArray[np.float32]


@dataclass(frozen=True)
class _PackScorer:
    scorer: FoldScorer
    recipe: Recipe
    read: frozenset[str]
    bases: Sequence[BaseModel]
    told: Mapping[str, _Told]

    def score(self, pack: tuple[Stretch, ...]) -> _Scored:
        """Probabilities of all positions of `pack`, each gene by the model of its fold."""
        block = features_of(pack, needed(self.recipe, self.read) or self.recipe)
        counts, folds = [len(stretch.rows) for stretch in pack], [self.told[each.gene.gene_id].fold for each in pack]
        fold, scorer = np.repeat(folds, counts), self.scorer
        layers = np.empty((len(scorer.prefixes), len(fold), len(CLASSES)), np.float32)
        for number in np.unique(fold).tolist():
            here = np.flatnonzero(fold == number)
            mine = [stretch for stretch, of in zip(pack, folds, strict=True) if of == number]
            matrix = model_matrix(scorer.models_of(number), scorer.names, mine, block, self.recipe, here)
            layers[:, here] = scorer.score_fold(number, matrix)
        base = np.stack([block[column] for base in self.bases for column in base.columns])
        labels = np.concatenate([stretch.gene.labels[stretch.rows] for stretch in pack])
        genes = tuple((stretch.gene, count) for stretch, count in zip(pack, counts, strict=True))
        return _Scored(genes, labels, base, layers)


@dataclass
class _Narrow:
    """The rows of all packs, in arrays that are as long as there are positions."""

    positions: int
    bases: Sequence[BaseModel]
    told: Mapping[str, _Told]
    prefixes: Sequence[str]
    rows: int = 0
    _genes: list[tuple[str, str, str]] = field(default_factory=list)
    _counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._labels = np.empty(self.positions, np.uint8)
        self._base = np.empty((3 * len(self.bases), self.positions), np.float32)
        self._layers = np.empty((len(self.prefixes), len(CLASSES), self.positions), np.float32)

    def add(self, found: _Scored) -> None:
        """Take the rows of a pack."""
        here = slice(self.rows, self.rows + len(found.labels))
        self._labels[here], self._base[:, here] = found.labels, found.base
        self._layers[:, :, here] = found.layers.transpose(0, 2, 1)
        self._genes += [(gene.gene_id, gene.chrom, gene.gene_type) for gene, _ in found.genes]
        self._counts += [count for _, count in found.genes]
        self.rows = here.stop

    def frame(self) -> pl.DataFrame:
        """All rows."""
        of_row = np.repeat(np.arange(len(self._counts), dtype=np.uint32), self._counts)
        told = [self.told[gene] for gene, *_ in self._genes]
        of_genes = pl.DataFrame(
            self._genes, orient="row", schema=dict.fromkeys((GENE, CHROM, GENE_TYPE), pl.Categorical)
        ).with_columns(
            pl.Series("family", [each.family for each in told], pl.Categorical),
            pl.Series("fold", [each.fold for each in told], pl.Int16),
            pl.Series(SCREENED, [each.screened for each in told]),
        )
        base = [column for base in self.bases for column in base.columns]
        layers = self._layers[:, :, : self.rows].transpose(0, 2, 1)
        return of_genes[of_row].with_columns(
            pl.Series("label", self._labels[: self.rows]),
            *(pl.Series(name, values[: self.rows]) for name, values in zip(base, self._base, strict=True)),
            *layer_columns(self.prefixes, layers),
        )
