"""Canonical or not: whether GT or AG stands where an intron begins or ends, from a column of bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from meta_models.schema import SEQUENCE, SpliceClass

if TYPE_CHECKING:
    from meta_models.analysis.comparison.sources import RowSource

CANONICAL, OTHERS = "GT or AG at the position", "neither GT nor AG at the position"
#: Where the dinucleotide may begin, from the middle base: a donor is the last base of an exon or the first of an
#: intron, an acceptor the last base of an intron or the first of an exon.
_PLACES = {SpliceClass.DONOR: ("GT", (1, 0)), SpliceClass.ACCEPTOR: ("AG", (-2, -1))}
#: Share of the true sites that must be canonical for a place to be believed: about 99 % are.
_LEAST_SHARE = 0.5


def with_dinucleotides(frame: pl.DataFrame, rows: RowSource | None) -> tuple[pl.DataFrame, dict[str, pl.Expr]]:
    """`frame` with a column that tells whether a row is canonical, and the two strata over it.

    Nothing is added where the table has no text column ``sequence`` (sense strand, the position in the middle), or
    where most true sites show no GT or AG in any place that one may look at.
    """
    flags = None if rows is None else rows.read_text(SEQUENCE, _looks())
    if flags is None:
        return frame, {}
    found = [_canonical(frame, flags, target) for target in _PLACES]
    if any(column is None for column in found):
        return frame, {}
    known = [column for column in found if column is not None]
    marked = frame.with_columns((known[0] | known[1]).alias(CANONICAL))
    return marked, {CANONICAL: pl.col(CANONICAL), OTHERS: ~pl.col(CANONICAL)}


def _looks() -> list[pl.Expr]:
    """One boolean column for each class and place."""
    bases = pl.col(SEQUENCE).str.to_uppercase().str.replace_all("U", "T")
    middle = pl.col(SEQUENCE).str.len_chars().cast(pl.Int64) // 2
    return [
        (bases.str.slice(middle + place, 2) == dinucleotide).alias(_name(target, place))
        for target, (dinucleotide, places) in _PLACES.items()
        for place in places
    ]


def _canonical(frame: pl.DataFrame, flags: pl.DataFrame, target: SpliceClass) -> pl.Series | None:
    """Which rows are canonical, looking where most true sites of the class are; None where hardly any is."""
    sites = flags.filter(frame["label"] == target.value)
    shares = {place: _share(sites[_name(target, place)]) for place in _PLACES[target][1]}
    best = max(shares, key=lambda place: shares[place])
    return flags[_name(target, best)].fill_null(value=False) if shares[best] >= _LEAST_SHARE else None


def _share(flags: pl.Series) -> float:
    return int(flags.sum()) / len(flags) if len(flags) else 0.0


def _name(target: SpliceClass, place: int) -> str:
    return f"{target.label}{place:+d}"
