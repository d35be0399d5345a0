"""Rows that stand in a table twice: the same file in two forms, a whole beside its parts, a table appended twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.schema import CHROM, GENE, GENOMIC_POSITION, POSITION, STRAND, TEXT
from meta_models.wording import counted

#: Pairs of rows of which every column is compared.
MOST_COMPARED = 1_000
#: Without places: least number, and share of all sites of the table or of one file, that must stand twice.
LEAST_SITES, LEAST_SHARE, LEAST_FILE_SHARE = 5, 0.1, 0.5
#: Without places: share of the rows of the table that must stand twice, and least number of rows for that share and for
#: the one of a file. Of worm and human genes (3 to 900, every position or the rows of a table, scores of one or three
#: base models as they are or rounded to 1 to 5 places), chance alone repeats at most .088 of 100 rows and more, .32 of
#: 20 and more.
LEAST_ROW_SHARE, LEAST_ROWS, LEAST_FILE_ROWS = 0.15, 100, 20
#: Without places: share of the repeated sites that must have scores of their own; rounded scores coincide.
LEAST_DISTINCT = 0.9

_ROW, _KEY, _FIRST = "row", "key", "first"


@dataclass(frozen=True)
class _Twice:
    """Pairs of rows that are equal: those that were compared in every column, and how many pairs each stands for."""

    pairs: pl.DataFrame
    stands_for: float

    @property
    def count(self) -> int:
        """Rows that stand in the table again; an estimate where not all were compared."""
        return round(self.pairs.height * self.stands_for)

    @property
    def counted(self) -> str:
        """The number in words."""
        return f"{'about ' if self.stands_for > 1 else ''}{counted(self.count, 'row')}"


def refuse_repeats(dataset: Dataset, frame: pl.DataFrame, scores: Sequence[str]) -> tuple[str, ...]:
    """Refuse a table in which rows stand twice.

    Rows are the same where gene, place (``position``, or ``genomic_position``), label and scores are, and, of those of
    :data:`MOST_COMPARED` pairs at most, every feature. Without places, rows whose scores no other gene has are looked
    at (floors are everywhere): many of a gene that are alike to the last bit are no chance, of sites already some, and
    of fewer a reader is told.

    Parameters
    ----------
    frame : polars.DataFrame (n_rows, ...)
        The narrow columns of all rows in use of `dataset`, ``label`` and `scores` among them.

    Returns
    -------
    tuple of str
        What a reader should know of rows that repeat a place with other values, or a row without a place.

    Raises
    ------
    InputError
        With the number of such rows and the files that hold them.
    """
    where, rows = _place(frame), frame.with_row_index(_ROW)
    key = [c for c in (GENE, CHROM, STRAND, where) if c in frame.columns]
    if where is None:
        return _without_places(dataset, rows, key, scores)
    rows = rows.filter(pl.col(where).is_not_null())
    repeated = rows.height - rows.select(key).n_unique()
    if not repeated:
        return ()
    twice = _twice(dataset, rows, [*key, "label", *scores])
    if twice.count:
        raise _refusal(dataset, twice)
    told = f"{counted(repeated, 'row')} at the position of another row of their gene"
    labels = rows.group_by(key).agg(pl.col("label").n_unique())["label"]
    unlike = int((labels > 1).sum())
    unlike_told = f"; {counted(unlike, 'position')} with labels that contradict one another" if unlike else ""
    return (f"{told}{unlike_told}.",)


def _without_places(dataset: Dataset, rows: pl.DataFrame, key: Sequence[str], scores: Sequence[str]) -> tuple[str, ...]:
    """As `refuse_repeats`, where no column says which position of its gene a row is."""
    own = rows.select(_ROW, pl.col(GENE).to_physical(), pl.struct(scores).hash(1).alias(_KEY))
    one_gene = pl.col(GENE).min().over(_KEY) == pl.col(GENE).max().over(_KEY)
    looked_at = rows.join(own.filter(one_gene).select(_ROW), on=_ROW)
    twice = _twice(dataset, looked_at, [*key, "label", *scores])
    if not twice.count:
        return ()
    if _rows_beyond_chance(dataset, looked_at, twice) or _sites_beyond_chance(dataset, rows, key, scores):
        raise _refusal(dataset, twice)
    alike = f"At least {twice.counted} like another of their gene in every column ({_files(dataset, twice.pairs)})"
    reason = "the same row twice, or values too coarse to tell two positions apart"
    return (f"{alike}: {reason}; a column {POSITION!r} would tell which.",)


def _refusal(dataset: Dataset, twice: _Twice) -> InputError:
    return InputError(
        f"Each row of {dataset.source!r} must stand in it once",
        f"Found {twice.counted} again, {_files(dataset, twice.pairs)}",
        "Keep one of each",
    )


def _place(frame: pl.DataFrame) -> str | None:
    """The column that says which position of its gene a row is; None where the table does not tell."""
    known = (c for c in (POSITION, GENOMIC_POSITION) if c in frame.columns)
    return next((c for c in known if frame[c].null_count() < frame.height), None)


def _twice(dataset: Dataset, rows: pl.DataFrame, columns: Sequence[str]) -> _Twice:
    """Rows that are equal to an earlier one, in `columns` and then everywhere."""
    keyed = rows.select(_ROW, pl.struct(columns).hash(1).alias(_KEY))
    keyed = keyed.with_columns(pl.col(_ROW).first().over(_KEY).alias(_FIRST))
    pairs = keyed.filter(pl.col(_ROW) != pl.col(_FIRST)).select(_FIRST, _ROW).sort(_ROW)
    compared = pairs.gather_every(max(1, pairs.height // MOST_COMPARED)).head(MOST_COMPARED)
    same = pl.Series(_same_everywhere(dataset, compared), dtype=pl.Boolean)
    return _Twice(compared.filter(same), pairs.height / max(1, compared.height))


def _same_everywhere(dataset: Dataset, pairs: pl.DataFrame) -> NDArray[np.bool_]:
    """Whether the two rows of each pair (k,) agree in every feature, and in the text that says what they are of."""
    if not pairs.height:
        return np.empty(0, bool)
    rows = np.unique(pairs.to_numpy())
    mask = np.zeros(dataset.n_rows, bool)
    mask[rows] = True
    texts = [c for c in dataset.columns if c in TEXT and dataset.kind(c) is Kind.STRING]
    columns = [*(pl.col(c).cast(pl.String) for c in texts), *(pl.col(c).cast(pl.Float64) for c in dataset.features)]
    frames = dataset.with_rows(mask).iter_frames([pl.struct(columns).hash(1).alias(_KEY)], len(rows))
    found = pl.concat(frames)[_KEY].to_numpy()
    first, again = (found[np.searchsorted(rows, pairs[name].to_numpy())] for name in (_FIRST, _ROW))
    return np.asarray(first == again)


def _rows_beyond_chance(dataset: Dataset, rows: pl.DataFrame, twice: _Twice) -> bool:
    """Whether too many of `rows`, of all those whose scores no other gene has, stand `twice` for chance."""
    of_table = twice.count / rows.height if rows.height >= LEAST_ROWS else 0
    return of_table >= LEAST_ROW_SHARE or _share_of_a_file(dataset, rows, twice, LEAST_FILE_ROWS) >= LEAST_FILE_SHARE


def _sites_beyond_chance(dataset: Dataset, rows: pl.DataFrame, key: Sequence[str], scores: Sequence[str]) -> bool:
    """Whether sites that repeat one another are too many for chance, and have scores of their own."""
    sites = rows.filter(pl.col("label") > 0)
    twice = _twice(dataset, sites, [*key, "label", *scores])
    repeated = sites.join(twice.pairs.select(_ROW), on=_ROW)
    if repeated.height < LEAST_SITES:
        return False
    if repeated.select(*scores).n_unique() < LEAST_DISTINCT * repeated.select(GENE, *scores).n_unique():
        return False
    of_table = twice.count / sites.height
    return of_table >= LEAST_SHARE or _share_of_a_file(dataset, sites, twice) >= LEAST_FILE_SHARE


def _share_of_a_file(dataset: Dataset, rows: pl.DataFrame, twice: _Twice, least: int = 1) -> float:
    """The greatest share of a file's `rows` that stand `twice`, of files with at `least` so many."""
    of_file, first, again = (
        np.bincount(_file_of(dataset, numbers), minlength=len(dataset.files))
        for numbers in (rows[_ROW], twice.pairs[_FIRST], twice.pairs[_ROW])
    )
    share = np.maximum(first, again) * twice.stands_for / np.maximum(of_file, 1)
    return float(share[of_file >= least].max(initial=0))


def _file_of(dataset: Dataset, rows: pl.Series) -> NDArray[np.int64]:
    """Number of the file of each of the rows in use."""
    ends = np.cumsum([file.rows for file in dataset.files])
    on_disk = rows.to_numpy() if dataset.row_mask is None else np.flatnonzero(dataset.row_mask)[rows.to_numpy()]
    return np.searchsorted(ends, on_disk, side="right")


def _files(dataset: Dataset, pairs: pl.DataFrame) -> str:
    """Which files repeat which, for the message."""
    names = [file.origin.name for file in dataset.files]
    places = np.column_stack([_file_of(dataset, pairs[_FIRST]), _file_of(dataset, pairs[_ROW])])
    found, counts = np.unique(places, axis=0, return_counts=True)
    shown = found[np.argsort(-counts, kind="stable")[:5]].tolist()
    return "; ".join(f"in {names[a]!r}" if a == b else f"in {names[a]!r} and {names[b]!r}" for a, b in shown)
