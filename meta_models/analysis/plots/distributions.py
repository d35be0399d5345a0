"""Reliability diagrams and histograms of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """Mean probability and observed share of the bins that hold rows, (b,) each, and how they are drawn."""

    name: str
    predicted: Floats
    observed: Floats
    colour: str
    dashed: bool = False


def draw_reliability(ax: Axes, curves: Sequence[Reliability], *, title: str) -> Axes:
    """Observed share over predicted probability; the dotted line is perfect calibration."""
    ax.plot([0, 1], [0, 1], color="#9ca3af", ls=":", lw=1.2)
    for curve in curves:
        ax.plot(
            curve.predicted,
            curve.observed,
            marker="o",
            ms=4,
            color=curve.colour,
            ls="--" if curve.dashed else "-",
            label=curve.name,
        )
    ax.set(title=title, xlabel="predicted probability", ylabel="observed share", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if curves:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), fontsize=8)
    return ax


def draw_histogram(
    ax: Axes,
    edges: Floats,
    weights: Mapping[str, Floats],
    colours: Mapping[str, str],
    *,
    title: str,
    x_label: str,
    legend: bool = True,
) -> Axes:
    """Outlines of histograms over the same `edges` (b + 1,), logarithmic in height."""
    from meta_models.analysis.plots.logarithmic import make_logarithmic

    for name, values in weights.items():
        ax.stairs(values, edges, color=colours[name], label=name, lw=1.6)
        ax.stairs(values, edges, color=colours[name], fill=True, alpha=0.10)
    heights = np.concatenate(list(weights.values()))
    make_logarithmic(ax, "y")
    least = heights[heights > 0].min(initial=1.0)
    ax.set(
        title=title,
        xlabel=x_label,
        ylabel="positions",
        ylim=(least * 0.5, max(heights.max(initial=1.0) * 3, least * 10)),
    )
    if legend:
        ax.legend(title="true class", title_fontsize=8, loc="upper center", ncols=len(weights))
    return ax
