"""Base beside meta-model in each bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meta_models.analysis.plots.style import META_COLOUR, OPPONENT_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_bin_losses(
    ax: Axes,
    names: Sequence[str],
    base: NDArray[np.float64],
    meta: NDArray[np.float64],
    *,
    title: str,
    y_label: str,
    legend: bool = True,
) -> Axes:
    """Two bars a bin; NaN is left out."""
    places = np.arange(len(names))
    for shift, values, colour, name in (
        (-0.2, base, OPPONENT_COLOURS[0], "base (main)"),
        (0.2, meta, META_COLOUR, "meta"),
    ):
        ax.bar(
            places + shift, np.nan_to_num(np.asarray(values, dtype=np.float64)), width=0.38, color=colour, label=name
        )
    ax.set_xticks(places, list(names), rotation=35, ha="right", rotation_mode="anchor")
    ax.set(title=title, ylabel=y_label)
    ax.grid(visible=False, axis="x")
    if legend:
        ax.legend()
    return ax
