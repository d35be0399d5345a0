"""What all sources of scores that read files share: contigs, sparse tracks, checks, directions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.contig_names import match_names
from meta_models.build.inputs.source_files import FileFacts
from meta_models.build.scores.base import GenePlace, ScoreSource
from meta_models.build.scores.checks import checked
from meta_models.build.tracks.score_floor import ScoreFloor, measure_floor

#: Stretches of neighbouring scores are shorter than this in a sparse track, on average.
SPARSE_RUN = 20
#: OpenSpliceAI leaves out scores up to 1e-6; among many scores without such a cut some are lower.
LEAST_THRESHOLD, _MANY = 9e-7, 1000


class Wanted(NamedTuple):
    """What a subclass is asked for: forward ``[start, end)`` of the contig that its files call `name`, one strand.

    `gene_id` is that of the gene it is asked for, where there is one.
    """

    name: str
    start: int
    end: int
    strand: str
    gene_id: str | None


class Sample(NamedTuple):
    """Scores as they stand in the files, and the stretches of neighbouring positions that they make up.

    `largest` are the largest scores of the rows where rows of several scores can be left out, else empty.
    """

    scores: NDArray[np.float32]
    runs: int
    largest: NDArray[np.float32] = np.empty(0, np.float32)


class FileScores(ScoreSource):
    """Template of a source that reads files.

    A subclass reads the forward interval; this class finds the contig, fills what a sparse track leaves out, checks
    the scores and turns them into the direction of the strand.

    Parameters
    ----------
    key : str
        Name of the base model.
    names : tuple of str
        Contigs as the files name them.
    what : str
        The source as messages call it.
    """

    def __init__(self, key: str, names: tuple[str, ...], what: str) -> None:
        self.key = key
        self.what = what
        self._file_names: dict[str, str] = {name: name for name in names}
        self._lengths: Mapping[str, int] = {}

    @property
    def contigs(self) -> tuple[str, ...]:
        """As :attr:`ScoreSource.contigs`."""
        return tuple(self._file_names)

    def match_contigs(self, lengths: Mapping[str, int], *, chrom_map: Mapping[str, str] | None = None) -> None:
        """As :meth:`ScoreSource.match_contigs`."""
        names = tuple(self._file_names.values())
        self._file_names = match_names(names, tuple(lengths), what=self.what, chrom_map=chrom_map)
        self._lengths = lengths

    def place(self, genes: Mapping[str, GenePlace]) -> None:
        """Nothing to do: positions are those of the genome."""

    def fetch(self, contig: str, start: int, end: int, strand: str, gene_id: str | None = None) -> NDArray[np.float32]:
        """As :meth:`ScoreSource.fetch`."""
        scores = np.full((max(end - start, 0), 2), np.nan, np.float32)
        first, last = max(start, 0), min(end, self._lengths.get(contig, end))
        if contig in self._file_names and first < last:
            scores[first - start : last - start] = self._read(contig, first, last, strand, gene_id)
        return scores if strand == "+" else scores[::-1]

    @property
    def sparse(self) -> bool:
        """As :attr:`ScoreSource.sparse`.

        So it is where the files hold no score of 0, and a floor shows, or all of a thousand scores and more are above
        the least threshold that is used, or scores come in short stretches.
        """
        floor = self.floor
        cut = floor.floor > 0 or (floor.count >= _MANY and (floor.smallest or 0) >= LEAST_THRESHOLD)
        return floor.zeros == 0 and (cut or self._short)

    @property
    def _short(self) -> bool:
        """Whether scores come in short stretches."""
        return len(self._sampled.scores) < SPARSE_RUN * self._sampled.runs

    @cached_property
    def floor(self) -> ScoreFloor:
        """As :attr:`ScoreSource.floor`, measured on a sample of the files that is always the same.

        Where rows are left out, it is that of their largest scores: see :attr:`_floor_of_rows`.
        """
        own = measure_floor(self._sampled.scores)
        return replace(own, floor=max(own.floor, self._floor_of_rows))

    @cached_property
    def _floor_of_rows(self) -> float:
        """Below which a row of several scores is left out; 0.0 where none is.

        Lower scores stand in rows whose other score is high. They are read as 0: no other low score is there.
        """
        sample = self._sampled
        return measure_floor(sample.largest).floor if self._short and (sample.scores > 0).all() else 0.0

    def facts(self) -> dict[str, Any]:
        """As :meth:`ScoreSource.facts`."""
        return {
            "kind": self.kind,
            "files": self._files(),
            "floor": self.floor.floor,
            "decimals": self.floor.decimals,
            "smallest": self.floor.smallest,
            "absent": "zero" if self.sparse else "not covered",
        }

    @cached_property
    def _sampled(self) -> Sample:
        return self._sample()

    def _read(self, contig: str, start: int, end: int, strand: str, gene_id: str | None) -> NDArray[np.float32]:
        wanted = Wanted(self._file_names[contig], start, end, strand, gene_id)
        if not self._covers(wanted.name, strand):
            return np.full((end - start, 2), np.nan, np.float32)
        scores = self._forward(wanted)
        scores = checked(scores, what=f"{self.what} ({strand})", contig=wanted.name, start=start)
        if self.sparse:
            np.nan_to_num(scores, copy=False, nan=0.0)
            scores[scores < np.float32(self._floor_of_rows)] = 0
        return scores

    @abstractmethod
    def _forward(self, wanted: Wanted) -> NDArray[np.float32]:
        """Scores, shape (end - start, 2), in forward order; NaN where there are none. The array is the caller's own."""

    @abstractmethod
    def _covers(self, name: str, strand: str) -> bool:
        """Whether the files speak of this strand of a contig at all."""

    @abstractmethod
    def _sample(self) -> Sample:
        """Some thousand scores as they stand in the files: the same at each call."""

    @abstractmethod
    def _files(self) -> dict[str, FileFacts]:
        """Facts about each file, by its role."""
