"""The genes of a built folder, streamed in bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meta_models.dataset.genes.columns import (
    ELSEWHERE,
    LABELS,
    NARROW,
    Gene,
    gene_schema,
    genes_from_arrow,
    sequences_from_arrow,
)
from meta_models.dataset.reading.files import discover, reading
from meta_models.errors import InputError
from meta_models.features import Recipe
from meta_models.places import TablePath, place
from meta_models.schema import CHROM, FAMILY, GENE, SEQUENCE

__all__ = ["Gene", "GeneEntry", "GeneFolder"]


@dataclass(frozen=True)
class GeneEntry:
    """Where a gene is stored, and what is known of it without reading it.

    Attributes
    ----------
    length : int
        Its positions.
    group : tuple of (int, int)
        File and row group that hold it.
    """

    gene_id: str
    family: str
    chrom: str
    length: int
    group: tuple[int, int]


@dataclass(frozen=True)
class GeneFolder:
    """``genes/`` of a built folder; made by :meth:`open`.

    ::

        folder = GeneFolder.open(path, recipe)
        for gene in folder.genes(ids):
            block = features(gene.scores, gene.sequence, gene.evidence, recipe)

    Attributes
    ----------
    entries : tuple of GeneEntry
        Every gene in the order of the files: by contig, start, end and id.
    """

    files: tuple[TablePath, ...]
    recipe: Recipe
    entries: tuple[GeneEntry, ...]

    @classmethod
    def open(cls, folder: TablePath, recipe: Recipe) -> GeneFolder:
        """Read what is known of every gene without its sequence.

        Raises
        ------
        InputError
            If the files are not a table of genes with the base models and the evidence of `recipe`.
        """
        files = discover(folder)
        entries: list[GeneEntry] = []
        for number, path in enumerate(files):
            with reading(path), _opened(path) as file:
                _require_columns(path, file.schema_arrow, recipe)
                for group in range(file.num_row_groups):
                    entries += _entries(file, (number, group))
        if len({entry.gene_id for entry in entries}) != len(entries):
            raise InputError(f"Each gene of {folder} must stand once", "Found some twice", "Build it again")
        return cls(files, recipe, tuple(entries))

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def positions(self) -> int:
        """Positions of all genes together."""
        return sum(entry.length for entry in self.entries)

    def genes(self, ids: Collection[str] | None = None, *, inputs: bool = True) -> Iterator[Gene]:
        """Genes in the order of the files, one row group in memory at a time.

        Parameters
        ----------
        ids : collection of str, optional
            Only these; row groups without any of them are not read.
        inputs : bool
            Whether sequence, scores and evidence are read; without them they are empty.

        Raises
        ------
        InputError
            If an id is not there, or a file is damaged.
        """
        wanted = None if ids is None else set(ids)
        columns = None if inputs else [*NARROW, LABELS, ELSEWHERE]
        for table in self._groups(wanted, columns):
            for gene in genes_from_arrow(table, self.recipe, inputs=inputs):
                if wanted is None or gene.gene_id in wanted:
                    yield gene

    def sequences(self, ids: Set[str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """Id and bases of these genes, in the order of the files; nothing else of them is read.

        Raises
        ------
        InputError
            If an id is not there, or a file is damaged.
        """
        for table in self._groups(ids, [GENE, "flank", SEQUENCE]):
            yield from ((gene, codes) for gene, codes in sequences_from_arrow(table) if gene in ids)

    def _groups(self, wanted: Set[str] | None, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        """The row groups that hold some of the genes `wanted`, or all of them."""
        groups = [entry.group for entry in self.entries if wanted is None or entry.gene_id in wanted]
        if wanted is not None and (absent := wanted - {entry.gene_id for entry in self.entries}):
            raise InputError("The genes must be in the built folder", f"{len(absent)} are not: {min(absent)}, ...")
        for number, group in dict.fromkeys(groups):
            path = self.files[number]
            with reading(path), _opened(path) as file:
                table = file.read_row_group(group, columns=columns, use_threads=False)
            yield table


@contextmanager
def _opened(path: TablePath) -> Iterator[pq.ParquetFile]:
    with place(path).open() as stream, pq.ParquetFile(stream, page_checksum_verification=True) as file:
        yield file


def _require_columns(path: TablePath, found: pa.Schema, recipe: Recipe) -> None:
    lacking = [f.name for f in gene_schema(recipe) if f.name not in found.names or found.field(f.name).type != f.type]
    if lacking:
        raise InputError(
            f"{path} must hold genes as its dataset_info.json says",
            f"It lacks {', '.join(lacking[:5])}",
            "Build it again",
        )


def _entries(file: pq.ParquetFile, group: tuple[int, int]) -> list[GeneEntry]:
    rows = file.read_row_group(group[1], columns=[GENE, FAMILY, CHROM, "start", "end"], use_threads=False).to_pylist()
    return [GeneEntry(row[GENE], row[FAMILY], row[CHROM], row["end"] - row["start"] + 1, group) for row in rows]
