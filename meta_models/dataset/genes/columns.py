"""The table of genes: a row a gene, with its sequence, labels, scores and evidence in lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from meta_models.features import BASES, Piece, Recipe, Span
from meta_models.schema import (
    CHROM,
    FAMILY,
    GENE,
    GENE_NAME,
    GENE_TYPE,
    MASKED,
    SEQUENCE,
    SITE_CLASSES,
    STRAND,
)

LABELS, ELSEWHERE = "labels", "elsewhere"
_TEXTS = (GENE, GENE_NAME, GENE_TYPE, FAMILY, CHROM, STRAND)
_NUMBERS = ("start", "end", "flank")
#: What is known of a gene without its sequence.
NARROW = (*_TEXTS, *_NUMBERS)
_LETTERS = np.frombuffer(BASES.encode(), np.uint8)
_CODES = np.full(256, len(BASES) - 1, np.uint8)
_CODES[_LETTERS] = np.arange(len(BASES))


@dataclass(frozen=True, eq=False)
class Gene:
    """One gene in the sense direction; ``n`` is its length, `flank` the bases that are known on each side.

    Attributes
    ----------
    start, end : int
        First and last base, 1-based on the forward strand.
    sequence : ndarray of uint8 (n + 2 * flank,)
        A, C, G, T, N as 0 to 4; N outside the contig.
    labels : ndarray of uint8 (n,)
        :class:`~meta_models.schema.SpliceClass` of each position, or ``MASKED``.
    elsewhere : ndarray of bool (n,)
        Positions that count for another gene on the same strand.
    scores : dict of str to ndarray of float32 (n + 2 * flank, 2)
        Donor and acceptor score by base model key, the main one first; 0 where there is none.
    evidence : dict of str to ndarray of float32 (n + 2 * flank, channels)
        By track name.
    """

    gene_id: str
    gene_name: str
    gene_type: str
    family: str
    chrom: str
    strand: str
    start: int
    end: int
    flank: int
    sequence: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    elsewhere: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    evidence: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.end - self.start + 1

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Positions that are trained on and scored: those with a known label that count for this gene, bool (n,)."""
        return np.asarray((self.labels != MASKED) & ~self.elsewhere)

    def genomic_positions(self) -> NDArray[np.int64]:
        """1-based positions on the forward strand, int64 (n,)."""
        forward = np.arange(self.start, self.end + 1)
        return forward if self.strand == "+" else forward[::-1]

    def piece(self, rows: NDArray[np.int64] | None = None) -> Piece:
        """What :func:`meta_models.features.features` computes from; `rows` are the positions wanted."""
        return Piece(self.scores, self.sequence, self.evidence, Span(len(self)), rows)


def score_columns(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Names of the list columns of each base model, by key: donor, acceptor."""
    bases = {track.key: track.column_base(main=k == 0) for k, track in enumerate(recipe.models)}
    return {key: tuple(base.columns[kind] for kind in SITE_CLASSES) for key, base in bases.items()}


def evidence_columns(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Names of the list columns of each evidence track, by name: its channels."""
    return {
        track.name: tuple(f"evidence_{track.name}_{channel}" for channel in track.channels) for track in recipe.evidence
    }


def list_columns(recipe: Recipe) -> tuple[str, ...]:
    """All columns with a value a position."""
    return tuple(
        name for found in (score_columns, evidence_columns) for names in found(recipe).values() for name in names
    )


def gene_schema(recipe: Recipe) -> pa.Schema:
    """Columns of the table of genes."""
    wide = [(name, pa.list_(pa.float32())) for name in list_columns(recipe)]
    return pa.schema([
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.int64()) for name in _NUMBERS),
        (SEQUENCE, pa.string()), (LABELS, pa.binary()), (ELSEWHERE, pa.list_(pa.int32())),
        *wide,
    ])  # fmt: skip


def genes_to_arrow(genes: Sequence[Gene], recipe: Recipe) -> pa.Table:
    """The rows of `genes`."""
    columns: dict[str, Any] = {name: [_value(gene, name) for gene in genes] for name in NARROW}
    columns[SEQUENCE] = [_LETTERS[gene.sequence].tobytes().decode() for gene in genes]
    columns[LABELS] = [gene.labels.tobytes() for gene in genes]
    columns[ELSEWHERE] = [runs_of(gene.elsewhere) for gene in genes]
    for key, names in score_columns(recipe).items():
        for channel, name in enumerate(names):
            columns[name] = _lists([gene.scores[key][:, channel] for gene in genes])
    for key, names in evidence_columns(recipe).items():
        for channel, name in enumerate(names):
            columns[name] = _lists([gene.evidence[key][:, channel] for gene in genes])
    return pa.table(columns, gene_schema(recipe))


def genes_from_arrow(table: pa.Table, recipe: Recipe, *, inputs: bool) -> Iterator[Gene]:
    """The genes of some rows; without `inputs` their sequence, scores and evidence are empty."""
    scores, evidence = (score_columns(recipe), evidence_columns(recipe)) if inputs else ({}, {})
    wide = {name: table[name].combine_chunks() for name in (list_columns(recipe) if inputs else ())}
    narrow = table.select([*NARROW, LABELS, ELSEWHERE, *([SEQUENCE] if inputs else [])]).to_pylist()

    def tracks(columns: dict[str, tuple[str, ...]], row: int) -> dict[str, NDArray[np.float32]]:
        """The tracks of row `row`, (positions, columns) each."""
        return {key: np.stack([_list(wide[name], row) for name in names], axis=1) for key, names in columns.items()}

    for row, values in enumerate(narrow):
        yield _gene(values, tracks(scores, row), tracks(evidence, row))


def sequences_from_arrow(table: pa.Table) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Id and bases of the genes of some rows, without what is known on either side: A, C, G, T, N as 0 to 4."""
    for values in table.select([GENE, "flank", SEQUENCE]).to_pylist():
        codes, flank = _codes(values[SEQUENCE]), values["flank"]
        yield values[GENE], codes[flank : len(codes) - flank]


def runs_of(flags: NDArray[np.bool_]) -> list[int]:
    """First position and end (exclusive) of each run of true ones: ``[0, 3, 7, 8]`` for 0 to 2 and 7."""
    return np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))).tolist()


def flags_of(runs: Sequence[int], length: int) -> NDArray[np.bool_]:
    """What :func:`runs_of` was made from."""
    steps = np.zeros(length + 1, np.int8)
    steps[np.asarray(runs[::2], np.int64)] += 1
    steps[np.asarray(runs[1::2], np.int64)] -= 1
    flags: NDArray[np.bool_] = steps[:length].cumsum() > 0
    return flags


def _gene(
    values: dict[str, Any], scores: dict[str, NDArray[np.float32]], evidence: dict[str, NDArray[np.float32]]
) -> Gene:
    labels = np.frombuffer(values[LABELS], np.uint8)
    return Gene(
        gene_id=values[GENE],
        gene_name=values[GENE_NAME],
        gene_type=values[GENE_TYPE],
        family=values[FAMILY],
        chrom=values[CHROM],
        strand=values[STRAND],
        start=values["start"],
        end=values["end"],
        flank=values["flank"],
        sequence=_codes(values.get(SEQUENCE, "")),
        labels=labels,
        elsewhere=flags_of(values[ELSEWHERE], len(labels)),
        scores=scores,
        evidence=evidence,
    )


def _codes(text: str) -> NDArray[np.uint8]:
    return np.asarray(_CODES[np.frombuffer(text.encode(), np.uint8)])


def _value(gene: Gene, name: str) -> str | int:
    value: str | int = gene.family if name == FAMILY else getattr(gene, name)
    return value


def _lists(parts: Sequence[NDArray[np.float32]]) -> pa.ListArray:
    bounds = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)
    values = np.concatenate([*parts, np.empty(0, np.float32)])
    return pa.ListArray.from_arrays(pa.array(bounds), pa.array(values))


def _list(column: pa.ListArray, row: int) -> NDArray[np.float32]:
    values: NDArray[np.float32] = column[row].values.to_numpy(zero_copy_only=True)
    return values
