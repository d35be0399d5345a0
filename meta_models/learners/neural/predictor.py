"""A fitted net: whole genes in, scores of every position out. Imported only where PyTorch is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.learners.genes_seam import GenePredictor, GeneTracks
from meta_models.learners.neural.batches import Piece, pieces_of
from meta_models.learners.neural.crops import TILE, cut
from meta_models.learners.neural.files import net_files
from meta_models.learners.neural.network import GeneNet
from meta_models.learners.neural.running import class_scores, one_thread
from meta_models.learners.neural.tracks import codes_of, numbers_of
from meta_models.learners.seam import Json
from meta_models.schema import CLASSES


class NetPredictor(GenePredictor):
    """A net that reads crops of a gene, on the grid that begins with the gene: the size of tiles changes nothing."""

    def __init__(self, net: GeneNet, *, device: str = "cpu") -> None:
        self.net, self.device = net.to(device).eval(), device
        self.base_models, self.evidence = net.plan.base_models, net.plan.evidence
        self.n_inputs, self.n_targets = net.plan.n_inputs, len(CLASSES)
        self._threads = 1

    def gene_scores(self, gene: GeneTracks, *, tile: int | None = None) -> NDArray[np.float32]:
        """Scores (length, n_classes)."""
        found = np.empty((gene.length, self.n_targets), np.float32)
        pieces = self.pieces(gene)
        for number, scores in self.piece_scores(pieces, tile or TILE):
            begin = pieces[number].first + pieces[number].core.start
            found[begin : begin + len(scores)] = scores
        if not np.isfinite(found).all():
            raise InputError(f"Scores of gene {gene.gene_id} must be numbers", "Found NaN", "The model file is damaged")
        return found

    def pieces(self, gene: GeneTracks) -> list[Piece]:
        """The crops of `gene` with their margins."""
        codes, numbers = codes_of(gene), numbers_of(gene, self.base_models, self.evidence)
        crops = cut(np.array([gene.length]), self.net.plan.crop, self.net.plan.margin, gene.flank)
        return pieces_of(codes, numbers, crops, gene.flank)

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
