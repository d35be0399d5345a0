"""Curves with bands: ROC, precision-recall, F1 against the threshold, losses against the round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    Place = Literal["best", "lower left", "lower right", "lower center", "upper right"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """Lower and upper bound of a curve over `x`, (n,) each."""

    x: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Line:
    """One curve: points (n,), name for the legend, colour, a band and a marked point where there are any.

    With `steps` the value of a point holds from the point before it.
    """

    name: str
    x: Floats
    y: Floats
    colour: str
    band: Band | None = None
    dashed: bool = False
    mark: tuple[float, float] | None = None
    steps: bool = False


def draw_lines(
    ax: Axes, lines: Sequence[Line], *, title: str, x_label: str, y_label: str, legend: Place | None = "best"
) -> Axes:
    """Draw `lines` with their bands and marks on `ax`."""
    for line in lines:
        if line.band is not None:
            ax.fill_between(line.band.x, line.band.lower, line.band.upper, color=line.colour, alpha=0.16, lw=0)
        ax.plot(
            line.x,
            line.y,
            color=line.colour,
            label=line.name,
            ls="--" if line.dashed else "-",
            drawstyle="steps-pre" if line.steps else "default",
        )
        if line.mark is not None:
            ax.plot(*line.mark, marker="o", ms=6, color=line.colour, mec="white", mew=1.2, zorder=5)
    ax.set(title=title, xlabel=x_label, ylabel=y_label)
    if lines and legend is not None:
        ax.legend(loc=legend)
    return ax


def draw_pr(ax: Axes, lines: Sequence[Line], *, title: str, chance: float | None) -> Axes:
    """Precision over recall; the dotted line is what chance gives."""
    if chance is not None:
        ax.axhline(chance, color="#9ca3af", ls=":", lw=1.2)
    draw_lines(ax, lines, title=title, x_label="recall", y_label="precision", legend="lower left")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.03))
    return ax


def draw_roc(ax: Axes, lines: Sequence[Line], *, title: str, least_rate: float | None = None) -> Axes:
    """True over false positive rate; with `least_rate` the false positive rate is logarithmic from there."""
    from meta_models.analysis.plots.logarithmic import make_logarithmic

    label = "false positive rate"
    grid = np.geomspace(least_rate, 1, 200) if least_rate is not None else np.linspace(0, 1, 2)
    ax.plot(grid, grid, color="#9ca3af", ls=":", lw=1.2)
    logarithmic = least_rate is not None
    draw_lines(
        ax,
        lines,
        title=title,
        x_label=f"{label} (logarithmic)" if logarithmic else label,
        y_label="true positive rate",
        legend=None if logarithmic else "lower right",
    )
    if logarithmic:
        make_logarithmic(ax, "x")
    ax.set(xlim=(least_rate, 1.0) if logarithmic else (-0.01, 1.01), ylim=(-0.02, 1.03))
    return ax
