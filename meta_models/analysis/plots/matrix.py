"""A confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_confusion(ax: Axes, counts: NDArray[np.float64], names: Sequence[str], *, title: str) -> Axes:
    """Draw `counts` (k, k), true class in the row: number and share of the row; the colour is the share."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        ax.text(
            column,
            row,
            f"{counts[row, column]:,.0f}\n{share:.1%}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if share > 0.55 else "#111827",
        )
    ticks = np.arange(len(names))
    ax.set_xticks(ticks, names)
    ax.set_yticks(ticks, names)
    ax.grid(visible=False)
    ax.set(title=title, xlabel="called", ylabel="true")
    return ax
