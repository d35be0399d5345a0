"""The interface of a source of evidence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.contig_names import match_names
from meta_models.errors import InputError
from meta_models.wording import counted


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

    def __init__(self, name: str, ends: Mapping[str, int], what: str) -> None:
        """`ends` says how far the files reach on each contig that they name."""
        self.name, self.what = name, what
        self._ends, self._file_names = ends, {contig: contig for contig in ends}
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
            If no contig of the files is one of the genome, or they reach beyond the end of one.
        """
        names = tuple(self._file_names.values())
        self._file_names = match_names(names, tuple(lengths), what=self.what, chrom_map=chrom_map)
        self._lengths = lengths
        self._require_inside()

    def _require_inside(self) -> None:
        beyond = [c for c, name in self._file_names.items() if self._ends[name] > self._lengths[c]]
        if beyond:
            first, end = beyond[0], self._ends[self._file_names[beyond[0]]]
            raise InputError(
                f"{self.what} and the genome must be of one assembly",
                f"Found {counted(len(beyond), 'contig')} on which it reaches beyond the end,"
                f" the first: {first}, which has {self._lengths[first]:,} bases, to {end:,}",
                "Give evidence on the assembly of the genome",
            )

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
