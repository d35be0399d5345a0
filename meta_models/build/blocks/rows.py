"""The sampled rows of genes: which positions, and their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from meta_models.build.blocks.sampling import SamplingPlan, highest_scores
from meta_models.dataset.genes.columns import Gene
from meta_models.features import Recipe, column_names, packed_features
from meta_models.schema import (
    CHROM,
    CLASS_NAMES,
    FAMILY,
    GENE,
    GENE_NAME,
    GENE_TYPE,
    GENOMIC_POSITION,
    LABEL,
    POSITION,
    STRAND,
    TRANSCRIPT,
    WEIGHT,
)

#: Rows whose features are computed in one go, and bases of the pieces that are kept for it.
_ROWS, _BASES = 2**14, 2**21
_TEXTS = (GENE, GENE_NAME, TRANSCRIPT, FAMILY, GENE_TYPE, CHROM, STRAND)
METADATA = pa.schema([
    *((name, pa.string()) for name in _TEXTS),
    (POSITION, pa.int32()), (GENOMIC_POSITION, pa.int64()), (LABEL, pa.string()), (WEIGHT, pa.float64()),
])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows of one gene: their positions, increasing, int64 (m,), and their weights, float64 (m,)."""

    gene: Gene
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]

    def parts(self) -> Iterator[Drawn]:
        """The same in parts of at most so many rows as are worked on in one go."""
        for start in range(0, len(self.rows), _ROWS):
            part = slice(start, start + _ROWS)
            yield Drawn(self.gene, self.rows[part], self.weights[part])


def draw(gene: Gene, plan: SamplingPlan) -> Drawn:
    """The rows of a gene that stand in the table."""
    flank = gene.flank
    highest = highest_scores(scores[flank : flank + len(gene)] for scores in gene.scores.values())
    return Drawn(gene, *plan.draw(gene.gene_id, gene.labels, highest, usable=gene.counted))


def row_schema(recipe: Recipe) -> pa.Schema:
    """Columns of the table: metadata, then features."""
    return pa.schema([*METADATA, *((name, pa.float32()) for name in column_names(recipe))])


def row_batches(drawn: Iterable[Drawn], recipe: Recipe) -> Iterator[pa.RecordBatch]:
    """The rows of genes in their order; small genes are packed together."""
    held: list[Drawn] = []
    rows = bases = 0
    for part in (part for each in drawn for part in each.parts()):
        if held and (rows + len(part.rows) > _ROWS or bases + len(part.gene.sequence) > _BASES):
            yield _batch(held, recipe)
            held, rows, bases = [], 0, 0
        held.append(part)
        rows, bases = rows + len(part.rows), bases + len(part.gene.sequence)
    if held:
        yield _batch(held, recipe)


def _batch(held: list[Drawn], recipe: Recipe) -> pa.RecordBatch:
    block = packed_features([part.gene.piece(part.rows) for part in held], recipe)
    return pa.record_batch([*_metadata(held), *map(pa.array, block.values)], row_schema(recipe))


def _metadata(held: list[Drawn]) -> Iterator[pa.Array]:
    gene_of = pa.array(np.repeat(np.arange(len(held)), [len(part.rows) for part in held]))
    texts = {
        GENE: [part.gene.gene_id for part in held],
        GENE_NAME: [part.gene.gene_name for part in held],
        TRANSCRIPT: [""] * len(held),  # known only at sites: it would give them away
        FAMILY: [part.gene.family for part in held],
        GENE_TYPE: [part.gene.gene_type for part in held],
        CHROM: [part.gene.chrom for part in held],
        STRAND: [part.gene.strand for part in held],
    }
    yield from (pa.array(texts[name], pa.string()).take(gene_of) for name in _TEXTS)
    yield pa.array(np.concatenate([part.rows for part in held]), pa.int32())
    yield pa.array(np.concatenate([part.gene.genomic_positions()[part.rows] for part in held]))
    labels = np.concatenate([part.gene.labels[part.rows] for part in held])
    yield pa.array(CLASS_NAMES, pa.string()).take(pa.array(labels))
    yield pa.array(np.concatenate([part.weights for part in held]))
