"""Points with intervals, one a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Interval:
    """A value with its bounds; NaN where there is none."""

    name: str
    value: float
    lower: float
    upper: float


def draw_intervals(ax: Axes, intervals: Sequence[Interval], *, title: str, x_label: str, colour: str) -> Axes:
    """Draw `intervals` from top to bottom beside a line at 0."""
    places = np.arange(len(intervals))
    values, lower, upper = (np.array([getattr(i, name) for i in intervals]) for name in ("value", "lower", "upper"))
    ax.axvline(0, color="#6b7280", lw=1)
    known = np.isfinite(lower)
    ax.hlines(places[known], lower[known], upper[known], color=colour, lw=2.4, alpha=0.55)
    ax.plot(values, places, "o", color=colour, ms=6, mec="white", mew=1)
    for place in places[~np.isfinite(values)]:
        ax.annotate("no figure", (0, place), xytext=(5, -3), textcoords="offset points", color="#6b7280", fontsize=8)
    ax.set_yticks(places, [i.name for i in intervals])
    ax.set(title=title, xlabel=x_label, ylim=(len(intervals) - 0.4, -0.6))
    return ax
