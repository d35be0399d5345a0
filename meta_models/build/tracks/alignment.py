"""Whether the scores stand where the sequence says: measured at the strongest positions, not believed.

A donor is the last base of an exon, followed by GT (or GC); an acceptor the first base of one, preceded by AG. At the
strongest positions of a track nearly all must have it. Where they do at another shift, with donor and acceptor
exchanged, or on the other strand, the track is laid out otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.genome import A, C, G, Genome, T, reverse_complement
from meta_models.build.inputs.regions import Region
from meta_models.build.scores.base import ScoreSource
from meta_models.build.scores.checks import SCORES
from meta_models.build.tracks.score_cache import ScoreCache
from meta_models.build.tracks.shifts import Shifts
from meta_models.errors import InputError

__all__ = [
    "ENOUGH",
    "FEWEST",
    "SHIFTS",
    "STRONGEST",
    "Alignment",
    "Measured",
    "Region",
    "measure_shift",
    "require_aligned",
]

logger = logging.getLogger(__name__)
#: Shifts that are looked at.
SHIFTS = tuple(range(-3, 4))
#: Positions of each score and strand that are looked at, and the fewest that tell anything.
STRONGEST, FEWEST = 200, 12
#: Weaker scores are no predictions of a site.
_WEAKEST = 0.1
#: The share that says where the sites are; true layouts have about .97, wrong ones under .35.
ENOUGH = 0.5
_SIDE = 8


@dataclass(frozen=True)
class Measured:
    """What the strongest positions of one score on one strand have around them.

    Attributes
    ----------
    score, strand : str
        ``"donor"`` or ``"acceptor"``; ``"+"`` or ``"-"``.
    count : int
        Positions looked at.
    shares : tuple of float
        For each of `SHIFTS`: share of positions p with the right bases around p + shift.
    exchanged : tuple of float
        The same for the bases of the other score.
    antisense, antisense_exchanged : tuple of float
        Both on the other strand; shifts are in its direction.
    """

    score: str
    strand: str
    count: int
    shares: tuple[float, ...]
    exchanged: tuple[float, ...]
    antisense: tuple[float, ...]
    antisense_exchanged: tuple[float, ...]

    @property
    def enough(self) -> bool:
        """Whether there are positions enough to tell anything."""
        return self.count >= FEWEST

    @property
    def shift(self) -> int | None:
        """The shift at which the right bases are; None if at none."""
        others = max(*self.exchanged, *self.antisense, *self.antisense_exchanged)
        best = int(np.argmax(self.shares))
        return SHIFTS[best] if self.enough and self.shares[best] >= max(ENOUGH, others) else None


@dataclass(frozen=True)
class Alignment:
    """How the scores of a base model lie on a genome. Made by :func:`measure_shift`.

    Attributes
    ----------
    key : str
        The base model.
    measured : tuple of Measured
        Donor and acceptor on ``+``, then on ``-``.
    """

    key: str
    what: str
    measured: tuple[Measured, ...]

    @property
    def shifts(self) -> Shifts:
        """The shifts that bring all scores to their places, 0 where nothing can be told."""
        return Shifts(**{_field(m): m.shift or 0 for m in self.measured})

    def facts(self) -> list[dict[str, Any]]:
        """Counts and shares, for ``dataset_info.json``."""
        return [asdict(measured) for measured in self.measured]


def measure_shift(source: ScoreSource, genome: Genome, regions: Iterable[Region]) -> Alignment:
    """Look at the strongest positions of each score and strand in some regions.

    Both strands of each region are looked at: where they are exchanged, the strong scores lie on the other one.

    Parameters
    ----------
    source : ScoreSource
        With the contigs of `genome` matched and genes placed.
    regions : iterable of Region
        Genes, or a sample of them; they should not overlap much.

    Raises
    ------
    InputError
        If a score is none.
    """
    found, cache = {(score, strand): _Strongest() for strand in "+-" for score in range(2)}, ScoreCache()
    for region, strand in ((region, strand) for region in regions for strand in "+-"):
        scores = cache.fetch(source, region.contig, region.start, region.end, strand, region.gene_id or "")
        codes = _sense(genome, region, strand)
        for score in range(2):
            found[score, strand].add(scores[:, score], codes)
    measured = tuple(_measured(score, strand, strongest) for (score, strand), strongest in found.items())
    return Alignment(source.key, source.what, measured)


def require_aligned(alignments: Sequence[Alignment]) -> None:
    """Refuse scores that do not lie where the sequence says.

    Those of too few strong positions each are judged together; where these are too few as well, it is logged.

    Raises
    ------
    InputError
        Which score of which base model it is, and what it looks like: another shift (with the option that mends it),
        donor and acceptor exchanged, the strands exchanged, or another genome.
    """
    for alignment in alignments:
        told = [measured for measured in alignment.measured if measured.enough]
        for measured in alignment.measured:
            if not measured.enough:
                logger.warning(
                    "%s: the %s scores of strand %s reach %s at %d positions only: their shift was not checked",
                    alignment.what, measured.score, measured.strand, _WEAKEST, measured.count,
                )  # fmt: skip
        if wrong := [measured for measured in told if measured.shift is None]:
            raise _nowhere(alignment, wrong)
        if any(measured.shift for measured in told):
            raise _shifted(alignment, told)
        _require_few_aligned(alignment)


def _require_few_aligned(alignment: Alignment) -> None:
    """Refuse if scores of few positions each, which a few regions have, are mostly wrong when taken together."""
    few = [measured for measured in alignment.measured if not measured.enough]
    count = sum(measured.count for measured in few)
    right = round(sum(measured.count * measured.shares[SHIFTS.index(0)] for measured in few))
    if count >= FEWEST and right < ENOUGH * count:
        raise InputError(
            f"{alignment.what}: the strongest positions must be the exon's bases next to GT or GC, and AG",
            f"Found {right} of {count} there ({', '.join(_likeliest(m) for m in few if m.count)})",
            "Too few to say how the scores lie: look at more genes or regions, which tells a shift from an exchange",
        )


def _likeliest(measured: Measured) -> str:
    best = int(np.argmax(measured.shares))
    most = round(measured.shares[best] * measured.count)
    return f"{measured.score} {measured.strand} most at {SHIFTS[best]:+d}, {most} of {measured.count}"


class _Strongest:
    """The strongest positions that came, with the codes around each."""

    def __init__(self) -> None:
        self._scores = np.empty(0, np.float32)
        self._around = np.empty((0, 2 * _SIDE + 1), np.uint8)

    def add(self, scores: NDArray[np.float32], codes: NDArray[np.uint8]) -> None:
        """Take the scores of a region, shape (n,), and its codes with `_SIDE` more on each side, both in its sense."""
        least = max(_WEAKEST, float(self._scores[-1]) if len(self._scores) == STRONGEST else 0)
        at = np.flatnonzero(scores >= least)
        if not len(at):
            return
        windows = np.lib.stride_tricks.sliding_window_view(codes, 2 * _SIDE + 1)[at]
        all_scores = np.concatenate([self._scores, scores[at]])
        order = np.argsort(-all_scores, kind="stable")[:STRONGEST]
        self._scores = all_scores[order]
        self._around = np.concatenate([self._around, windows])[order]

    @property
    def around(self) -> NDArray[np.uint8]:
        """Codes around each position, shape (n, 17), the position in the middle."""
        return self._around


def _sense(genome: Genome, region: Region, strand: str) -> NDArray[np.uint8]:
    codes = genome.fetch(region.contig, region.start - _SIDE, region.end + _SIDE)
    return codes if strand == "+" else reverse_complement(codes)


def _measured(score: int, strand: str, strongest: _Strongest) -> Measured:
    around = strongest.around
    other = np.stack([reverse_complement(row) for row in around]) if len(around) else around
    return Measured(
        SCORES[score], strand, len(around),
        _shares(around, score), _shares(around, 1 - score), _shares(other, score), _shares(other, 1 - score),
    )  # fmt: skip


def _shares(around: NDArray[np.uint8], score: int) -> tuple[float, ...]:
    """Share of rows with the bases of a donor (0) or acceptor (1) at each shift."""
    return tuple(float(_fits(around, _SIDE + shift, score).mean()) if len(around) else 0.0 for shift in SHIFTS)


def _fits(around: NDArray[np.uint8], at: int, score: int) -> NDArray[np.bool_]:
    if score == 0:
        donor: NDArray[np.bool_] = (around[:, at + 1] == G) & np.isin(around[:, at + 2], (T, C))
        return donor
    acceptor: NDArray[np.bool_] = (around[:, at - 2] == A) & (around[:, at - 1] == G)
    return acceptor


def _field(measured: Measured) -> str:
    return f"{measured.score}_{'plus' if measured.strand == '+' else 'minus'}"


def _shifted(alignment: Alignment, told: Sequence[Measured]) -> InputError:
    at = SHIFTS.index(0)
    shares = ", ".join(
        f"{m.score} {m.strand} at {m.shift:+d} ({max(m.shares):.2f}; {m.shares[at]:.2f} at 0)" for m in told
    )
    return InputError(
        f"{alignment.what}: the strongest positions must be the exon's bases next to GT and AG",
        f"Found most of them at a shift: {shares}",
        f"Give --shift {alignment.key}:{alignment.shifts}, or --shift auto",
    )


def _nowhere(alignment: Alignment, wrong: Sequence[Measured]) -> InputError:
    m = wrong[0]
    most, span = round(max(m.shares) * m.count), f"{SHIFTS[0]:+d} to {SHIFTS[-1]:+d}"
    return InputError(
        f"{alignment.what}: the strongest {m.score} scores of strand {m.strand} must be next to"
        f" {'GT or GC' if m.score == SCORES[0] else 'AG'}",
        f"Found at most {most} of {m.count} there, whatever shift was tried ({span}). {_diagnosis(alignment, m)}",
    )


def _diagnosis(alignment: Alignment, wrong: Measured) -> str:
    """What the counts say is the matter."""
    layouts = {
        "Donor and acceptor are exchanged: {} have the bases of the other. Swap the two": wrong.exchanged,
        "Plus and minus strand are exchanged: {} fit on the other strand. Swap the two": wrong.antisense,
        "Donor plus and acceptor minus, and donor minus and acceptor plus, are exchanged: {} fit so. Swap them":
            wrong.antisense_exchanged,
    }  # fmt: skip
    likeliest = max(layouts, key=lambda text: max(layouts[text]))
    if max(layouts[likeliest]) > ENOUGH:
        return likeliest.format(f"{max(layouts[likeliest]):.2f}")
    good = {m.strand for m in alignment.measured if m.shift is not None}
    if wrong.strand == "-" and good == {"+"}:
        return "Strand + is right: were the scores of - given in the wrong direction, or for the wrong strand?"
    return "It looks like another genome, or another build of it: give the one that the scores were made for"
