"""The two files of a block, written a gene at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from meta_models.build.blocks.assembly import Assembler
from meta_models.build.blocks.planning import Block
from meta_models.build.blocks.rows import Drawn, draw, row_batches, row_schema
from meta_models.build.blocks.sampling import SamplingPlan
from meta_models.dataset.genes.columns import Gene, gene_schema, genes_to_arrow, list_columns
from meta_models.features import Recipe
from meta_models.run_folder import verify_parquet
from meta_models.run_folder.native_files import open_native
from meta_models.run_folder.writers import write_parquet
from meta_models.schema import MASKED, SpliceClass

#: Bases of a row group of genes (or one gene), and rows of one of the table.
GROUP_BASES, GROUP_ROWS = 2**19, 4096
#: Genes that are read back at a time.
_VERIFIED = 8


@dataclass(frozen=True)
class GeneCounts:
    """What was written of one gene.

    Attributes
    ----------
    masked, elsewhere : int
        Positions whose label is not known, and those that count for another gene.
    """

    gene_id: str
    gene_name: str
    gene_type: str
    gene_family: str
    chrom: str
    strand: str
    start: int
    end: int
    donors: int
    acceptors: int
    masked: int
    elsewhere: int
    rows: int

    @classmethod
    def of(cls, drawn: Drawn) -> Self:
        """Of a gene and its rows."""
        gene = drawn.gene
        donors, acceptors = (int((gene.labels == kind).sum()) for kind in (SpliceClass.DONOR, SpliceClass.ACCEPTOR))
        return cls(
            gene.gene_id, gene.gene_name, gene.gene_type, gene.family, gene.chrom, gene.strand, gene.start, gene.end,
            donors, acceptors, int((gene.labels == MASKED).sum()), int(gene.elsewhere.sum()), len(drawn.rows),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """By column."""
        return dict(vars(self))


def write_block(
    block: Block, assembler: Assembler, plan: SamplingPlan, genes_file: Path, rows_file: Path
) -> list[GeneCounts]:
    """Write the genes of a block and their rows; memory is bounded by the longest gene.

    Raises
    ------
    OSError, WriteError
        If a file cannot be written.
    """
    counts: list[GeneCounts] = []
    recipe = assembler.recipe

    def drawn() -> Iterator[Drawn]:
        """What is drawn of each gene, which is written and counted on its way."""
        for model in block.genes:
            found = draw(assembler.gene(model), plan)
            writer.add(found.gene)
            counts.append(GeneCounts.of(found))
            yield found

    with _GeneWriter(genes_file, recipe) as writer:
        batches = pa.RecordBatchReader.from_batches(row_schema(recipe), row_batches(drawn(), recipe))
        write_parquet(rows_file, batches, row_group_rows=GROUP_ROWS)
    verify_parquet(genes_file, len(block.genes), batch_rows=_VERIFIED)
    return counts


class _GeneWriter(AbstractContextManager["_GeneWriter"]):
    """Writes genes in row groups of about `GROUP_BASES` bases."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        floats = list_columns(recipe)
        self._recipe = recipe
        self._held: list[Gene] = []
        self._bases = 0
        self._closing = ExitStack()
        sink = self._closing.enter_context(open_native(path, "wb"))
        writer = pq.ParquetWriter(
            sink, gene_schema(recipe), compression="zstd", write_page_checksum=True, write_statistics=False,
            use_dictionary=False, use_byte_stream_split=[f"{name}.list.element" for name in floats],
        )  # fmt: skip
        self._writer = self._closing.enter_context(writer)

    def add(self, gene: Gene) -> None:
        """Take a gene; it is written when a row group is full."""
        size = len(gene.sequence)
        if self._held and self._bases + size > GROUP_BASES:
            self._flush()
        self._held.append(gene)
        self._bases += size

    def _flush(self) -> None:
        self._writer.write_table(genes_to_arrow(self._held, self._recipe), row_group_size=len(self._held))
        self._held, self._bases = [], 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._closing:
            if error is None and self._held:
                self._flush()
