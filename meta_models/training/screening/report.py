"""What screening found: one finding a feature and test, and the features it excludes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from numpy import int64
from numpy.typing import NDArray

#: Why evidence that tells of the label is not removed.
AS_EVIDENCE = "kept as evidence; made from the annotation it would tell the label"
#: Stands in the place of a feature's name in findings about the table itself.
TABLE = "(row order)"


class Verdict(StrEnum):
    """What became of a finding."""

    CLEAN = "clean"
    REPORTED = "reported"
    REMOVED = "removed"
    KEPT = "kept-by-request"


@dataclass(frozen=True)
class ScreeningFinding:
    """One row of ``leakage_screening.csv``; made by :func:`screen`.

    Attributes
    ----------
    feature : str
        Name of the feature, or :data:`TABLE`.
    test : str
        ``linear``, ``rank``, ``one-feature AP``, ``missing``, ``zero``, ``constant``, ``duplicate``, ``identifier``,
        ``row order`` or ``adds over base``.
    statistic : float or None
        None where it cannot be computed or the test has none; `reason` says which.
    target : str
        ``donor``, ``acceptor`` or ``site`` (either, against neither); empty where the test knows no class.
    """

    feature: str
    test: str
    statistic: float | None
    verdict: Verdict
    reason: str
    target: str = ""


@dataclass(frozen=True)
class ScreeningReport:
    """Returned by :func:`screen`.

    Attributes
    ----------
    findings : tuple of ScreeningFinding
        In the order of the features; those about the table come first.
    excluded : mapping of str to str
        Removed features and why, in the order of the features.
    genes : ndarray of int64
        Sorted codes of the genes that were looked at.
    """

    findings: tuple[ScreeningFinding, ...]
    excluded: Mapping[str, str]
    genes: NDArray[int64]

    def csv(self) -> str:
        """The text of ``leakage_screening.csv``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("feature", "test", "target", "statistic", "verdict", "reason"))
        for f in self.findings:
            statistic = "" if f.statistic is None else f"{f.statistic:.6g}"
            writer.writerow((f.feature, f.test, f.target, statistic, f.verdict.value, f.reason))
        return text.getvalue()

    def excluded_text(self) -> str:
        """The text of ``global_excluded_features.txt``: one name a line, as ``--exclude-features @FILE`` reads it."""
        return "".join(f"{name}\n" for name in self.excluded)

    def suspicious(self) -> tuple[ScreeningFinding, ...]:
        """The findings that are not clean."""
        return tuple(f for f in self.findings if f.verdict is not Verdict.CLEAN)

    def kept_evidence(self) -> tuple[ScreeningFinding, ...]:
        """The findings that evidence was kept in spite of."""
        return tuple(f for f in self.findings if f.reason.endswith(AS_EVIDENCE))
