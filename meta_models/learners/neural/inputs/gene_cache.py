"""The tracks of all genes in one place, and what is summed over each gene while it passes by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.learners.neural.inputs.storage import FileTrack, MemoryTrack, Track
from meta_models.learners.neural.inputs.tracks import codes_of, labels_of, numbers_of
from meta_models.learners.page_digests import PageDigests
from meta_models.learners.seam.genes import NOT_LABELLED, LabelledGene, TrainingGenes
from meta_models.schema import CLASSES, SITE_CLASSES

#: Bytes a position in the cache beside its numbers: base and label.
POSITION_BYTES = 2
NUMBER_BYTES = 2

#: Positions that are summed at a time: bounds memory.
_BLOCK = 65_536


@dataclass(frozen=True)
class GeneSums:
    """Sums over each gene, flanks included, that any choice of genes can be standardised with.

    Attributes
    ----------
    count, total, squares : ndarray of float64 (n_genes, n_numbers)
        Of each track of numbers, where it is not missing.
    classes : ndarray of int64 (n_genes, n_classes)
        Positions of each class.
    """

    count: NDArray[np.float64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    classes: NDArray[np.int64]

    def scale(self, genes: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation (n_numbers,) over `genes`; 0 and 1 where there is nothing to measure."""
        count = np.maximum(self.count[genes].sum(0), 1)
        mean = self.total[genes].sum(0) / count
        deviation = np.sqrt(np.maximum(self.squares[genes].sum(0) / count - mean**2, 0))
        return mean, np.where(deviation > 1e-6, deviation, 1.0)

    def log_shares(self, genes: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Logarithm of the share of each class (n_classes,), as if each had been seen once more."""
        seen = self.classes[genes].sum(0) + 1.0
        return np.asarray(np.log(seen / seen.sum()))


@dataclass(frozen=True)
class GeneCache:
    """What `cached` yields.

    Attributes
    ----------
    flank : int
        Positions on either side of each gene: that of the genes, as far as a net looks.
    offsets : ndarray of int64 (n_genes + 1,)
        Where the positions of each gene begin, flanks included.
    lengths : ndarray of int64 (n_genes,)
    codes, numbers, labels : Track
        Of all genes, flanks included; labels of flanks are `NOT_LABELLED`.
    crop_sites : ndarray of bool (n_crops,)
        Whether each crop of the grid has a site.
    row_labels : ndarray of uint8 (n_rows,)
        What the genes say of each row of the table.
    fingerprint : str
        Of all that was cached.
    """

    flank: int
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    codes: Track[np.uint8]
    numbers: Track[np.float16]
    labels: Track[np.uint8]
    sums: GeneSums
    crop_sites: NDArray[np.bool_]
    row_labels: NDArray[np.uint8]
    fingerprint: str
    digests: PageDigests | None

    def verify(self) -> None:
        """Raise UnitsFailed where a file was changed since."""
        if self.digests is not None:
            self.digests.verify()


@contextmanager
def cached(genes: TrainingGenes, crop: int, margin: int, folder: Path | None) -> Iterator[GeneCache]:
    """All genes in `folder`, or in memory where there is none. One gene at a time is held beside.

    Parameters
    ----------
    crop, margin : int
        Positions of a crop of the grid; on either side of one that are read, too: longer flanks are cut to it.

    Raises
    ------
    InputError
        If genes are not as `TrainingGenes` says.
    """
    writer = _Writer(genes, crop, margin, folder)
    try:
        for gene in genes.genes:
            writer.add(gene)
        yield writer.finished()
    finally:
        writer.close()


class _Writer:
    def __init__(self, genes: TrainingGenes, crop: int, margin: int, folder: Path | None) -> None:
        self.genes, self.crop, self.folder = genes, crop, folder
        self.flank = min(genes.flank, margin)
        self.lengths = np.asarray(genes.lengths, np.int64)
        width = 2 * len(genes.base_models) + len(genes.evidence)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths + 2 * self.flank)])
        self.codes: Track[np.uint8] = self._track("codes.u8", 1, np.uint8)
        self.numbers: Track[np.float16] = self._track("numbers.f16", width, np.float16)
        self.labels: Track[np.uint8] = self._track("labels.u8", 1, np.uint8)
        self._sums = [np.zeros((len(self.lengths), width)) for _ in range(3)]
        self._classes = np.zeros((len(self.lengths), len(CLASSES)), np.int64)
        self._sites: list[NDArray[np.bool_]] = []
        self._rows = np.argsort(genes.gene_of_row, kind="stable")
        self._row_labels = np.empty(len(self._rows), np.uint8)
        self._fingerprint = hashlib.sha256()
        self._added = 0

    @property
    def _tracks(self) -> tuple[Track[np.uint8], Track[np.float16], Track[np.uint8]]:
        return self.codes, self.numbers, self.labels

    def _track(self, name: str, width: int, kind: Any) -> Track[Any]:
        if self.folder is None:
            return MemoryTrack(int(self.offsets[-1]), width, kind)
        return FileTrack(self.folder / name, width, kind)

    def add(self, gene: LabelledGene) -> None:
        """Append the tracks and sums of a gene."""
        self._check(gene)
        tracks = gene.tracks.flanked(self.flank)
        numbers = numbers_of(tracks, self.genes.base_models, self.genes.evidence)
        labels = labels_of(gene)
        padded = np.pad(labels, self.flank, constant_values=NOT_LABELLED)
        self._append(codes_of(tracks)[:, None], numbers, padded[:, None])
        self._sum(numbers, labels)
        self._label_rows(gene.tracks.gene_id, labels)
        sites = np.isin(labels, SITE_CLASSES)
        self._sites.append(np.logical_or.reduceat(sites, np.arange(0, len(sites), self.crop)))
        self._added += 1

    def _append(self, *parts: NDArray[Any]) -> None:
        tracks: tuple[Track[Any], ...] = self._tracks
        for track, part in zip(tracks, parts, strict=True):
            track.append(part)
            self._fingerprint.update(part.data)

    def _check(self, gene: LabelledGene) -> None:
        expected = self.lengths[self._added] if self._added < len(self.lengths) else None
        if gene.tracks.length != expected or gene.tracks.flank != self.genes.flank:
            found = f"{gene.tracks.length} positions with a flank of {gene.tracks.flank}"
            raise InputError(
                f"Gene {gene.tracks.gene_id}, number {self._added}, must have {expected} positions and "
                f"a flank of {self.genes.flank}",
                f"Found {found}",
            )

    def _sum(self, numbers: NDArray[np.float16], labels: NDArray[np.uint8]) -> None:
        for begin in range(0, len(numbers), _BLOCK):
            there = ~np.isnan(numbers[begin : begin + _BLOCK])
            values = np.where(there, numbers[begin : begin + _BLOCK], 0).astype(np.float64)
            for sums, terms in zip(self._sums, (there, values, values**2), strict=True):
                sums[self._added] += terms.sum(0)
        self._classes[self._added] = np.bincount(labels, minlength=NOT_LABELLED + 1)[: len(CLASSES)]

    def _label_rows(self, gene_id: str, labels: NDArray[np.uint8]) -> None:
        """What the gene says of the rows of the table that lie in it."""
        begin, end = np.searchsorted(self.genes.gene_of_row, [self._added, self._added + 1], sorter=self._rows)
        rows = self._rows[begin:end]
        places = self.genes.position_of_row[rows]
        if len(places) and not 0 <= places.min() <= places.max() < len(labels):
            raise InputError(
                f"Rows of gene {gene_id} must lie within its {len(labels)} positions",
                f"Found positions {places.min()} to {places.max()}",
            )
        self._row_labels[rows] = labels[places]

    def finished(self) -> GeneCache:
        """All genes; raises InputError where some are absent."""
        if self._added != len(self.lengths):
            raise InputError(f"There must be {len(self.lengths)} genes", f"Found {self._added}")
        for track in self._tracks:
            track.finish()
        sites = np.concatenate([np.empty(0, np.bool_), *self._sites])
        digests = None if self.folder is None else PageDigests.of(self.folder)
        return GeneCache(
            self.flank, self.offsets, self.lengths, *self._tracks, self._gene_sums(), sites,
            self._row_labels, self._fingerprint.hexdigest(), digests,
        )  # fmt: skip

    def _gene_sums(self) -> GeneSums:
        count, total, squares = self._sums
        return GeneSums(count, total, squares, self._classes)

    def close(self) -> None:
        """Close the files."""
        for track in self._tracks:
            if isinstance(track, FileTrack):
                track.close()
