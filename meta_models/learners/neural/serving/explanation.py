"""Why a net scores a position as it does: integrated gradients, and mutations in the computer.

Arrays only. Imported only where PyTorch is there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meta_models.learners.neural.inputs.batches import Batch, Piece, batch_of
from meta_models.learners.neural.inputs.crops import TILE
from meta_models.learners.neural.net.network import GeneNet
from meta_models.learners.neural.serving.running import one_thread, run_net
from meta_models.learners.seam.genes import N_CODE, Attributions, GeneTracks


@dataclass(frozen=True)
class Site:
    """A position of a gene whose score is explained, 0-based, and all that its score depends on."""

    net: GeneNet
    device: str
    gene: GeneTracks
    position: int
    piece: Piece

    @property
    def place(self) -> int:
        """Where in the piece the position is."""
        return self.position + self.gene.offset - self.piece.first


def integrated_gradients(site: Site, target: int, *, steps: int = 64) -> Attributions:
    """Gradients on the way from nothing known (no base, average numbers) to the gene as it is, times the way.

    Parameters
    ----------
    site : Site
    target : int
        The class whose log-odds are explained.
    steps : int
        Points on the way; what is attributed sums up the better the more there are.

    References
    ----------
    Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks".
    """
    batch = batch_of([site.piece], ends=site.net.plan.ends)
    with one_thread():
        way = _Way(site.net, batch, site.place, target, site.device)
        bases, numbers = way.attributed(steps)
        start, end = way.log_odds(np.array([0.0, 1.0]))
    span = len(site.piece.codes)
    return _attributions(site, (bases[:span], numbers[:span]), (start, end))


def mutagenesis(site: Site, target: int, *, reach: int = 20) -> NDArray[np.float32]:
    """How the log-odds of class `target` at a position change with each base around it, (2 reach + 1, 4).

    0 for the base that is there, NaN where nothing is known of the gene. Base scores and evidence stay what they are:
    the answer is that of the net alone, not of the base models.
    """
    codes, place, gene = site.piece.codes, site.place, site.gene
    rows = [(row, base) for row in range(place - reach, place + reach + 1) for base in range(N_CODE)]
    within = [(row, base) for row, base in rows if 0 <= row < len(codes)]
    with one_thread():
        before = _of_codes(site, target, [codes])
        after = _of_codes(site, target, [_mutated(codes, *change) for change in within])
    found = np.full((2 * reach + 1, N_CODE), np.nan, np.float32)
    first = site.position + gene.flank - reach
    found[max(-first, 0) : len(gene.codes) - first] = 0  # what lies beyond all that the score depends on
    for (row, base), value in zip(within, after - before, strict=True):
        found[row - place + reach, base] = 0 if codes[row] == base else value
    return found


class _Way:
    """The straight way from nothing known to all that is known."""

    def __init__(self, net: GeneNet, batch: Batch, place: int, target: int, device: str) -> None:
        self.net, self.place, self.target = net, place, target
        self.bases = net.one_hot(torch.from_numpy(batch.codes).to(device))
        self.numbers = torch.from_numpy(batch.numbers).to(device)
        self.centre = torch.where(self.numbers.isnan(), torch.nan, net.centre[:, None])
        self.ends = torch.from_numpy(batch.ends).to(device)
        self.lengths = torch.from_numpy(batch.lengths).to(device)

    def at(self, shares: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
        """Bases and numbers when each of `shares` of the way is gone, side by side."""
        gone = torch.from_numpy(shares.astype(np.float32)).to(self.bases.device)[:, None, None]
        return self.bases * gone, self.centre + (self.numbers - self.centre) * gone

    def log_odds(self, shares: NDArray[np.float64]) -> list[float]:
        """The log-odds there."""
        with torch.inference_mode():
            return [float(value) for value in self._values(*self.at(shares))]

    def attributed(self, steps: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What each base (positions, 4) and number (positions, n_numbers) adds; what is missing adds nothing."""
        total = [torch.zeros_like(self.bases), torch.zeros_like(self.numbers)]
        shares, room = (np.arange(steps) + 0.5) / steps, max(1, TILE // self.bases.shape[2])
        for begin in range(0, steps, room):
            inputs = [part.requires_grad_() for part in self.at(shares[begin : begin + room])]
            found = torch.autograd.grad(self._values(*inputs).sum(), inputs, allow_unused=True)
            for whole, gradient in zip(total, found, strict=True):
                whole += 0 if gradient is None else gradient.nan_to_num(0.0).sum(0, keepdim=True) / steps
        ways = (self.bases, (self.numbers - self.centre).nan_to_num(0.0))
        bases, numbers = ((gradient * way)[0].T.cpu().numpy() for gradient, way in zip(total, ways, strict=True))
        return bases, numbers

    def _values(self, bases: Tensor, numbers: Tensor) -> Tensor:
        points = len(bases)
        found = self.net(bases, numbers, self.ends.expand(points, -1, -1), self.lengths.expand(points))
        return _one_against_rest(found[:, :, self.place].T, self.target)


def _attributions(
    site: Site, parts: tuple[NDArray[np.float32], NDArray[np.float32]], odds: tuple[float, float]
) -> Attributions:
    bases, numbers = parts
    plan = site.net.plan
    models = {key: numbers[:, 2 * k : 2 * k + 2] for k, key in enumerate(plan.base_models)}
    evidence = {name: numbers[:, k] for k, name in enumerate(plan.evidence, 2 * len(models))}
    return Attributions(site.piece.first, bases, models, evidence, *odds)


def _of_codes(site: Site, target: int, variants: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Log-odds at the site with each of the sequences."""
    found, room = [], max(1, TILE // len(site.piece.codes))
    for begin in range(0, len(variants), room):
        some = [replace(site.piece, codes=codes) for codes in variants[begin : begin + room]]
        batch = batch_of(some, ends=site.net.plan.ends)
        with torch.inference_mode():
            scores = run_net(site.net, batch, site.device)[:, :, site.place]
            found.append(_one_against_rest(scores.T, target).cpu().numpy())
    return np.concatenate(found)


def _mutated(codes: NDArray[np.uint8], row: int, base: int) -> NDArray[np.uint8]:
    changed = codes.copy()
    changed[row] = base
    return changed


def _one_against_rest(log_probabilities: Tensor, target: int) -> Tensor:
    """Log-odds of a class from the log-probabilities (n_classes, ...) of all; exact where it is nearly certain."""
    rest = [kind for kind in range(len(log_probabilities)) if kind != target]
    return log_probabilities[target] - log_probabilities[rest].logsumexp(0)
