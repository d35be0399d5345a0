"""The positions of genes as rows of a table, whose features are computed while they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.build.serving import Serving, ServingOptions, open_serving
from meta_models.dataset.built import BuiltFolder, is_built
from meta_models.dataset.info import DatasetInfo
from meta_models.dataset.reading.files import Kind
from meta_models.dataset.stretches import PACK_ROWS, Stretch, features_of, packs
from meta_models.errors import InputError
from meta_models.features import Recipe, column_names
from meta_models.inference.genome.stretches import gene_columns, needed
from meta_models.inference.served import ServedTable
from meta_models.model import FittedModel
from meta_models.model.inputs import reads_whole_genes
from meta_models.model.windows import reads_windows
from meta_models.places import TablePath, describe_input
from meta_models.schema import CHROM, FAMILY, GENE, GENOMIC_POSITION, POSITION, STRAND

_TEXT = (GENE, CHROM, STRAND, FAMILY)
_NUMBERS = (POSITION, GENOMIC_POSITION)
_ALL_ROWS = slice(None)


class PositionSource(Protocol):
    """Genes, regions or parts of them, in an order."""

    @property
    def recipe(self) -> Recipe:
        """How their columns are computed."""

    @property
    def lengths(self) -> Sequence[int]:
        """Positions of each."""

    def stretches(self, first: int, last: int) -> Iterator[Stretch]:
        """All positions of those with the numbers from `first` to `last`."""


class ServedGenome:
    """Genes or regions of a genome, in tiles."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self.recipe, self.lengths = serving.recipe, [len(tile) for tile in serving.tiles]

    def stretches(self, first: int, last: int) -> Iterator[Stretch]:
        """Read when they are asked for."""
        for tile in self._serving.tiles[first : last + 1]:
            yield Stretch(self._serving.gene(tile), np.arange(len(tile)), tile.offset, tile.whole)


class ServedFolder:
    """All genes of a built folder."""

    def __init__(self, built: BuiltFolder) -> None:
        self._genes = built.genes
        self.recipe, self.lengths = built.recipe, [entry.length for entry in built.genes.entries]

    def stretches(self, first: int, last: int) -> Iterator[Stretch]:
        """Read row group by row group."""
        ids = {entry.gene_id for entry in self._genes.entries[first : last + 1]}
        for gene in self._genes.genes(ids):
            yield Stretch(gene, np.arange(len(gene)))


class PositionRows:
    """Every position of some genes or regions, in their order.

    Parameters
    ----------
    positions : PositionSource
    source : str
        What messages call it.
    model : FittedModel
        Its scores of whole genes are columns, too.
    info : DatasetInfo
        What is known of the shares of classes.
    """

    def __init__(self, positions: PositionSource, source: str, model: FittedModel, info: DatasetInfo) -> None:
        self._positions, self._model, self.source, self.info = positions, model, source, info
        self._ends: NDArray[np.int64] = np.cumsum(positions.lengths)

    @property
    def n_rows(self) -> int:
        """Positions."""
        return int(self._ends[-1])

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (*_TEXT, *_NUMBERS, *column_names(self._positions.recipe), *self._model.gene_columns)

    def kind(self, column: str) -> Kind:
        """What a column holds."""
        return Kind.STRING if column in _TEXT else Kind.NUMERIC

    def iter_frames(
        self, expressions: Sequence[pl.Expr], chunk_rows: int, *, rows: slice = _ALL_ROWS
    ) -> Iterator[pl.DataFrame]:
        """Frames of `expressions` over the columns of (a slice of) the rows, in order, of at most `chunk_rows` rows.

        Columns that no expression names are not computed.
        """
        wanted = {name for expression in expressions for name in expression.meta.root_names()}
        for pack in packs(self._stretches(rows), min(chunk_rows, PACK_ROWS)):
            yield self._frame(pack, wanted).select(expressions)

    def _stretches(self, rows: slice) -> Iterator[Stretch]:
        """The positions that a slice of rows is of."""
        start, stop, _ = rows.indices(self.n_rows)
        if stop <= start:
            return
        first, last = np.searchsorted(self._ends, (start, stop - 1), side="right").tolist()
        for number, stretch in enumerate(self._positions.stretches(first, last), first):
            begin = int(self._ends[number]) - len(stretch.rows)
            inside = stretch.rows[max(start - begin, 0) : stop - begin]
            yield Stretch(stretch.gene, inside, stretch.offset, stretch.whole)

    def _frame(self, pack: Sequence[Stretch], wanted: set[str]) -> pl.DataFrame:
        recipe = self._positions.recipe
        columns = _metadata(pack)
        if some := needed(recipe, wanted):
            columns |= features_of(pack, some).columns()
        if wanted.intersection(self._model.gene_columns):
            columns |= gene_columns(self._model, pack, recipe)
        return pl.DataFrame([pl.Series(name, values) for name, values in columns.items()])


def open_genome_rows(options: ServingOptions, model: FittedModel, stack: ExitStack, scratch: Path) -> ServedTable:
    """The positions of a genome, as a table for a model.

    Raises
    ------
    InputError
        If the model does not say how its features are computed, or the inputs are not such as it was trained on.
    """
    recipe = model.info.recipe
    if model.window:
        raise reads_windows(model.window, f"Found the genome {options.genome}, which has no columns of rows")
    if recipe is None or not _made_of_tables(model) <= set(column_names(recipe)):
        found = "it has no recipe" if recipe is None else "it has features that its recipe does not make"
        raise InputError(
            "To predict from a genome, a model must be trained on a folder of meta-models build", f"Found that {found}",
            "Give --dataset with a table of its features",
        )  # fmt: skip
    if model.info.first_pass is not None and options.regions is not None:
        raise InputError(
            "A model with a second pass needs annotated genes, as a whole",
            "Found --regions",
            "Give --annotation, or train without --second-pass",
        )
    serving = open_serving(options, recipe, stack, scratch, reach=model.reach)
    rows = PositionRows(ServedGenome(serving), str(options.genome), model, DatasetInfo(contigs=serving.contigs))
    return ServedTable(rows, model.feature_names, (), (serving.facts,))


def open_built_rows(path: TablePath, model: FittedModel) -> ServedTable:
    """Every position of the genes of a built folder, as a table for a model that reads whole genes.

    Raises
    ------
    InputError
        If `path` is no built folder, or it was built in another way than the model was trained on.
    """
    if not is_built(path):
        raise reads_whole_genes(f"{path} is a table of rows, or no table")
    built = BuiltFolder.open(path)
    own = model.info.recipe
    if own is not None and (differences := own.differences(built.recipe)):
        raise InputError(
            f"{path} must be built as the table was that the model was trained on",
            f"They differ in {'; in '.join(differences)}",
            "Build it with the same options and the same kind of tracks",
        )
    rows = PositionRows(ServedFolder(built), str(path), model, built.info)
    return ServedTable(rows, model.feature_names, (), tuple(describe_input(file).sha256 for file in built.genes.files))


def _made_of_tables(model: FittedModel) -> set[str]:
    return set(model.feature_names) - set(model.gene_columns)


def _metadata(pack: Sequence[Stretch]) -> dict[str, Any]:
    of_row = np.repeat(np.arange(len(pack)), [len(stretch.rows) for stretch in pack])
    genes = [stretch.gene for stretch in pack]
    told = {
        GENE: [g.gene_id for g in genes], CHROM: [g.chrom for g in genes], STRAND: [g.strand for g in genes],
        FAMILY: [g.family for g in genes],
    }  # fmt: skip
    return {
        **{name: pl.Series(name, values, pl.String)[of_row] for name, values in told.items()},
        POSITION: np.concatenate([stretch.rows + stretch.offset for stretch in pack]),
        GENOMIC_POSITION: np.concatenate([stretch.gene.genomic_positions()[stretch.rows] for stretch in pack]),
    }
