"""How reads use each donor, or each acceptor: reads, partners, introns, entropies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.build.evidence.junctions import Junctions

MEASURES = (
    "unique", "multi", "partners", "intron_shortest", "intron_longest", "intron_main", "partner_entropy", "samples",
    "sample_entropy",
)  # fmt: skip
_NOTHING = np.array([np.nan if measure.startswith("intron") else 0 for measure in MEASURES], np.float32)
_Rows = NDArray[np.void]


@dataclass(frozen=True)
class SiteUse:
    """What :func:`site_use` found.

    Attributes
    ----------
    sites : dict of (str, str) to (NDArray[int64], NDArray[float32])
        For each contig and strand: 0-based forward positions, sorted, and their `MEASURES`, shape (n, 9).
    """

    sites: dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.float32]]]

    def fetch(self, contig: str | None, start: int, end: int, strand: str) -> NDArray[np.float32]:
        """Measures of ``[start, end)``, shape (end - start, 9), in forward order."""
        values = np.tile(_NOTHING, (end - start, 1))
        if contig is not None and (contig, strand) in self.sites:
            positions, measures = self.sites[contig, strand]
            first, last = np.searchsorted(positions, [start, end])
            values[positions[first:last] - start] = measures[first:last]
        return values


def site_use(junctions: Junctions, side: int) -> SiteUse:
    """Measure each site of one side: 0 donors, 1 acceptors."""
    rows = _by_site(junctions.rows, side)
    if not len(rows):
        return SiteUse({})
    starts = _starts(rows, ("contig", "strand", "site"))
    measures = np.stack(
        [
            np.add.reduceat(rows["unique"], starts), np.add.reduceat(rows["multi"], starts),
            *_partners(rows), *_spread(rows, "sample"),
        ],
        axis=1,
    ).astype(np.float32)  # fmt: skip
    sites = rows[starts]
    found = {}
    for contig, strand in np.unique(sites[["contig", "strand"]]):
        at = (sites["contig"] == contig) & (sites["strand"] == strand)
        found[junctions.contigs[contig], "+-"[strand]] = (sites["site"][at], measures[at])
    return SiteUse(found)


def _by_site(rows: _Rows, side: int) -> _Rows:
    """Junctions with their site on one side, its partner and all their reads, in the order of these."""
    kinds = [("contig", "<i4"), ("strand", "i1"), ("site", "<i8"), ("partner", "<i8"), ("sample", "<i4")]
    found = np.empty(len(rows), np.dtype([*kinds, *((name, "<f8") for name in ("unique", "multi", "reads"))]))
    for name in ("contig", "strand", "sample", "unique", "multi"):
        found[name] = rows[name]
    found["reads"] = rows["unique"] + rows["multi"]
    # the exon's bases beside the intron: the donor lies before it on +, behind it on -
    before, after = rows["first"] - 1, rows["last"] + 1
    is_before = (rows["strand"] == 0) == (side == 0)
    found["site"], found["partner"] = np.where(is_before, before, after), np.where(is_before, after, before)
    return found[np.lexsort([found[name] for name in ("sample", "partner", "site", "strand", "contig")])]


def _starts(rows: _Rows, names: tuple[str, ...]) -> NDArray[np.intp]:
    """Where rows with other values of `names` begin."""
    changed = np.zeros(len(rows), bool)
    changed[:1] = True
    for name in names:
        changed[1:] |= rows[name][1:] != rows[name][:-1]
    return np.flatnonzero(changed)


def _summed(rows: _Rows, name: str) -> _Rows:
    """One row a site and value of `name`, with the sum of its reads."""
    rows = rows[np.lexsort([rows[name], rows["site"], rows["strand"], rows["contig"]])]
    starts = _starts(rows, ("contig", "strand", "site", name))
    reads = np.add.reduceat(rows["reads"], starts)
    rows = rows[starts]
    rows["reads"] = reads
    return rows


def _spread(rows: _Rows, name: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """For each site: how many values of `name` have reads, and the entropy of the reads over them, in bits."""
    rows = _summed(rows, name)
    starts = _starts(rows, ("contig", "strand", "site"))
    sizes = np.diff(np.append(starts, len(rows)))
    shares = rows["reads"] / np.repeat(np.add.reduceat(rows["reads"], starts), sizes)
    return sizes, np.abs(np.add.reduceat(-shares * np.log2(shares), starts))


def _partners(rows: _Rows) -> tuple[NDArray[Any], ...]:
    """For each site: partners, shortest, longest and main intron, entropy over the partners."""
    each = _summed(rows, "partner")
    count, entropy = _spread(rows, "partner")
    length = np.abs(each["partner"] - each["site"]) - 1
    order = np.lexsort([length, -each["reads"], each["site"], each["strand"], each["contig"]])
    starts = _starts(each, ("contig", "strand", "site"))
    shortest, longest = np.minimum.reduceat(length, starts), np.maximum.reduceat(length, starts)
    return count, shortest, longest, length[order][starts], entropy
