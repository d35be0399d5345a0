"""Figures on their way to files: an analysis makes them, the runner has them drawn while the next one computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meta_models.analysis.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: Content of files by name.
Files = dict[str, bytes]


@dataclass(frozen=True)
class Page:
    """A figure, and the PNG that the report shows of it.

    Attributes
    ----------
    figure : matplotlib.figure.Figure or callable
        What makes it, where that takes long: it is called where the figure is drawn, in a process of its own that must
        not use polars.
    file : str
        Artifact; empty where the page stands in the PDF of its sheet only.
    title, caption : str
        As in :class:`~meta_models.analysis.framework.outcome.Picture`.
    """

    figure: Figure | Callable[[], Figure]
    file: str = ""
    title: str = ""
    caption: str = ""

    def made(self) -> Figure:
        """The figure, with the title of its page where its maker gave it none."""
        figure = self.figure() if callable(self.figure) else self.figure
        if self.title and not figure.get_suptitle():
            figure.suptitle(self.title, fontsize=11)
        return figure


@dataclass(frozen=True)
class Sheet:
    """Pages that are drawn together, and the PDF of all of them, if there is one."""

    pages: tuple[Page, ...]
    pdf: str = ""


@dataclass(frozen=True)
class Drawing:
    """The sheets of one analysis."""

    code: str
    sheets: tuple[Sheet, ...]

    def __str__(self) -> str:
        return f"the figures of {self.code}"


def draw(drawing: Drawing) -> Files:
    """The files of `drawing` by name: of each sheet the PNG of every page that has one, then the PDF."""
    files: Files = {}
    with style.style():
        for sheet in drawing.sheets:
            figures = [style.settled(page.made()) for page in sheet.pages]
            pages = zip(sheet.pages, figures, strict=True)
            files |= {page.file: style.png_bytes(figure) for page, figure in pages if page.file}
            if sheet.pdf:
                files[sheet.pdf] = style.pdf_bytes(figures)
    return files
