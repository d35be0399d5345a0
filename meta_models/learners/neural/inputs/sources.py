"""What a net is trained on, piece by piece: crops of genes, or windows around rows. numpy only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.neural.inputs.batches import Piece, piece_of, targets_of
from meta_models.learners.neural.inputs.crops import Bools, Crops, Ints
from meta_models.learners.neural.inputs.gene_cache import GeneCache

Floats = NDArray[np.float64]


class PieceSource(ABC):
    """Pieces by their numbers."""

    @property
    @abstractmethod
    def spans(self) -> Ints:
        """Positions of each piece, margins included, (n_pieces,)."""

    @property
    @abstractmethod
    def sites(self) -> Bools:
        """Whether there is a donor or an acceptor in each piece, (n_pieces,)."""

    @abstractmethod
    def piece(self, number: int) -> Piece:
        """A piece."""

    @abstractmethod
    def targets(self, numbers: Ints, positions: int) -> NDArray[np.int64]:
        """Labels (n, positions) of pieces in a batch; -1 in margins, in padding, and where there is none."""

    @abstractmethod
    def counts(self, numbers: Ints) -> NDArray[np.float32]:
        """What a position of each of the pieces counts in the loss, (n,)."""

    @abstractmethod
    def total(self, among: Bools) -> float:
        """What all labelled positions count together that training on the pieces `among` (n_pieces,) is about."""

    @abstractmethod
    def scale(self, among: Bools) -> tuple[Floats, Floats]:
        """Mean and standard deviation (n_numbers,) of the tracks of numbers there."""

    @abstractmethod
    def log_shares(self, among: Bools) -> Floats:
        """Logarithm of the share of each class (n_classes,) there, as if each had been seen once more."""


@dataclass(frozen=True)
class GenePieces(PieceSource):
    """Crops of genes. What is summed over some of them is summed over the whole of their genes."""

    cache: GeneCache
    crops: Crops

    @property
    def spans(self) -> Ints:
        """Positions of each crop with its margins."""
        return self.crops.spans

    @property
    def sites(self) -> Bools:
        """Of the crops."""
        return self.crops.sites

    def piece(self, number: int) -> Piece:
        """A crop from the cache."""
        return piece_of(self.cache, self.crops, number)

    def targets(self, numbers: Ints, positions: int) -> NDArray[np.int64]:
        """What the genes say."""
        return targets_of(self.cache, self.crops, numbers, positions)

    def counts(self, numbers: Ints) -> NDArray[np.float32]:
        """All count the same: they are every position of a gene, not a sample."""
        return np.ones(len(numbers), np.float32)

    def total(self, among: Bools) -> float:
        """Labelled positions."""
        return float(self.cache.sums.classes[self._genes(among)].sum())

    def scale(self, among: Bools) -> tuple[Floats, Floats]:
        """Flanks included."""
        return self.cache.sums.scale(self._genes(among))

    def log_shares(self, among: Bools) -> Floats:
        """Of their positions."""
        return self.cache.sums.log_shares(self._genes(among))

    def _genes(self, among: Bools) -> Bools:
        genes = np.zeros(len(self.cache.lengths), np.bool_)
        genes[self.crops.gene[among]] = True
        return genes
