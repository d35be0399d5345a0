"""The column ``sequence`` of a table of rows: the bases around each position, which is in the middle, on its strand.

Learners of genes read windows of it where there are no genes. Neighbouring rows they never read: which rows are
neighbours is how the table was sampled.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError, UsageError
from meta_models.features import BASES
from meta_models.schema import SEQUENCE
from meta_models.wording import counted

#: Rows of text that are looked at together.
CHECKED_ROWS = 16_384
_LETTERS = rf"^[{BASES}{BASES.lower()}]+$"
#: Characters of a wrong window, and lengths, that a refusal shows.
_SHOWN, _SHOWN_LENGTHS = 40, 10


def has_windows(dataset: Dataset) -> bool:
    """Whether the table has a text column ``sequence``."""
    return SEQUENCE in dataset.columns and dataset.kind(SEQUENCE) is Kind.STRING


def needs_genes(learner: str, dataset: str) -> UsageError:
    """The refusal of a table without such a column by a learner of genes."""
    return UsageError(
        f"{learner} reads whole genes",
        f"{dataset!r} is a table of rows without a text column {SEQUENCE!r}: windows over neighbouring rows of a "
        "sampled table learn how it was sampled, and are worse on every position",
        "Give --dataset a folder that 'meta-models build' made, which has genes/, or a table whose column "
        f"{SEQUENCE!r} holds the bases around each position",
    )


def window_of(dataset: Dataset, needed: int = 0) -> int:
    """Bases of each window of a table that has them; the column alone is read, once.

    Parameters
    ----------
    needed : int
        Bases of the windows that a model reads: those of the table must not be shorter.

    Raises
    ------
    InputError
        If a window is missing, has other letters than ACGTN, or windows are not of one odd length, or too short.
    """
    check = WindowCheck(dataset.source)
    for frame in dataset.iter_frames([pl.col(SEQUENCE).cast(pl.String)], CHECKED_ROWS):
        check.add(frame[SEQUENCE])
    return check.window(needed)


@dataclass
class WindowCheck:
    """Looks at windows, frame by frame, and refuses such as are none.

    Attributes
    ----------
    source : str
        What the table is called.
    rows : int
        Rows that were looked at.
    lengths : Counter of int
        Rows by the bases of their window.
    """

    source: str
    rows: int = 0
    lengths: Counter[int] = field(default_factory=Counter)

    def add(self, text: pl.Series) -> None:
        """Look at the windows of the next rows.

        Raises
        ------
        InputError
            If one is missing or has other letters.
        """
        good = text.str.contains(_LETTERS).fill_null(value=False)
        if not good.all():
            self._refuse(text, int((~good).arg_true()[0]))
        found = text.str.len_bytes().value_counts()
        self.lengths.update(dict(found.iter_rows()))
        self.rows += len(text)

    def window(self, needed: int = 0) -> int:
        """Bases of each window.

        Raises
        ------
        InputError
            If windows are of several lengths, of an even one, or shorter than `needed`.
        """
        longest = max(self.lengths, default=0)
        if len(self.lengths) > 1 or longest % 2 == 0:
            raise self._wrong(
                "have windows of one odd length, the position in the middle",
                f"Pad them with N to {longest + 1 - longest % 2} bases, on the side where bases are missing",
            )
        if longest < needed:
            raise self._wrong(
                f"have windows of {needed} bases, as those that the model was trained on", "Take longer windows"
            )
        return longest

    def _refuse(self, text: pl.Series, place: int) -> None:
        value = text[place]
        shown = "nothing" if value is None else repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
        raise InputError(
            f"The column {SEQUENCE!r} of {self.source!r} must hold the letters ACGTN alone",
            f"Found {shown} in row {self.rows + place + 1:,} (counted from 1)",
            "Write N for every base that is not known",
        )

    def _wrong(self, expected: str, action: str) -> InputError:
        told = sorted(self.lengths.items())
        found = ", ".join(f"{length} bases in {counted(rows, 'row')}" for length, rows in told[:_SHOWN_LENGTHS])
        more = f" and {len(told) - _SHOWN_LENGTHS} other lengths" if len(told) > _SHOWN_LENGTHS else ""
        return InputError(
            f"The column {SEQUENCE!r} of {self.source!r} must {expected}", f"Found {found or 'no rows'}{more}", action
        )


def window_codes(text: pl.Series, window: int) -> NDArray[np.uint8]:
    """Codes (n, window) of the middle bases of windows that are as long or longer, all of one odd length.

    A, C, G, T and N are 0 to 4, in either case.
    """
    if not len(text):
        return np.empty((0, window), np.uint8)
    cut = (len(text[0]) - window) // 2
    joined = text.str.slice(cut, window).str.join("").item()
    return _CODES[np.frombuffer(joined.encode("ascii"), np.uint8)].reshape(len(text), window)


def _code_table() -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for letters in (BASES, BASES.lower()):
        table[list(letters.encode())] = np.arange(len(BASES))
    return table


_CODES = _code_table()
