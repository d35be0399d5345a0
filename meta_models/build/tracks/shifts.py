"""Moving scores by some bases: what ``--shift`` says, and a source of scores that does it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.build.scores.base import ScoreSource
from meta_models.build.tracks.changed import ChangedScores
from meta_models.errors import UsageError

#: Larger shifts are a mistake.
MAX_SHIFT = 50
_PART = re.compile(r"(donor|acceptor)(?:_(plus|minus))?=([+-]?\d{1,3})")


@dataclass(frozen=True)
class Shifts:
    """By how many bases each score is moved, in the direction of its strand: a score at p belongs to p + shift."""

    donor_plus: int = 0
    donor_minus: int = 0
    acceptor_plus: int = 0
    acceptor_minus: int = 0

    def of(self, strand: str) -> tuple[int, int]:
        """Shifts of donor and acceptor on a strand."""
        if strand == "+":
            return self.donor_plus, self.acceptor_plus
        return self.donor_minus, self.acceptor_minus

    def __bool__(self) -> bool:
        return any(asdict(self).values())

    def __str__(self) -> str:
        """As the option is written; both strands in one where they are the same."""
        if (self.donor_plus, self.acceptor_plus) == (self.donor_minus, self.acceptor_minus):
            return f"donor={self.donor_plus},acceptor={self.acceptor_plus}"
        return ",".join(f"{name}={shift}" for name, shift in asdict(self).items())


def parse_shift(text: str) -> tuple[str | None, Shifts]:
    """Read ``[KEY:]donor=0,acceptor=1``; a strand alone is ``donor_plus=1``.

    Returns
    -------
    tuple of (str or None, Shifts)
        The base model, None for all, and its shifts.

    Raises
    ------
    UsageError
        If it is written otherwise, or a shift is over 50.
    """
    key, colon, rest = text.rpartition(":")
    found: dict[str, int] = {}
    for part in rest.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None or abs(int(match[3])) > MAX_SHIFT or (colon and not key):
            raise UsageError(
                "--shift is check, auto or [KEY:]donor=N,acceptor=N (donor_plus=N for one strand), N from -50 to 50",
                f"Found {text!r}",
            )
        for strand in [match[2]] if match[2] else ["plus", "minus"]:
            found[f"{match[1]}_{strand}"] = int(match[3])
    return key or None, Shifts(**found)


class ShiftedScores(ChangedScores):
    """The scores of another source, moved.

    Parameters
    ----------
    source : ScoreSource
        Closed with this one.
    shifts : Shifts
        How far each score is moved.
    """

    def __init__(self, source: ScoreSource, shifts: Shifts) -> None:
        super().__init__(source)
        self.shifts = shifts

    def fetch(self, contig: str, start: int, end: int, strand: str, gene_id: str | None = None) -> NDArray[np.float32]:
        """As :meth:`ScoreSource.fetch`, each score where it belongs.

        A donor and an acceptor score that come from different positions may sum to more than 1.
        """
        shifts, n = self.shifts.of(strand), end - start
        if n <= 0 or not any(shifts):
            return self._source.fetch(contig, start, end, strand, gene_id)
        # in the direction of the strand, position q has what the source has at q - shift
        before, after = max(0, *shifts), max(0, *(-shift for shift in shifts))
        left, right = (before, after) if strand == "+" else (after, before)
        wide = self._source.fetch(contig, start - left, end + right, strand, gene_id)
        columns = [wide[before - shift : before - shift + n, k] for k, shift in enumerate(shifts)]
        return np.stack(columns, axis=1)

    def facts(self) -> dict[str, Any]:
        """As the source's, and the shifts."""
        return {**self._source.facts(), "shifts": asdict(self.shifts)}
