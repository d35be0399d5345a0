"""Logarithmic axes whose numbers are plain text: matplotlib sets them as formulas, which costs more than the curves.

Imports matplotlib: imported where a figure is made, not at the start.
"""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, Literal

from matplotlib.ticker import LogFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Numbers from and up to which figures are written out.
_PLAIN = (1e-3, 1e4)


class PlainLogFormatter(LogFormatter):
    """As matplotlib's, which says which ticks get a number, with ``0.01``, ``10⁻⁵`` and ``2×10⁻⁵``."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The number beside the tick at `x`, or nothing."""
        return super().__call__(x, pos) and plain(x)


def plain(value: float) -> str:
    """`value`, 0 or more, as it stands beside a tick: 0.01, 100, 10⁻⁵."""
    if value == 0 or _PLAIN[0] <= value < _PLAIN[1]:
        return f"{value:g}"
    exponent = floor(log10(value) + 1e-9)
    mantissa = f"{value / 10.0**exponent:g}"
    power = "10" + str(exponent).translate(_SUPERSCRIPT)
    return power if mantissa == "1" else f"{mantissa}×{power}"


def make_logarithmic(ax: Axes, which: Literal["x", "y"], *, minor: bool = False) -> None:
    """Make an axis logarithmic; with `minor` it has ticks, and numbers where there is room, between powers of ten."""
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_formatter(PlainLogFormatter())
    if minor:
        axis.set_minor_formatter(PlainLogFormatter())
    else:
        ax.minorticks_off()  # hundreds of ticks, drawn and measured again and again
