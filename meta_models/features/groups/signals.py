"""What splice sites are made of, counted from the position as donor (last base of the exon) or acceptor (its first).

The donor's intron begins at +1, +2, mostly GT; the acceptor's ends at -2, -1, mostly AG, after a tract of pyrimidines
with no AG between the branch point and the site.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from meta_models.features.group import Column
from meta_models.features.inputs import N_CODE
from meta_models.features.layout import Layout
from meta_models.features.windows import Counts, Maxima, distance_back

_A, _C, _G, _T = range(N_CODE)
_TRACT = (-20, -3)  # bases of the share of pyrimidines
_LONGEST_RUN = 30
_NEAREST_BRANCH = 15
_PERFECT = 6
#: Codes of dinucleotides in the columns; 0 for any other.
_DONOR_CLASSES = ((_A, _T, 1), (_G, _C, 2), (_G, _T, 3))
_ACCEPTOR_CLASSES = ((_A, _C, 1), (_A, _G, 2))


def site_signals(codes: NDArray[np.uint8], layout: Layout, *, tract: int, exclusion: int) -> Iterator[Column]:
    """Dinucleotides, pyrimidine tract, AG exclusion and branch point.

    Parameters
    ----------
    codes : ndarray of uint8, (strip,)
    layout : Layout
    tract : int
        Bases before the position in which the run of pyrimidines and the branch point are looked for.
    exclusion : int
        Distances are cut here.

    Yields
    ------
    tuple of str and ndarray, (n,)
    """
    yield "donor_dinucleotide", _classes(layout.take(codes, 1), layout.take(codes, 2), _DONOR_CLASSES)
    yield "acceptor_dinucleotide", _classes(layout.take(codes, -2), layout.take(codes, -1), _ACCEPTOR_CLASSES)
    pyrimidines = (codes == _C) | (codes == _T)
    first, last = _TRACT
    yield "pyrimidine_share", Counts(pyrimidines, layout).over(first, last) / (last - first + 1)
    yield "pyrimidine_run", Maxima(_runs(pyrimidines), layout).over(-tract, last)
    ags = np.flatnonzero((codes[:-1] == _A) & (codes[1:] == _G))
    yield "ag_distance", distance_back(ags, layout.where, 2 + 2, exclusion)
    branch = _branch_points(codes, pyrimidines)
    yield "branch_point", Maxima(branch, layout).over(-tract, -_NEAREST_BRANCH)
    yield (
        "branch_point_distance",
        distance_back(np.flatnonzero(branch == _PERFECT), layout.where, _NEAREST_BRANCH, exclusion),
    )


def _classes(
    first: NDArray[np.uint8], second: NDArray[np.uint8], classes: tuple[tuple[int, int, int], ...]
) -> NDArray[np.int8]:
    found = np.zeros(len(first), np.int8)
    for one, two, code in classes:
        found[(first == one) & (second == two)] = code
    return found


def _runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Length of the run of flagged bases that ends at each base, up to 30."""
    places = np.arange(len(flags))
    last_other = np.maximum.accumulate(np.where(flags, -1, places))
    return np.minimum(places - last_other, _LONGEST_RUN)


def _branch_points(codes: NDArray[np.uint8], pyrimidines: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Likeness of the bases around each base to YTNAY with the A there: 2 for T and A, 1 for each Y; 6 is perfect."""
    likeness = np.zeros(len(codes), np.int8)
    likeness += 2 * (codes == _A).astype(np.int8)
    likeness[2:] += 2 * (codes[:-2] == _T).astype(np.int8)
    likeness[3:] += pyrimidines[:-3]
    likeness[:-1] += pyrimidines[1:]
    return likeness
