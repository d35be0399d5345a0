"""A fitted net: whole genes in, scores of every position out. Imported only where PyTorch is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.learners.neural.inputs.batches import Piece, pieces_of
from meta_models.learners.neural.inputs.crops import TILE, Crops, crops_of
from meta_models.learners.neural.inputs.tracks import Numbers, codes_of, numbers_of
from meta_models.learners.neural.inputs.window_cache import PIECES_AT_ONCE, middle, numbers_of_rows, window_piece
from meta_models.learners.neural.net.files import net_files
from meta_models.learners.neural.net.network import GeneNet
from meta_models.learners.neural.serving.explanation import Site, integrated_gradients, mutagenesis
from meta_models.learners.neural.serving.running import class_scores, one_thread
from meta_models.learners.seam import Json
from meta_models.learners.seam.genes import N_CODE, Attributions, GenePredictor, GeneTracks
from meta_models.learners.seam.windows import WindowRows
from meta_models.schema import CLASSES


class NetPredictor(GenePredictor):
    """A net that reads crops of a gene, on the grid that begins with the gene: the size of tiles changes nothing.

    Or windows around rows, one by one: of a gene, the tracks of numbers are known to it at the middle alone.
    """

    def __init__(self, net: GeneNet, *, device: str = "cpu") -> None:
        self.net, self.device = net.to(device).eval(), device
        self.base_models, self.evidence = net.plan.base_models, net.plan.evidence
        self.n_inputs = self.n_targets = len(CLASSES)
        self.reach, self.window = net.plan.reach_of_part, net.plan.window
        self._threads = 1

    def gene_scores(self, gene: GeneTracks, *, tile: int | None = None) -> NDArray[np.float32]:
        """Scores (length, n_classes)."""
        if self.window:
            return self.position_scores(gene, np.arange(gene.length))
        return self._of_pieces(gene, self.pieces(gene), tile or TILE)

    def position_scores(self, gene: GeneTracks, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores (n, n_classes) of `rows`; crops without any are not scored."""
        if not len(rows):
            return np.empty((0, self.n_targets), np.float32)
        if self.window:
            return self._of_windows(*_windows_of(gene, rows, self.window, self._numbers_of(gene)))
        return self._of_pieces(gene, self.pieces(gene, rows), TILE)[rows]

    def window_scores(self, rows: WindowRows) -> NDArray[np.float32]:
        """Scores (n, n_classes) of rows."""
        return self._of_windows(rows.codes, numbers_of_rows(rows.matrix, len(self.base_models)))

    def attributions(self, gene: GeneTracks, position: int, target: int) -> Attributions:
        """By integrated gradients."""
        return integrated_gradients(self.site(gene, position), target)

    def mutations(self, gene: GeneTracks, position: int, target: int, reach: int) -> NDArray[np.float32]:
        """By scoring each mutated sequence."""
        return mutagenesis(self.site(gene, position), target, reach=reach)

    def site(self, gene: GeneTracks, position: int) -> Site:
        """A position with all that its score depends on.

        Raises
        ------
        ValueError
            If the gene has no such position.
        """
        if not 0 <= position < gene.length:
            raise ValueError(f"gene {gene.gene_id} has positions 0 to {gene.length - 1}, found {position}")
        plan, rows = self.net.plan, np.array([position])
        size = 1 if plan.reach_of_part == plan.margin else plan.crop
        piece = self.pieces(gene, rows, crops_of(gene, size, plan.margin, rows))[0]
        return Site(self.net, self.device, gene, position, piece)

    def pieces(
        self, gene: GeneTracks, rows: NDArray[np.int64] | None = None, crops: Crops | None = None
    ) -> list[Piece]:
        """The crops of `gene`, or those of them that `rows` lie in, or `crops`, with their margins."""
        if crops is None:
            crops = crops_of(gene, self.net.plan.crop, self.net.plan.margin, rows)
        begin, end = int(crops.low[0]), int(crops.high[-1])
        read = gene.within(begin, end)
        read = replace(read, codes=codes_of(read))
        return pieces_of(read, self._numbers_of(read), crops.moved(begin, gene.flank))

    def _numbers_of(self, gene: GeneTracks) -> Numbers:
        return numbers_of(gene, self.base_models, self.evidence)

    def _of_windows(self, codes: NDArray[np.uint8], numbers: Numbers) -> NDArray[np.float32]:
        """Scores of windows (n, window) with tracks of numbers (n, n_numbers) in their middle."""
        found = np.empty((len(codes), self.n_targets), np.float32)
        for begin in range(0, len(codes), PIECES_AT_ONCE):
            some = middle(codes[begin : begin + PIECES_AT_ONCE], self.net.plan.margin)
            pieces = [window_piece(*each) for each in zip(some, numbers[begin : begin + PIECES_AT_ONCE], strict=True)]
            for number, scores in self.piece_scores(pieces, TILE):
                found[begin + number] = scores[0]
        if not np.isfinite(found).all():
            raise InputError("Scores of windows must be numbers", "Found NaN", "The model file is damaged")
        return found

    def _of_pieces(self, gene: GeneTracks, pieces: list[Piece], room: int) -> NDArray[np.float32]:
        """Scores (length, n_classes) of the positions of `pieces`; those of others are not set."""
        found = np.empty((gene.length, self.n_targets), np.float32)
        for number, scores in self.piece_scores(pieces, room):
            if not np.isfinite(scores).all():
                expected = f"Scores of gene {gene.gene_id} must be numbers"
                raise InputError(expected, "Found NaN", "The model file is damaged")
            first = pieces[number].first + pieces[number].core.start - gene.offset
            begin, end = max(first, 0), min(first + len(scores), gene.length)
            found[begin:end] = scores[begin - first : end - first]
        return found

    def piece_scores(self, pieces: list[Piece], room: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Scores of each piece with its number; `room` positions are in work at a time in each thread."""
        share = -(-len(pieces) // self._threads)
        parts = [range(begin, min(begin + share, len(pieces))) for begin in range(0, len(pieces), share)]
        with one_thread(), ThreadPoolExecutor(self._threads) as pool:
            for part, found in zip(parts, pool.map(lambda part: self._scored(pieces, part, room), parts), strict=True):
                yield from zip(part, found, strict=True)

    def _scored(self, pieces: list[Piece], part: range, room: int) -> list[NDArray[np.float32]]:
        with one_thread():
            return list(class_scores(self.net, pieces[part.start : part.stop], room, self.device))

    def files(self) -> dict[str, bytes]:
        """``net.json`` and ``weights.safetensors``."""
        return net_files(self.net)

    def facts(self) -> Mapping[str, Json]:
        """Weights of the net, how far it sees, and what the base models count in the mix."""
        plan = self.net.plan
        told: dict[str, Json] = {
            "weights": sum(parameter.numel() for parameter in self.net.parameters()),
            "positions_seen": 2 * plan.margin + 1,
        }  # fmt: skip
        if self.net.mixes:
            told["mix"] = dict(zip(plan.base_models, self.net.mix.tolist(), strict=True))
        return told

    def set_threads(self, n: int) -> None:
        """Score in `n` threads, each with crops of its own: the bytes are the same."""
        self._threads = n


def _windows_of(
    gene: GeneTracks, rows: NDArray[np.int64], window: int, numbers: Numbers
) -> tuple[NDArray[np.uint8], Numbers]:
    """Windows (n, window) around positions of `gene`, unknown bases beyond it, and the tracks of numbers there."""
    padded = np.pad(codes_of(gene), window // 2, constant_values=N_CODE)
    places = np.asarray(rows) + gene.flank
    return np.lib.stride_tricks.sliding_window_view(padded, window)[places], numbers[places]
