"""The interface of a source of base scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.build.tracks.score_floor import ScoreFloor


class GenePlace(NamedTuple):
    """Where a gene lies: the forward interval ``[start, end)``, 0-based, and its strand, ``+`` or ``-``."""

    contig: str
    start: int
    end: int
    strand: str


class ScoreSource(ABC):
    """Donor and acceptor scores of one base model.

    Attributes
    ----------
    key : str
        Name of the base model, ``main`` for the first.
    kind : str
        Which files it reads: one of ``KINDS``.
    what : str
        The source as messages call it.
    """

    key: str
    kind: str
    what: str

    @property
    @abstractmethod
    def contigs(self) -> tuple[str, ...]:
        """Contigs that the files have scores for, by the names of the genome once :meth:`match_contigs` was called."""

    @abstractmethod
    def match_contigs(self, lengths: Mapping[str, int], *, chrom_map: Mapping[str, str] | None = None) -> None:
        """Name contigs as the genome does from now on; nothing beyond their ends is covered.

        Parameters
        ----------
        lengths : Mapping of str to int
            Names and lengths of the contigs of the genome.
        chrom_map : Mapping of str to str, optional
            From names in the files to those of the genome.

        Raises
        ------
        InputError
            If no contig of the files is one of the genome.
        """

    @abstractmethod
    def place(self, genes: Mapping[str, GenePlace]) -> None:
        """Tell where the genes lie: before `fetch` for the kind npz, which has an array a gene; others ignore it.

        Raises
        ------
        InputError
            If no gene has an array, or an array is not as long as its gene.
        """

    @abstractmethod
    def fetch(self, contig: str, start: int, end: int, strand: str, gene_id: str | None = None) -> NDArray[np.float32]:
        """Scores of the 0-based forward interval ``[start, end)`` on one strand.

        Returns
        -------
        NDArray[float32], shape (end - start, 2)
            Donor and acceptor score, in [0, 1], in the direction of the strand: for ``-`` the first row is that of
            ``end - 1``. 0 where a sparse track has nothing; NaN where the source does not cover the position.

        Raises
        ------
        InputError
            If a score is outside [0, 1], or donor and acceptor of a position sum to more than 1.001.
        """

    @property
    @abstractmethod
    def sparse(self) -> bool:
        """Whether a position without a score has the score 0: low scores were left out of the files."""

    @property
    @abstractmethod
    def floor(self) -> ScoreFloor:
        """Floor and rounding of the scores."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What is written down about the source: kind, files (size, digest), floor, decimals. No path, no date."""

    @abstractmethod
    def close(self) -> None:
        """Close files, remove working files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
