"""Every position of the genes of a built folder, as the rows of a table whose features are computed on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.files import Kind
from meta_models.features import column_names
from meta_models.inference.genome_rows import NUMBERS, TEXTS, rows_frame
from meta_models.inference.stretches import PACK_ROWS, Stretch, packs
from meta_models.schema import FAMILY, GENE


class GeneRows:
    """The positions that count for a gene; labels are not looked at."""

    def __init__(self, folder: BuiltFolder) -> None:
        self._folder, self.source, self.info = folder, str(folder.path), folder.info
        self._families = {entry.gene_id: entry.family for entry in folder.genes.entries}

    @property
    def n_rows(self) -> int:
        """Positions, those that count for another gene among them."""
        return self._folder.genes.positions

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (*TEXTS, FAMILY, *NUMBERS, *column_names(self._folder.recipe))

    def kind(self, column: str) -> Kind:
        """What a column holds."""
        return Kind.STRING if column in (*TEXTS, FAMILY) else Kind.NUMERIC

    def iter_frames(
        self, expressions: Sequence[pl.Expr], chunk_rows: int, *, rows: slice = slice(None)
    ) -> Iterator[pl.DataFrame]:
        """Frames of `expressions` over all rows, in order, of at most `chunk_rows` rows.

        Raises
        ------
        ValueError
            If some of the `rows` only are asked for.
        """
        if rows != slice(None):
            raise ValueError("genes of a built folder are read whole")
        genes = (Stretch(gene, np.flatnonzero(~gene.elsewhere)) for gene in self._folder.genes.genes())
        for pack in packs(genes, min(chunk_rows, PACK_ROWS)):
            frame = rows_frame(pack, self._folder.recipe)
            family = frame[GENE].replace_strict(self._families, return_dtype=pl.String).alias(FAMILY)
            yield frame.with_columns(family).select(expressions)
