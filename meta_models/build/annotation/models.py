"""What an annotation says: genes, their transcripts, and what was left out on reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Transcript:
    """One transcript.

    Attributes
    ----------
    exons : ndarray of int64 (n, 2)
        First and last base of each exon, 1-based on the forward strand, in the order of coordinates; none overlap.
    tags : frozenset of str
        Such as ``MANE_Select``, ``Ensembl_canonical``, ``readthrough_transcript``; blanks are written as ``_``.
    cds_length : int
        Coding bases, 0 where none are known.
    """

    transcript_id: str
    exons: NDArray[np.int64]
    tags: frozenset[str] = frozenset()
    cds_length: int = 0

    @property
    def length(self) -> int:
        """Bases of all exons."""
        return int((self.exons[:, 1] - self.exons[:, 0] + 1).sum())


@dataclass(frozen=True, eq=False)
class GeneModel:
    """One gene on one strand of one contig.

    Attributes
    ----------
    gene_id : str
        Unique in the annotation: where several contigs or strands have genes of one id, all but the first are called
        ``<id>@<contig>`` (or ``<id>@<contig><strand>``).
    source_id : str
        The id in the file.
    start, end : int
        First and last base, 1-based on the forward strand.
    """

    gene_id: str
    source_id: str
    gene_name: str
    gene_type: str
    chrom: str
    strand: str
    start: int
    end: int
    transcripts: tuple[Transcript, ...]
    tags: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return self.end - self.start + 1


@dataclass(frozen=True)
class Annotation:
    """The genes of a file, sorted by contig name, start and id, and counts of what was dropped or changed."""

    genes: tuple[GeneModel, ...]
    counts: Mapping[str, int]
