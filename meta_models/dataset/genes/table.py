"""Every position of the genes of a built folder as a table, whose features are computed while it is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.genes.columns import Gene
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.dataset.positions import Positions
from meta_models.dataset.stretches import PACK_ROWS, Stretch, features_of, matrix_of, packs
from meta_models.features import Recipe, column_names
from meta_models.places import TablePath
from meta_models.schema import (
    CHROM,
    GENE,
    GENE_TYPE,
    GENOMIC_POSITION,
    POSITION,
    STRAND,
    base_models,
)

_SCORES = "scores"
_KEYS = (GENE, "family", CHROM, GENE_TYPE, STRAND)


@dataclass(frozen=True)
class GeneTable:
    """The positions of genes that have a known label and count for their gene; made by :meth:`open`.

    Attributes
    ----------
    source : str
        What messages call it.
    counts : dict of str to int
        Positions of each gene, in the order of the folder.
    row_mask : ndarray of bool (positions of all these genes,), or None
        Rows in use; None for all.
    """

    source: str
    folder: GeneFolder
    counts: dict[str, int]
    row_mask: NDArray[np.bool_] | None = None

    @classmethod
    def open(cls, source: str, folder: GeneFolder, only: Collection[str]) -> GeneTable:
        """The positions of those genes of `folder` that are among `only`."""
        ids = {entry.gene_id for entry in folder.entries} & set(only)
        return cls(source, folder, {g.gene_id: int(g.counted.sum()) for g in folder.genes(ids, inputs=False)})

    @property
    def paths(self) -> tuple[TablePath, ...]:
        """The files that are read."""
        return self.folder.files

    @property
    def origins(self) -> tuple[TablePath, ...]:
        """Files of the genes."""
        return self.folder.files

    @property
    def recipe(self) -> Recipe:
        """How the features are computed."""
        return self.folder.recipe

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return column_names(self.recipe)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""
        return (*_KEYS, POSITION, GENOMIC_POSITION, *self.features)

    @cached_property
    def n_rows(self) -> int:
        """Rows in use."""
        return sum(self.counts.values()) if self.row_mask is None else int(self.row_mask.sum())

    def with_rows(self, mask: NDArray[np.bool_]) -> GeneTable:
        """The same restricted to the rows where `mask` (n_rows,) is True."""
        if self.row_mask is None:
            return replace(self, row_mask=mask)
        full = np.zeros(len(self.row_mask), bool)
        full[np.flatnonzero(self.row_mask)[mask]] = True
        return replace(self, row_mask=full)

    def iter_matrix(self, columns: Sequence[str], chunk_rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        """C-ordered float32 chunks (rows, len(columns)) of features in row order, NaN where there is no evidence."""
        for pack in packs(self._stretches(), min(chunk_rows or PACK_ROWS, PACK_ROWS)):
            yield matrix_of(features_of(pack, self.recipe), columns)

    def positions(self) -> Positions:
        """The narrow columns of all rows in use."""
        scores = replace(self.recipe, groups=tuple(g for g in self.recipe.groups if g.name == _SCORES))
        bases = base_models(column_names(scores))
        names = [column for base in bases for column in base.columns]
        frames = [
            _keys(pack).with_columns(pl.DataFrame(matrix_of(features_of(pack, scores), names), names))
            for pack in packs(self._stretches())
        ]
        return Positions(pl.concat(frames), "none", bases, ())

    def _stretches(self) -> Iterator[Stretch]:
        """The rows in use of each gene that has any; row groups without any are not read."""
        bounds = np.cumsum([0, *self.counts.values()]).tolist()
        slices = dict(zip(self.counts, map(slice, bounds[:-1], bounds[1:]), strict=True))
        mask = self.row_mask
        used = [gene for gene, rows in slices.items() if mask is None or mask[rows].any()]
        for gene in self.folder.genes(used):
            rows = np.flatnonzero(gene.counted)
            yield Stretch(gene, rows if mask is None else rows[mask[slices[gene.gene_id]]])


def _keys(pack: Sequence[Stretch]) -> pl.DataFrame:
    """What a table's positions say of each row, but base scores."""
    genes = [stretch.gene for stretch in pack]
    counts = [len(stretch.rows) for stretch in pack]
    told = pl.DataFrame([_told(gene) for gene in genes], dict.fromkeys(_KEYS, pl.String), orient="row")
    return told[np.repeat(np.arange(len(pack)), counts)].select(
        pl.all().cast(pl.Categorical),
        pl.Series(POSITION, np.concatenate([stretch.rows for stretch in pack]), pl.Int64),
        pl.Series(
            GENOMIC_POSITION,
            np.concatenate([stretch.gene.genomic_positions()[stretch.rows] for stretch in pack]),
            pl.Int64,
        ),
        pl.Series("label", np.concatenate([stretch.gene.labels[stretch.rows] for stretch in pack]), pl.UInt8),
        pl.lit(1, pl.Float32).alias("weight"),
    )


def _told(gene: Gene) -> tuple[str, ...]:
    """The keys of a gene; one without a family is alone in one of its own."""
    return gene.gene_id, gene.family or f"gene:{gene.gene_id}", gene.chrom, gene.gene_type, gene.strand
