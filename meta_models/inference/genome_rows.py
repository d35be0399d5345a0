"""The positions of a genome as rows of a table, whose features are computed while they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.build.serving import Serving, ServingOptions, open_serving
from meta_models.dataset.files import Kind
from meta_models.dataset.info import DatasetInfo
from meta_models.dataset.stretches import PACK_ROWS, Stretch, features_of, packs
from meta_models.errors import InputError
from meta_models.features import FeatureBlock, column_names
from meta_models.inference.served import ServedTable
from meta_models.model import FittedModel
from meta_models.model.first_pass import FirstPass
from meta_models.schema import CHROM, GENE, GENOMIC_POSITION, POSITION, STRAND

_TEXT = (GENE, CHROM, STRAND)
_NUMBERS = (POSITION, GENOMIC_POSITION)
_ALL_ROWS = slice(None)


class GenomeRows:
    """Every position of some genes or regions, in their order.

    Parameters
    ----------
    serving : Serving
    source : str
        What messages call it.
    first_pass : FirstPass, optional
        Computes further columns; the tiles are then whole genes.

    Attributes
    ----------
    info : DatasetInfo
        Empty: nothing is known of the shares of classes.
    """

    def __init__(self, serving: Serving, source: str, first_pass: FirstPass | None = None) -> None:
        self._serving, self.source, self.info = serving, source, DatasetInfo()
        self._first_pass = first_pass
        self._ends: NDArray[np.int64] = np.cumsum([len(tile) for tile in serving.tiles])

    @property
    def n_rows(self) -> int:
        """Positions."""
        return int(self._ends[-1])

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        added = () if self._first_pass is None else self._first_pass.names
        return (*_TEXT, *_NUMBERS, *column_names(self._serving.recipe), *added)

    def kind(self, column: str) -> Kind:
        """What a column holds."""
        return Kind.STRING if column in _TEXT else Kind.NUMERIC

    def iter_frames(
        self, expressions: Sequence[pl.Expr], chunk_rows: int, *, rows: slice = _ALL_ROWS
    ) -> Iterator[pl.DataFrame]:
        """Frames of `expressions` over the columns of (a slice of) the rows, in order, of at most `chunk_rows` rows."""
        for pack in packs(self._stretches(rows), min(chunk_rows, PACK_ROWS)):
            block = features_of(pack, self._serving.recipe)
            wide = block if self._first_pass is None else self._first_pass.extended(block, pack)
            yield _frame(pack, wide).select(expressions)

    def _stretches(self, rows: slice) -> Iterator[Stretch]:
        """The positions of the tiles that a slice of rows is of."""
        start, stop, _ = rows.indices(self.n_rows)
        for number in range(int(np.searchsorted(self._ends, start, side="right")), len(self._ends)):
            tile = self._serving.tiles[number]
            begin = int(self._ends[number]) - len(tile)
            if begin >= stop:
                return
            inside = np.arange(max(start - begin, 0), min(stop - begin, len(tile)))
            yield Stretch(self._serving.gene(tile), inside, tile.offset)


def open_genome_rows(options: ServingOptions, model: FittedModel, stack: ExitStack, scratch: Path) -> ServedTable:
    """The positions of a genome, as a table for `model`.

    Raises
    ------
    InputError
        If the model does not say how its features are computed, or the inputs are not such as it was trained on.
    """
    recipe, first_pass = model.info.recipe, model.info.first_pass
    if recipe is None or not set(model.table_features) <= set(column_names(recipe)):
        found = "it has no recipe" if recipe is None else "it has features that its recipe does not make"
        raise InputError(
            "To predict from a genome, a model must be trained on a folder of meta-models build", f"Found that {found}",
            "Give --dataset with a table of its features",
        )  # fmt: skip
    serving = open_serving(options, recipe, stack, scratch, whole_genes=first_pass is not None)
    rows = GenomeRows(serving, str(options.genome), first_pass)
    return ServedTable(rows, model.feature_names, (), (serving.facts,))


def _frame(pack: Sequence[Stretch], block: FeatureBlock) -> pl.DataFrame:
    counts = [len(stretch.rows) for stretch in pack]
    of_row = np.repeat(np.arange(len(pack)), counts)
    genes = [stretch.gene for stretch in pack]
    told = {GENE: [g.gene_id for g in genes], CHROM: [g.chrom for g in genes], STRAND: [g.strand for g in genes]}
    position = np.concatenate([stretch.rows + stretch.offset for stretch in pack])
    genomic = np.concatenate([stretch.gene.genomic_positions()[stretch.rows] for stretch in pack])
    return pl.DataFrame([
        *(pl.Series(name, values, pl.String)[of_row] for name, values in told.items()),
        pl.Series(POSITION, position), pl.Series(GENOMIC_POSITION, genomic),
        *(pl.Series(name, values) for name, values in block.columns().items()),
    ])  # fmt: skip
