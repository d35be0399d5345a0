"""What bases around a position do: a map of mutations, and bars by distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS = "ACGTN"


def draw_mutations(ax: Axes, changes: NDArray[np.float32], codes: NDArray[np.uint8], *, title: str) -> Axes:
    """Change of log-odds (n, 4) with each base, the one that is there below it, the site framed; unknown is white."""
    size = float(np.nanmax(np.abs(changes), initial=1e-3))
    picture = ax.imshow(changes.T, cmap="RdBu_r", vmin=-size, vmax=size, aspect="auto", interpolation="nearest")
    reach = len(changes) // 2
    ax.set_yticks(np.arange(4), list(_LETTERS[:4]))
    ax.set_xticks(np.arange(len(codes)), [_LETTERS[code] for code in codes], fontsize=7)
    for edge in (reach - 0.5, reach + 0.5):
        ax.axvline(edge, color="#111827", lw=0.8)
    ax.get_xticklabels()[reach].set_fontweight("bold")
    ax.grid(visible=False)
    ax.set(title=title, ylabel="mutated to")
    if ax.figure is not None:
        ax.figure.colorbar(picture, ax=ax, fraction=0.02, pad=0.01, label="log-odds")
    return ax


def draw_by_distance(ax: Axes, values: NDArray[np.float64], colour: str, *, title: str, y_label: str) -> Axes:
    """A bar for each distance from -n to n, (2 n + 1,)."""
    reach = len(values) // 2
    ax.bar(np.arange(-reach, reach + 1), values, color=colour, width=0.9)
    ax.set(title=title, xlabel="bases from the site", ylabel=y_label)
    ax.grid(visible=False, axis="x")
    return ax
