"""Motif scores of splice sites: how much likelier the bases around a position are at sites than elsewhere.

The bases follow a Markov chain of first order whose transitions differ from place to place: one chain for the bases
around sites, one for those around all other positions. The score is the log of the ratio of both likelihoods. As the
chains are counted on labels, they are fitted on the rows of training alone, inside each fold.

References
----------
Salzberg, A method for identifying splice sites and translational start sites in eukaryotic mRNA, CABIOS 13 (1997).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.features.groups.sequence import base_column
from meta_models.features.inputs import BASES, N_CODE, Floats32
from meta_models.schema import SITE_CLASSES, SpliceClass

#: First and last base of the motif of each kind of site, from the position of the site.
WINDOWS: dict[SpliceClass, tuple[int, int]] = {SpliceClass.DONOR: (-3, 5), SpliceClass.ACCEPTOR: (-22, 2)}
#: Bases around a position that stand in the columns :data:`MOTIF_COLUMNS`.
_FIRST, _LAST = -22, 6
#: The columns of base codes that motifs are fitted on and computed from, in order.
MOTIF_COLUMNS: tuple[str, ...] = tuple(base_column(shift) for shift in range(_FIRST, _LAST + 1))
#: Names of the two scores.
MOTIF_SCORES: tuple[str, str] = ("motif_donor", "motif_acceptor")

_CODES = len(BASES)
#: Added to the count of each transition, so that none that was not seen is impossible.
_PSEUDOCOUNT = 1.0
_ROWS_AT_A_TIME = 65_536


@dataclass(frozen=True)
class Motifs:
    """Log odds of transitions; made by :func:`fit_motifs` or :meth:`from_arrays`.

    Attributes
    ----------
    donor : ndarray of float32, (9, 5, 5)
        For each base of the window, by the code of the base before and its own: log of its probability around donors
        over that around other positions. 0 where either base is unknown. The first base has no base before: its rows
        are alike.
    acceptor : ndarray of float32, (25, 5, 5)
    """

    donor: Floats32
    acceptor: Floats32

    def scores(self, codes: NDArray[np.floating[Any]]) -> Floats32:
        """Motif score of every row as donor and as acceptor.

        Parameters
        ----------
        codes : ndarray, (n, 29)
            The columns :data:`MOTIF_COLUMNS`; NaN is an unknown base.

        Returns
        -------
        ndarray of float32, (n, 2)
            Natural log of the ratio of likelihoods.

        Raises
        ------
        InputError
            Where a code is none of a base.
        """
        out = np.zeros((len(codes), len(SITE_CLASSES)), np.float32)
        for start in range(0, len(codes), _ROWS_AT_A_TIME):
            chunk = slice(start, start + _ROWS_AT_A_TIME)
            bases = _checked(codes[chunk])
            for kind, table in enumerate((self.donor, self.acceptor)):
                out[chunk, kind] = _log_odds(_transitions(bases, SITE_CLASSES[kind]), table)
        return out

    def to_arrays(self) -> dict[str, Floats32]:
        """The tables by name, for a file."""
        return dict(zip(MOTIF_SCORES, (self.donor, self.acceptor), strict=True))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Motifs:
        """The motifs whose tables stand in `arrays`, as :meth:`to_arrays` gave them.

        Raises
        ------
        InputError
            Where a table is absent, or has another shape or type, or holds a number that is not finite.
        """
        return cls(*(_table(arrays, name, kind) for name, kind in zip(MOTIF_SCORES, SITE_CLASSES, strict=True)))


class MotifCounts:
    """Transitions around sites and around all other positions, counted chunk by chunk."""

    def __init__(self) -> None:
        self._seen = {
            (kind, sites): np.zeros((last - first + 1, _CODES**2))
            for kind, (first, last) in WINDOWS.items()
            for sites in (True, False)
        }
        self._labels: set[int] = set()

    def add(
        self, codes: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]], weights: NDArray[np.floating[Any]]
    ) -> None:
        """Count rows, given as to :func:`fit_motifs`; raises InputError where a code is none of a base."""
        bases = _checked(codes)
        self._labels.update(np.unique(labels).tolist())
        for (kind, sites), counts in self._seen.items():
            rows = (labels == kind) == sites
            own, of_rows = _transitions(bases[rows], kind), weights[rows]
            for place, seen in enumerate(counts):
                seen += np.bincount(own[:, place], of_rows, minlength=_CODES**2)

    def motifs(self) -> Motifs:
        """The motifs of what was counted.

        Raises
        ------
        InputError
            Where there was no donor, no acceptor or no other position.
        """
        if len(self._labels) < len(SpliceClass):
            names = ", ".join(SpliceClass(label).label for label in sorted(self._labels))
            raise InputError("motifs are fitted on donors, acceptors and other positions", f"found {names or 'no row'}")
        return Motifs(*(self._log_odds(kind) for kind in SITE_CLASSES))

    def _log_odds(self, kind: SpliceClass) -> Floats32:
        at_sites, elsewhere = (self._seen[kind, sites] for sites in (True, False))
        out = np.zeros((len(at_sites), _CODES, _CODES), np.float32)
        for place, counts in enumerate(zip(at_sites, elsewhere, strict=True)):
            sites, others = (_log_probabilities(seen, place) for seen in counts)
            out[place, :N_CODE, :N_CODE] = sites - others
        return out


def fit_motifs(
    codes: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]], weights: NDArray[np.floating[Any]]
) -> Motifs:
    """Count the transitions around sites and around all other positions.

    Parameters
    ----------
    codes : ndarray, (n, 29)
        The columns :data:`MOTIF_COLUMNS` of the rows of training; NaN is an unknown base.
    labels : ndarray of int, (n,)
        :class:`~meta_models.schema.SpliceClass` of each row.
    weights : ndarray, (n,)
        Positions that each row stands for.

    Raises
    ------
    InputError
        If there is no donor, no acceptor or no other position among the rows, or a code is none of a base.
    """
    counts = MotifCounts()
    counts.add(codes, labels, weights)
    return counts.motifs()


def motif_windows() -> tuple[tuple[int, int], ...]:
    """Where the window of each of :data:`MOTIF_SCORES` begins and ends (exclusive) among :data:`MOTIF_COLUMNS`."""
    return tuple((first - _FIRST, last - _FIRST + 1) for first, last in (WINDOWS[kind] for kind in SITE_CLASSES))


def _checked(codes: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Codes as whole numbers."""
    if codes.ndim != len(("rows", "columns")) or codes.shape[1] != len(MOTIF_COLUMNS):
        raise InputError(f"base codes have {len(MOTIF_COLUMNS)} columns", f"found an array {codes.shape}")
    known = np.nan_to_num(codes, nan=N_CODE)
    whole: NDArray[np.intp] = known.astype(np.intp)
    if whole.size and (np.any(whole != known) or whole.min() < 0 or whole.max() > N_CODE):
        raise InputError("base codes are the whole numbers 0 to 4", f"found {known.min():g} to {known.max():g}")
    return whole


def _transitions(bases: NDArray[np.intp], kind: SpliceClass) -> NDArray[np.intp]:
    """Index of the transition to each base of the motif in the flat table of its place, (n, L).

    The first base of the window is taken to follow itself; its table does not tell from what it comes.
    """
    first, last = (shift - _FIRST for shift in WINDOWS[kind])
    own = bases[:, first : last + 1]
    before = np.concatenate([own[:, :1], own[:, :-1]], axis=1)
    return np.asarray(before * _CODES + own)


def _log_odds(transitions: NDArray[np.intp], table: Floats32) -> NDArray[np.float64]:
    """Sum of the log odds of each row's transitions, base by base, (n,)."""
    total = np.zeros(len(transitions))
    for place, log_odds in enumerate(table.reshape(len(table), -1)):
        total += log_odds[transitions[:, place]]
    return total


def _log_probabilities(seen: NDArray[np.float64], place: int) -> NDArray[np.float64]:
    """Log probability of each base after each base, (4, 4), from flat counts; at the first place whatever before."""
    table = seen.reshape(_CODES, _CODES)[:N_CODE, :N_CODE]
    counts = (np.broadcast_to(table.sum(axis=0), table.shape) if place == 0 else table) + _PSEUDOCOUNT
    return np.asarray(np.log(counts / counts.sum(axis=1, keepdims=True)))


def _table(arrays: Mapping[str, NDArray[Any]], name: str, kind: SpliceClass) -> Floats32:
    first, last = WINDOWS[kind]
    shape, table = (last - first + 1, _CODES, _CODES), arrays.get(name)
    if table is None or table.shape != shape or table.dtype != np.float32 or not np.isfinite(table).all():
        found = "nothing" if table is None else f"{table.dtype} {table.shape}"
        raise InputError(f"{name} is a table of finite float32 {shape}", f"found {found}")
    return table
