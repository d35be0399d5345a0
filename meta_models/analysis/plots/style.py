"""How figures look and how they are turned into bytes: no display, no global state, no dates."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from meta_models.analysis.plots.layout import settle
from meta_models.schema import SpliceClass

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

_SETTINGS = "MPLCONFIGDIR"
#: Colours that differ for every common form of colour blindness: Okabe and Ito, "Color Universal Design" (2008).
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#6b7280",
)
META_COLOUR = BLUE
OPPONENT_COLOURS = (RED, ORANGE, PURPLE)
CLASS_COLOURS: dict[SpliceClass, str] = {
    SpliceClass.NEITHER: GREY,
    SpliceClass.DONOR: BLUE,
    SpliceClass.ACCEPTOR: ORANGE,
}
DPI = 110
#: Most steps from tick to tick along an axis that is not logarithmic: numbers take longer to draw than curves.
TICK_STEPS = 5

_RC: dict[Any, Any] = {
    "text.parse_math": False,  # names of features may hold a $
    "text.hinting": "no_hinting",  # shapes differ by less than a pixel; hinting took a tenth of all drawing
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # where it stands anyway; left open, every label of every axis is measured again to find it
    "axes.labelsize": 9.5,
    "axes.edgecolor": "#4b5563",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": True,
    "legend.framealpha": 0.88,
    "legend.edgecolor": "#e5e7eb",
    "xtick.bottom": False,  # the grid shows where
    "ytick.left": False,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "lines.linewidth": 1.8,
    "pdf.fonttype": 3,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def settings_in(folder: Path) -> Iterator[None]:
    """Within the block matplotlib, imported for the first time, keeps its list of fonts in `folder`, not in the home.

    Nor does it read settings of the user there, which would make other figures.
    """
    before = os.environ.get(_SETTINGS)
    os.environ[_SETTINGS] = str(folder)
    try:
        yield
    finally:
        del os.environ[_SETTINGS]
        os.environ |= {} if before is None else {_SETTINGS: before}


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure, for the time of the ``with`` block only."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):
        yield


def load() -> None:
    """Import all that drawing needs, which takes half a second: once here, not in each child that draws."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_pdf  # noqa: F401


def new_figure(
    n_rows: int, n_columns: int, *,
    width: float = 3.9, height: float = 3.4, share_x: bool = False, share_y: bool = False,
) -> tuple[Figure, list[list[Axes]]]:  # fmt: skip
    """A figure of `n_rows` by `n_columns` axes, each `width` by `height` inches; not registered anywhere.

    With `share_y` the axes of a row have one y axis, which is labelled at the first; with `share_x` those of a column
    one x axis, labelled at the last.
    """
    load()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * n_columns, height * n_rows))
    FigureCanvasAgg(figure)
    axes = figure.subplots(
        n_rows, n_columns, squeeze=False, sharex="col" if share_x else False, sharey="row" if share_y else False
    )
    for inner in axes[:, 1:].flat if share_y else ():
        inner.yaxis.label.set_visible(False)
    for inner in axes[:-1].flat if share_x else ():
        inner.xaxis.label.set_visible(False)
    for ax in axes.flat:
        ax.locator_params(nbins=TICK_STEPS)
    return figure, [list(row) for row in axes]


def settled(figure: Figure) -> Figure:
    """The figure with its layout, which PNG and PDF share."""
    figure.set_dpi(DPI)
    settle(figure, _agg(figure).get_renderer())  # type: ignore[no-untyped-call]
    return figure


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes each time."""
    from PIL import Image

    canvas = _agg(figure)  # not savefig: it goes through all artists twice, and keeps an empty alpha channel
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "png", dpi=(DPI, DPI), compress_level=1)
    return buffer.getvalue()


def _agg(figure: Figure) -> FigureCanvasAgg:
    """The canvas that :func:`new_figure` gave it: its renderer knows the sizes of the texts that it has measured."""
    return cast("FigureCanvasAgg", figure.canvas)


def pdf_bytes(pages: Sequence[Figure]) -> bytes:
    """The figures as the pages of one PDF without creation date."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages

    logging.getLogger("fontTools").setLevel(logging.WARNING)
    buffer = io.BytesIO()
    with PdfPages(buffer, metadata={"CreationDate": None, "ModDate": None, "Creator": "meta-models"}) as pdf:
        for page in pages:
            FigureCanvasPdf(page).print_pdf(pdf)  # type: ignore[no-untyped-call]
    return buffer.getvalue()
