"""The layout of figures: nothing is cut off, and nothing stands on anything else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from meta_models.analysis.importance.shap import add_group_legend
from meta_models.analysis.plots import style
from meta_models.analysis.plots.bins import draw_bin_losses
from meta_models.analysis.plots.distributions import Reliability, draw_reliability
from meta_models.analysis.plots.features import draw_bars, draw_beeswarm
from meta_models.schema import FeatureGroup

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

RNG = np.random.default_rng(5)
NAMES = [f"honeybee400_donor_{'x' * length}" for length in range(8)]


def bars() -> Figure:
    """Long names on the left of every axis, titles of two lines, a legend below, one place without axes."""
    figure, axes = style.new_figure(2, 3, width=4.0, height=2.6)
    for ax in [ax for row in axes for ax in row][:-1]:
        draw_bars(ax, NAMES, RNG.random(len(NAMES)), ["red"] * len(NAMES), title="first\nsecond", x_label="gain")
    axes[1][2].set_axis_off()
    figure.suptitle("Importance", fontsize=11)
    add_group_legend(figure, set(FeatureGroup))
    return figure


def bins() -> Figure:
    """Names of bins aslant below the axes, large numbers beside them."""
    figure, axes = style.new_figure(2, 2, width=4.0, height=2.8)
    for ax in (ax for row in axes for ax in row):
        names = ["0.001 to 0.0123", "1,000 to 25,000 nt"]
        draw_bin_losses(ax, names, 1e5 * RNG.random(2), RNG.random(2), title="errors", y_label="positions")
    return figure


def few_rounds() -> Figure:
    """Numbers that are longer once the axes are as high as they stay."""
    figure, axes = style.new_figure(1, 2, width=5.2, height=3.3)
    names = ["0 to 0.001", *["0.001 to 0.01"] * 9]
    for ax in axes[0]:
        draw_bin_losses(ax, names, np.linspace(0, 1.56, 10), RNG.random(10), title="log-loss", y_label="log-loss")
    figure.suptitle("By score", fontsize=11)
    return figure


def reliability() -> Figure:
    """A legend below the axes."""
    figure, axes = style.new_figure(1, 3, width=4.0, height=4.4)
    shares = np.linspace(0, 1, 5)
    curves = [Reliability(f"scorer {k}", shares, shares, "red") for k in range(4)]
    for ax in axes[0]:
        draw_reliability(ax, curves, title="donor")
    figure.suptitle("Reliability", fontsize=11)
    return figure


def beeswarm() -> Figure:
    """A colour bar, which shap takes from the room of the axes."""
    figure, axes = style.new_figure(1, 1, width=7.0, height=3.0)
    values, features = RNG.normal(size=(2, 60, len(NAMES))).astype(np.float32)
    draw_beeswarm(axes[0][0], values, features, NAMES, title="", shown=6, seed=0)
    figure.suptitle("Contributions", fontsize=11)
    return figure


def boxes(figure: Figure) -> list[Bbox]:
    """What axes with their labels, the title and the legends cover, in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    found = [ax.get_tightbbox(renderer) for ax in figure.axes]
    for ax in figure.axes:
        if (legend := ax.get_legend()) is not None:  # in the layout or not
            assert legend.get_window_extent(renderer).y0 >= 0
    others = [*figure.legends, *figure.findobj(lambda artist: artist is getattr(figure, "_suptitle", None))]
    return [box for box in [*found, *(other.get_window_extent(renderer) for other in others)] if box is not None]


@pytest.mark.parametrize("make", [bars, bins, few_rounds, reliability, beeswarm])
def test_all_labels_have_room(make: Callable[[], Figure]) -> None:
    with style.style():
        figure = style.settled(make())
        after = boxes(figure)
    assert len(after) >= 3
    (left, bottom), (right, top) = figure.bbox.get_points()
    for box in after:
        assert left <= box.x0 < box.x1 <= right
        assert bottom <= box.y0 < box.y1 <= top
    assert not [pair for pair in combinations(after, 2) if pair[0].overlaps(pair[1])]


def test_axes_are_of_one_size() -> None:
    with style.style():
        figure = style.settled(bars())
    sizes = np.array([ax.get_position().size for ax in figure.axes])
    assert np.ptp(sizes, axis=0) == pytest.approx([0.0, 0.0])


def test_names_that_are_too_long_leave_room_for_the_bars() -> None:
    with style.style():
        figure, axes = style.new_figure(1, 3, width=4.3, height=3.9)
        for ax in axes[0]:
            draw_bars(ax, ["x" * 300, "y"], np.array([1.0, 2.0]), ["red"] * 2, title="t", x_label="")
        drawn = style.png_bytes(style.settled(figure))
    assert drawn.startswith(b"\x89PNG")
    assert sum(ax.get_position().width for ax in figure.axes) == pytest.approx(0.25)


def label_positions(figure: Figure) -> np.ndarray:
    """Of the labels of all axes, in inches."""
    labels = [axis.label for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    points = [label.get_transform().transform(label.get_position()) for label in labels]
    return np.asarray(points) / figure.dpi


def test_labels_of_axes_stand_in_the_pdf_where_they_stand_in_the_png() -> None:
    with style.style():
        figure = style.settled(bins())
        FigureCanvasAgg(figure).draw()
        drawn = label_positions(figure)
        style.png_bytes(figure)
        style.pdf_bytes([figure])
    assert label_positions(figure) == pytest.approx(drawn, abs=0.005)
    assert np.ptp(drawn, axis=0).min() > 1


def test_the_layout_stays_when_it_is_settled_again() -> None:
    with style.style():
        figure = style.settled(bins())
        first = [ax.get_position().bounds for ax in figure.axes]
        second = [ax.get_position().bounds for ax in style.settled(figure).axes]
    assert np.asarray(second) == pytest.approx(np.asarray(first), abs=0.002)


def rows_with_one_axis() -> Figure:
    """Two rows of axes that share what stands on their left."""
    figure, axes = style.new_figure(2, 3, share_y=True)
    for number, row in enumerate(axes):
        for ax in row:
            ax.plot([0, 1], [0, 10.0 ** (4 * number)])
            ax.set(title="donor", xlabel="recall", ylabel="precision")
    return figure


def test_axes_of_a_row_that_share_their_y_axis_name_it_once() -> None:
    with style.style():
        figure = style.settled(rows_with_one_axis())
        after = boxes(figure)
    assert not [pair for pair in combinations(after, 2) if pair[0].overlaps(pair[1])]
    shown = [[label.get_visible() for label in (ax.yaxis.label, *ax.get_yticklabels())] for ax in figure.axes]
    assert [all(labels) for labels in shown] == [True, False, False] * 2
    assert not any(any(labels) for labels in (shown[1], shown[2], shown[4], shown[5]))
    assert figure.axes[0].get_ylim() != figure.axes[3].get_ylim()
    first, below = (figure.axes[k].get_position().x0 for k in (0, 3))
    assert first == below


def test_names_are_no_formulas() -> None:
    with style.style():
        figure, axes = style.new_figure(1, 1)
        draw_bars(axes[0][0], ["a$_$b", r"x$\y$", "$x$"], np.ones(3), ["red"] * 3, title="t$^$", x_label="")
        drawn = style.png_bytes(style.settled(figure))
    assert drawn.startswith(b"\x89PNG")
