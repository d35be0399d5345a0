"""Genes and a genome by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from meta_models.build.annotation import GeneModel, Transcript


class Letters:
    """A genome of one contig; N outside."""

    def __init__(self, text: str) -> None:
        self._codes = np.array(["ACGTN".index(letter) for letter in text], np.uint8)

    def fetch(self, contig: str, start0: int, end0: int) -> NDArray[np.uint8]:
        at = np.arange(start0, end0)
        inside = (at >= 0) & (at < len(self._codes))
        return np.where(inside, self._codes[np.clip(at, 0, len(self._codes) - 1)], 4).astype(np.uint8)


def transcript(name: str, *exons: tuple[int, int], tags: Sequence[str] = (), cds: int = 0) -> Transcript:
    return Transcript(name, np.array(exons, np.int64), frozenset(tags), cds)


def gene(
    name: str, *transcripts: Transcript, strand: str = "+", kind: str = "protein_coding", chrom: str = "chr1",
    tags: Sequence[str] = (),
) -> GeneModel:  # fmt: skip
    start = min(int(t.exons[0, 0]) for t in transcripts)
    end = max(int(t.exons[-1, 1]) for t in transcripts)
    return GeneModel(name, name, name, kind, chrom, strand, start, end, transcripts, frozenset(tags))
