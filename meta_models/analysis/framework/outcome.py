"""What an analysis hands back: its status with the reason, what was found, tables and pictures for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from meta_models.analysis.plots.sheets import Sheet
from meta_models.result import Note


class Status(StrEnum):
    """How an analysis ended."""

    PASSED = "passed"
    FINDING = "finding"
    NOT_APPLICABLE = "not applicable"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class ReportTable:
    """A table of the report.

    Attributes
    ----------
    title, caption : str
        Heading, and one or two sentences on how to read it.
    frame : polars.DataFrame
        What is shown. The whole table stands in `file`.
    file : str
        Artifact with all rows, ``""`` where the table is in none.
    """

    title: str
    frame: pl.DataFrame
    caption: str = ""
    file: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes
    ----------
    title, caption : str
        Heading, and how to read it. `caption` doubles as the description for those who cannot see the picture.
    png : bytes
        The picture.
    file : str
        Artifact with the same picture.
    """

    title: str
    caption: str
    png: bytes
    file: str


@dataclass(frozen=True)
class Outcome:
    """Returned by :meth:`meta_models.analysis.framework.base.Analysis.run`.

    Attributes
    ----------
    reason : str
        Why the analysis is not applicable, was skipped or failed; otherwise what it looked at (rows, sample, seed).
    findings : tuple of Note
        What the reader must know; any ``"warning"`` among them makes the status ``finding``.
    artifacts : tuple of str
        Names of the files it wrote, in order.
    sheets : tuple of Sheet
        Figures that are still to be drawn; the runner turns them into `pictures` and `artifacts`.
    traceback : str
        Of a failed analysis.
    missed_targets : int
        Limits of the user that were missed (the targets analysis only).
    """

    code: str
    title: str
    status: Status
    reason: str = ""
    findings: tuple[Note, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    pictures: tuple[Picture, ...] = ()
    artifacts: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    traceback: str = ""
    missed_targets: int = 0

    def with_files(self, files: Mapping[str, bytes]) -> Outcome:
        """The outcome with its sheets drawn, whose content by name is `files`."""
        shown = [page for sheet in self.sheets for page in sheet.pages if page.file]
        pictures = tuple(Picture(page.title, page.caption, files[page.file], page.file) for page in shown)
        return replace(self, pictures=pictures, artifacts=(*self.artifacts, *files), sheets=())

    def to_json(self) -> dict[str, object]:
        """Plain values for ``analysis_outcomes.json``, without tables and pictures."""
        return {
            "code": self.code,
            "title": self.title,
            "status": self.status.value,
            "reason": self.reason,
            "findings": [{"level": note.level, "text": note.text} for note in self.findings],
            "artifacts": list(self.artifacts),
            "traceback": self.traceback,
        }
