"""Crops side by side in arrays of one length, as a net reads them. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.neural.inputs.crops import Crops, Ints
from meta_models.learners.neural.inputs.gene_cache import GeneCache
from meta_models.learners.seam.genes import N_CODE, NOT_LABELLED, GeneTracks

#: Distances are brought to about 0 to 1.5 with it: log(1 + 1e6) / 10.
_DISTANCE_SCALE = 10.0

#: Batches are padded to a multiple of it: PyTorch keeps kernels for every shape that it has seen, 1 GB after an epoch.
PADDED_TO = 128


@dataclass(frozen=True)
class Piece:
    """A crop with its margins, as it lies in a gene.

    Attributes
    ----------
    codes : ndarray of uint8 (span,)
    numbers : ndarray of float16 (span, n_numbers)
    first : int
        Position in the gene of the first of them: negative in the flank before it.
    length : int
        Positions of the gene.
    core : slice
        The crop itself.
    """

    codes: NDArray[np.uint8]
    numbers: NDArray[np.float16]
    first: int
    length: int
    core: slice


@dataclass(frozen=True)
class Batch:
    """Arrays that a net reads, padded to the longest, and to a multiple of a few positions.

    Attributes
    ----------
    codes : ndarray of uint8 (n, positions)
    numbers : ndarray of float32 (n, n_numbers, positions)
    ends : ndarray of float32 (n, 2 or 0, positions)
    lengths : ndarray of int64 (n,)
    cores : tuple of slice
        Where the crops themselves lie.
    """

    codes: NDArray[np.uint8]
    numbers: NDArray[np.float32]
    ends: NDArray[np.float32]
    lengths: Ints
    cores: tuple[slice, ...]


def piece_of(cache: GeneCache, crops: Crops, number: int) -> Piece:
    """A crop from the cache."""
    gene, low, high = crops.gene[number], crops.low[number], crops.high[number]
    begin, end = int(cache.offsets[gene] + low), int(cache.offsets[gene] + high)
    return Piece(
        cache.codes.read(begin, end)[:, 0], cache.numbers.read(begin, end), int(low - cache.flank),
        int(cache.lengths[gene]), _core(crops, number, cache.flank),
    )  # fmt: skip


def pieces_of(gene: GeneTracks, numbers: NDArray[np.float16], crops: Crops) -> list[Piece]:
    """The crops of one gene, or of a part of one, that is in memory, with its tracks of numbers."""
    spans = [slice(int(low), int(high)) for low, high in zip(crops.low, crops.high, strict=True)]
    before = gene.offset - gene.flank
    return [
        Piece(
            gene.codes[span], numbers[span], span.start + before, gene.gene_length, _core(crops, number, gene.flank)
        )
        for number, span in enumerate(spans)
    ]  # fmt: skip


def batch_of(pieces: Sequence[Piece], *, ends: bool) -> Batch:
    """`pieces` side by side; padding is an unknown base, and missing."""
    lengths = np.array([len(piece.codes) for piece in pieces])
    shape = (len(pieces), -(-int(lengths.max()) // PADDED_TO) * PADDED_TO)
    codes = np.full(shape, N_CODE, np.uint8)
    numbers = np.full((shape[0], pieces[0].numbers.shape[1], shape[1]), np.nan, np.float32)
    distances = np.zeros((shape[0], 2 * ends, shape[1]), np.float32)
    for row, piece in enumerate(pieces):
        codes[row, : lengths[row]] = piece.codes
        numbers[row, :, : lengths[row]] = piece.numbers.T
        if ends:
            distances[row, :, : lengths[row]] = _distances(piece)
    return Batch(codes, numbers, distances, lengths, tuple(piece.core for piece in pieces))


def hide_models(batch: Batch, models: int, share: float, random: np.random.Generator) -> None:
    """Make each of the first `models` base models missing in about a `share` of the crops of `batch`, in place."""
    hidden = random.random((len(batch.lengths), models)) < share
    batch.numbers[:, : 2 * models][np.repeat(hidden, 2, axis=1)] = np.nan


def targets_of(cache: GeneCache, crops: Crops, numbers: Ints, positions: int) -> NDArray[np.int64]:
    """Labels (n, positions) of crops in a batch; -1 in margins, in padding, and where there is none."""
    targets = np.full((len(numbers), positions), -1, np.int64)
    for row, number in enumerate(numbers):
        core = _core(crops, number, cache.flank)
        begin = int(cache.offsets[crops.gene[number]] + crops.low[number])
        targets[row, core] = cache.labels.read(begin + core.start, begin + core.stop)[:, 0]
    targets[targets == NOT_LABELLED] = -1
    return targets


def _core(crops: Crops, number: int, flank: int) -> slice:
    begin = int(crops.start[number] + flank - crops.low[number])
    return slice(begin, begin + int(crops.stop[number] - crops.start[number]))


def _distances(piece: Piece) -> NDArray[np.float64]:
    """Logarithm of the distance to the gene's first and last position, 0 beyond them."""
    place = piece.first + np.arange(len(piece.codes))
    both = np.stack([place, piece.length - 1 - place])
    return np.asarray(np.log1p(np.maximum(both, 0)) / _DISTANCE_SCALE)
