"""Rows that are read in one go: runs of a file, and many small files together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from meta_models.dataset.reading.files import TableFile

#: Files that one scan has open; opening a scan takes longer than reading a small file.
MOST_FILES = 100


@dataclass(frozen=True)
class Run:
    """Consecutive rows of one file.

    Attributes
    ----------
    offset, rows : int
        First row within the file, and how many.
    first : int
        Number of the first row among all rows on disk.
    """

    file: TableFile
    offset: int
    rows: int
    first: int

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return self.rows == self.file.rows


def together(runs: Iterable[Run], most: int) -> Iterator[list[Run]]:
    """Groups of consecutive runs for one scan each: whole files of the same columns, at most `most` rows together."""
    group: list[Run] = []
    for run in runs:
        if group and not (
            len(group) < MOST_FILES
            and sum(held.rows for held in group) + run.rows <= most
            and group[-1].is_whole
            and run.is_whole
            and _alike(group[-1].file, run.file)
        ):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _alike(one: TableFile, other: TableFile) -> bool:
    """Whether files have the same columns of the same types in the same order, and all else that a scan depends on."""
    own = {name: getattr(other, name) for name in ("path", "row_groups", "origin", "sha256", "stamp")}
    as_other = replace(one, **own)
    return as_other == other and list(one.types) == list(other.types)
