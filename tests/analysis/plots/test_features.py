"""Dependence plots of scores, whose values span decades."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from meta_models.analysis.plots.features import add_colour_legend, draw_dependence


@pytest.mark.parametrize("decades", range(3, 13))
def test_numbers_beside_a_logarithmic_axis_do_not_overprint(decades: int) -> None:
    figure = Figure(figsize=(3.7, 2.7), dpi=100)
    ax = figure.add_subplot()
    feature = np.concatenate([[0.0], np.logspace(-decades, 0, 200)]).astype(np.float32)
    draw_dependence(ax, feature, feature, {"all": np.ones(201, bool)}, {"all": "black"}, title="score")
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    assert len(boxes) >= 3
    assert all(left.x1 + 2 < right.x0 for left, right in pairwise(boxes))


def test_a_legend_names_each_colour() -> None:
    figure = Figure(layout="constrained")
    figure.add_subplot()
    add_colour_legend(figure, {"one": "red", "several": "blue"})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "several"]
