"""Plots of features: bars, dependence and beeswarm."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats32 = NDArray[np.float32]
#: Values of which a quarter lies so far below the high end get a logarithmic axis.
_MANY_DECADES = 100.0
#: Ticks of a logarithmic axis besides 0.
_TICKS = 4
#: Room of such an axis from 0 to the power of ten where it begins, in decades.
_DECADES_TO_0 = 0.2
#: Share of the axis that the number beside 0 takes.
_NUMBER = 0.12


def draw_bars(
    ax: Axes, names: Sequence[str], values: NDArray[np.float64], colours: Sequence[str], *, title: str, x_label: str
) -> Axes:
    """Horizontal bars, the first on top."""
    places = np.arange(len(names))
    ax.barh(places, values, color=list(colours), height=0.72)
    ax.set_yticks(places, list(names))
    ax.set(title=title, xlabel=x_label, ylim=(len(names) - 0.4, -0.6))
    ax.grid(visible=False, axis="y")
    return ax


def add_colour_legend(figure: Figure, colours: Mapping[str, str]) -> None:
    """What each colour stands for, under the axes."""
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8.5)


def draw_beeswarm(
    ax: Axes, values: Floats32, features: Floats32, names: Sequence[str], *, title: str, shown: int, seed: int
) -> Axes:
    """Draw shap's beeswarm of contributions (n, F), coloured by feature values; repeatable by `seed`."""
    with warnings.catch_warnings():
        # shap 0.51 builds its colour maps with calls that matplotlib 3.11 is going to deprecate
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        from shap import Explanation
        from shap.plots import beeswarm

    explanation = Explanation(values=values, data=features, feature_names=list(names))
    with numpy_seed(seed):
        beeswarm(explanation, max_display=shown, ax=ax, show=False, plot_size=None, group_remaining_features=False)
    ax.set(title=title, xlabel="contribution to the log-odds (SHAP value)")
    ax.tick_params(axis="y", labelsize=8.5)
    ax.tick_params(axis="x", labelsize=8.5)
    ax.xaxis.label.set_fontsize(9.5)
    for bar in ax.figure.axes:
        if bar is not ax:
            bar.tick_params(labelsize=8.5)
            bar.yaxis.label.set_fontsize(9.5)
    return ax


def draw_dependence(
    ax: Axes,
    feature: Floats32,
    values: Floats32,
    groups: Mapping[str, NDArray[np.bool_]],
    colours: Mapping[str, str],
    *,
    title: str,
) -> Axes:
    """Contribution over the feature's value, a colour for each group of rows; missing values are left out."""
    from meta_models.analysis.plots.logarithmic import plain

    for name, mask in groups.items():
        known = mask & np.isfinite(feature)
        ax.scatter(feature[known], values[known], s=9, alpha=0.55, color=colours[name], label=name, lw=0)
    ax.axhline(0, color="#9ca3af", lw=1)
    ax.set(title=title, xlabel="value of the feature", ylabel="contribution")
    smallest = _smallest_of_many_decades(feature[np.isfinite(feature)])
    if smallest is None:
        ax.locator_params(axis="x", nbins=4)  # distances have six digits
    else:
        ax.set_xscale("symlog", linthresh=smallest, linscale=_DECADES_TO_0)
        ticks = _decades(smallest, float(np.nanmax(feature)))
        ax.set_xticks(ticks, [plain(tick) for tick in ticks])
        ax.set_xlim(left=0)
        ax.minorticks_off()
        ax.tick_params(axis="x", labelsize=7.5)
    return ax


def _smallest_of_many_decades(values: Floats32) -> float | None:
    """Where a logarithmic axis begins; None unless the values are not negative and span decades, as scores do."""
    positive = values[values > 0]
    if not len(positive) or values.min() < 0:
        return None
    low, middle, high = (float(q) for q in np.quantile(positive, (0.02, 0.25, 0.98)))
    return float(10 ** np.floor(np.log10(low))) if high > _MANY_DECADES * middle else None


def _decades(smallest: float, largest: float) -> list[float]:
    """0 and about `_TICKS` powers of ten up to `largest`: as many as there is room to name."""
    least = np.log10(smallest)
    powers = np.arange(least, np.floor(np.log10(largest)) + 0.5)
    step = -(-len(powers) // _TICKS)
    named = powers[::-1][::step][::-1]
    width = np.log10(largest) - least + _DECADES_TO_0
    return [0.0, *(10.0 ** named[named - least + _DECADES_TO_0 > _NUMBER * width]).tolist()]


@contextmanager
def numpy_seed(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, which shap draws from, and put its state back afterwards."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
