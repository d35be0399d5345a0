"""Where the axes of a figure and their labels stand: every label has room, found by looking at each of them once.

matplotlib's own engines ask every axis for its labels at least twice more, and each drawing once more to find where the
label of the axis goes, which took a third of all drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.transforms import BboxBase

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


def _shares(size: float, count: int, before: float, between: float, after: float) -> tuple[float, float, float]:
    """Where `count` axes begin and end in `size`, as shares of it, and the gaps between them, as shares of one of them.

    Labels get `_MOST` of the size: what is longer, as a name of 200 letters, runs over its neighbours.
    """
    labels = before + (count - 1) * between + after
    kept = min(1.0, _MOST * size / labels)
    one = (size - kept * labels) / count
    return kept * before / size, 1 - kept * after / size, kept * between / one


def _overhang(figure: Figure, ax: Axes, renderer: RendererBase) -> _Overhang | None:
    from matplotlib.transforms import Bbox

    spec, boxes = ax.get_subplotspec(), _axis_boxes(figure, ax, renderer) if ax.axison else []
    inside = ax.get_tightbbox(renderer, for_layout_only=True)
    if spec is None or inside is None:
        return None
    box, place = Bbox.union([inside, *boxes]), spec.get_topmost_subplotspec()
    (x0, y0), (x1, y1) = figure.transSubfigure.transform(place.get_position(figure))
    return _Overhang(place, x0 - box.x0, box.x1 - x1, y0 - box.y0, box.y1 - y1)


def _axis_boxes(figure: Figure, ax: Axes, renderer: RendererBase) -> list[BboxBase]:
    """Boxes of the numbers and of the label of both axes; puts the label beside the numbers, wherever the axes go.

    The length of a label is not counted: it would not be shorter elsewhere.
    """
    boxes: list[BboxBase] = []
    for axis in (ax.xaxis, ax.yaxis):
        shown = axis.label.get_visible()
        axis.label.set_visible(False)
        axis.set_label_coords(0.5, 0.5)
        numbers = axis.get_tightbbox(renderer)
        axis.set_in_layout(False)  # measured here: the box of the axes leaves it out
        axis.label.set_visible(shown)
        boxes += [] if numbers is None else [numbers]
        if shown and axis.label.get_text():
            boxes.append(_label_box(figure, axis, numbers or ax.bbox, renderer))
    return boxes


def _label_box(figure: Figure, axis: Axis, numbers: BboxBase, renderer: RendererBase) -> BboxBase:
    """Put the label of `axis` beside its `numbers`, and tell its box, as if it were short."""
    from matplotlib.transforms import Bbox, ScaledTranslation

    axes, across = axis.axes.bbox, 1 if axis is axis.axes.xaxis else 0  # the direction in which they stand out
    after = axis.get_label_position() in ("top", "right")
    out = numbers.max[across] - axes.max[across] if after else axes.min[across] - numbers.min[across]
    inches = max(out, 0.0) / figure.dpi + axis.labelpad / 72
    place, shift = [0.5, 0.5], [0.0, 0.0]
    place[across], shift[across] = float(after), inches if after else -inches
    moved = ScaledTranslation(shift[0], shift[1], figure.dpi_scale_trans)
    axis.set_label_coords(place[0], place[1], axis.axes.transAxes + moved)
    corners = np.array(axis.label.get_window_extent(renderer).get_points())
    corners[:, 1 - across] = corners[:, 1 - across].mean()
    return Bbox(corners)


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
