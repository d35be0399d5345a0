"""Where the axes of a figure stand: every label has room, found by looking at each of them once.

matplotlib's own engines ask every axis for its labels at least twice more, which took a third of all drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

#: Inches around each of the axes with its labels.
_GAP = 0.05
#: The most that labels may take of the width or height of a figure.
_MOST = 0.75
_MOST_LOOKS = 3


@dataclass(frozen=True)
class _Overhang:
    """What stands out of the place of some axes, in pixels: labels, titles, colour bars."""

    place: SubplotSpec
    left: float
    right: float
    bottom: float
    top: float


def settle(figure: Figure, renderer: RendererBase) -> None:
    """Move the grid of axes so that labels, title and the legends of the figure have room; all axes are of one size.

    Where axes of another height get other ticks, whose numbers may be longer, it looks again.
    """
    for _ in range(_MOST_LOOKS):
        before = _ticks(figure)
        _move(figure, renderer)
        if _ticks(figure) == before:
            return


def _ticks(figure: Figure) -> list[list[float]]:
    return [list(ax.yaxis.get_majorticklocs()) for ax in figure.axes]


def _move(figure: Figure, renderer: RendererBase) -> None:
    width, height = figure.bbox.size
    gap = _GAP * figure.dpi
    around = [found for ax in figure.axes if (found := _overhang(figure, ax, renderer)) is not None]
    if not around:
        return
    head, foot = _head(figure, renderer, gap), _foot(figure, renderer, gap)
    rows, columns = around[0].place.get_gridspec().get_geometry()

    left, right, wspace = _shares(
        width,
        columns,
        gap + max(o.left for o in around if o.place.is_first_col()),
        2 * gap
        + _between(
            [o.right for o in around if not o.place.is_last_col()],
            [o.left for o in around if not o.place.is_first_col()],
        ),
        gap + max(o.right for o in around if o.place.is_last_col()),
    )
    bottom, top, hspace = _shares(
        height,
        rows,
        gap + foot + max(o.bottom for o in around if o.place.is_last_row()),
        2 * gap
        + _between(
            [o.bottom for o in around if not o.place.is_last_row()],
            [o.top for o in around if not o.place.is_first_row()],
        ),
        gap + head + max(o.top for o in around if o.place.is_first_row()),
    )
    figure.subplots_adjust(left=left, right=right, wspace=wspace, bottom=bottom, top=top, hspace=hspace)


def keep_label_positions(figure: Figure) -> None:
    """Leave the labels of all axes where the last drawing put them; the next one need not look for it again."""
    from matplotlib.transforms import blended_transform_factory

    for ax in figure.axes:
        x, y = ax.xaxis.label.get_position()
        ax.xaxis.set_label_coords(x, y / figure.dpi, blended_transform_factory(ax.transAxes, figure.dpi_scale_trans))
        x, y = ax.yaxis.label.get_position()
        ax.yaxis.set_label_coords(x / figure.dpi, y, blended_transform_factory(figure.dpi_scale_trans, ax.transAxes))


def _shares(size: float, count: int, before: float, between: float, after: float) -> tuple[float, float, float]:
    """Where `count` axes begin and end in `size`, as shares of it, and the gaps between them, as shares of one of them.

    Labels get `_MOST` of the size: what is longer, as a name of 200 letters, runs over its neighbours.
    """
    labels = before + (count - 1) * between + after
    kept = min(1.0, _MOST * size / labels)
    one = (size - kept * labels) / count
    return kept * before / size, 1 - kept * after / size, kept * between / one


def _overhang(figure: Figure, ax: Axes, renderer: RendererBase) -> _Overhang | None:
    spec, box = ax.get_subplotspec(), ax.get_tightbbox(renderer, for_layout_only=True)
    if spec is None or box is None:
        return None
    place = spec.get_topmost_subplotspec()
    (x0, y0), (x1, y1) = figure.transSubfigure.transform(place.get_position(figure))
    return _Overhang(place, x0 - box.x0, box.x1 - x1, y0 - box.y0, box.y1 - y1)


def _between(before: list[float], after: list[float]) -> float:
    return max(before, default=0.0) + max(after, default=0.0)


def _head(figure: Figure, renderer: RendererBase, gap: float) -> float:
    """Height of the title, which is put at the upper edge."""
    if not figure.get_suptitle():
        return 0.0
    title = figure.suptitle(figure.get_suptitle(), y=1 - gap / figure.bbox.height, va="top")
    return float(title.get_window_extent(renderer).height) + 2 * gap


def _foot(figure: Figure, renderer: RendererBase, gap: float) -> float:
    """Height of the legends, which stand at the lower edge."""
    return max((float(legend.get_window_extent(renderer).height) + gap for legend in figure.legends), default=0.0)
