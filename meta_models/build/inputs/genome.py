"""Bases of a genome, as codes: the interface and the way in."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.text_lines import GZIP_MAGIC
from meta_models.errors import InputError

#: Codes of the bases; everything that is none of A, C, G and T is `N`.
A, C, G, T, N = range(5)
_COMPLEMENT = np.array([T, G, C, A, N], np.uint8)
_PIECE = 2**22


class Genome(ABC):
    """The sequences of a FASTA file.

    Attributes
    ----------
    lengths : Mapping of str to int
        Bases of each contig, in the order of the file.
    path : Path
        The file.
    """

    path: Path
    lengths: Mapping[str, int]

    @property
    def contigs(self) -> tuple[str, ...]:
        """Names of the contigs, in the order of the file."""
        return tuple(self.lengths)

    def fetch(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """Codes of the forward interval ``[start, end)``, 0-based.

        Returns
        -------
        NDArray[uint8], shape (end - start,)
            A 0, C 1, G 2, T 3, N 4; N beyond both ends of the contig. Ambiguity codes and gaps are N, U is T.

        Raises
        ------
        InputError
            If there is no such contig.
        """
        if contig not in self.lengths:
            raise InputError(f"The genome {self.path} must have the contig {contig}", f"Found: {_first(self.contigs)}")
        codes = np.full(max(end - start, 0), N, np.uint8)
        first, last = max(start, 0), min(end, self.lengths[contig])
        if first < last:
            codes[first - start : last - start] = self._inside(contig, first, last)
        return codes

    def sha256(self, contigs: Iterable[str]) -> str:
        """Digest of the names, lengths and bases of some contigs.

        It depends neither on their order nor on case, line lengths, packing or name of the file.
        """
        digest = hashlib.sha256()
        for contig in sorted(set(contigs)):
            length = self.lengths.get(contig, 0)
            digest.update(f"{contig}\t{length}\n".encode())
            for start in range(0, length, _PIECE):
                digest.update(self.fetch(contig, start, min(start + _PIECE, length)).tobytes())
        return digest.hexdigest()

    @abstractmethod
    def _inside(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """Codes of an interval that lies in the contig and is not empty."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_genome(path: Path | str) -> Genome:
    """Open a FASTA file: plain, or packed as BGZF (needs the extra ``genomics``).

    Nothing is written beside the file, and an index that lies there is not used: it may be older than the file.

    Raises
    ------
    InputError
        If it cannot be read, is gzip but not BGZF, or is no FASTA file of nucleotides whose lines have one length.
    UsageError
        If it is BGZF and pysam is not installed.
    """
    from meta_models.build.inputs.bgzf import BgzfGenome, is_bgzf
    from meta_models.build.inputs.fasta import PlainGenome

    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(18)
    except OSError as error:
        raise InputError(f"The genome {path} must be readable", f"Found: {error.strerror or error}") from error
    if not head.startswith(GZIP_MAGIC):
        return PlainGenome(path)
    if not is_bgzf(head):
        raise _not_bgzf(path)
    return BgzfGenome(path)


def reverse_complement(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The other strand of a sequence of codes, shape (n,), in its own direction."""
    return _COMPLEMENT[codes[::-1]]


def _not_bgzf(path: Path) -> InputError:
    plain = path.name.removesuffix(".gz")
    return InputError(
        f"The genome {path} must be plain FASTA or BGZF, which can be read anywhere in the file",
        "Found gzip",
        f"Unpack it: gunzip -c {path.name} > {plain}; or make it BGZF: gunzip -c {path.name} | bgzip > {plain}.bgz",
    )


def _first(names: Iterable[str]) -> str:
    return ", ".join(islice(names, 5))
