"""The interface of a source of evidence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.contig_names import match_names


class EvidenceSource(ABC):
    """Values a position that help to tell sites, but are no scores of a predictor.

    Attributes
    ----------
    name : str
        As the user named it.
    kind : str
        One of ``EVIDENCE_KINDS``.
    channels : tuple of str
        What the columns of :meth:`fetch` are.
    what : str
        The source as messages call it.
    """

    kind: str
    channels: tuple[str, ...]

    def __init__(self, name: str, contigs: tuple[str, ...], what: str) -> None:
        self.name, self.what = name, what
        self._file_names = {contig: contig for contig in contigs}
        self._lengths: Mapping[str, int] = {}

    @property
    def contigs(self) -> tuple[str, ...]:
        """Contigs in the files, by the names of the genome once :meth:`match_contigs` was called."""
        return tuple(self._file_names)

    def match_contigs(self, lengths: Mapping[str, int], *, chrom_map: Mapping[str, str] | None = None) -> None:
        """Name contigs as the genome does from now on; `lengths` are those of its contigs.

        Raises
        ------
        InputError
            If no contig of the files is one of the genome.
        """
        names = tuple(self._file_names.values())
        self._file_names = match_names(names, tuple(lengths), what=self.what, chrom_map=chrom_map)
        self._lengths = lengths

    def fetch(self, contig: str, start: int, end: int, strand: str) -> NDArray[np.float32]:
        """Values of the 0-based forward interval ``[start, end)``, in the direction of the strand.

        Returns
        -------
        NDArray[float32], shape (end - start, channels)
            For ``-`` the first row is that of ``end - 1``. NaN where there is no value, and beyond the ends of the
            contig.
        """
        values = np.full((max(end - start, 0), len(self.channels)), np.nan, np.float32)
        first, last = max(start, 0), min(end, self._lengths.get(contig, end))
        if first < last:
            values[first - start : last - start] = self._forward(self._file_names.get(contig), first, last, strand)
        return values if strand == "+" else values[::-1]

    @abstractmethod
    def _forward(self, contig: str | None, start: int, end: int, strand: str) -> NDArray[np.float32]:
        """Values in forward order, shape (end - start, channels); `contig` is None where the files do not name it."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What is written down about the source: kind, channels, files (size, digest). No path, no date."""

    @abstractmethod
    def close(self) -> None:
        """Close the files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
