"""Logarithmic axes whose numbers are plain text: matplotlib sets them as formulas, which costs more than the curves.

Imports matplotlib: imported where a figure is made, not at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Literal

from matplotlib.ticker import LogFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Ends that are round numbers but for floating point count as these.
_SLACK = 1e-9
#: First digits of round numbers, the roundest first.
_DIGITS = ((1,), (1, 2, 5), tuple(range(1, 10)))
#: Numbers from and up to which figures are written out.
_PLAIN = (1e-3, 1e4)


class PlainLogFormatter(LogFormatter):
    """As matplotlib's, which says which ticks get a number; all of an axis with ``0.01``, or all with ``2×10⁻²``."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The number beside the tick at `x`, or nothing."""
        ends = () if self.axis is None else self.axis.get_view_interval()
        return super().__call__(x, pos) and alike([x, *ends])[0]


def plain(value: float) -> str:
    """`value`, 0 or more, as it stands beside a tick: 0.01, 100, 10⁻⁵."""
    return f"{value:g}" if value == 0 or _PLAIN[0] <= value < _PLAIN[1] else power(value)


def alike(values: Sequence[float]) -> list[str]:
    """`values`, above 0, all written out, or, where one would not be, all as multiples of powers of ten."""
    form = plain if all(0.9 * _PLAIN[0] <= value < _PLAIN[1] for value in values) else power
    return [form(value) for value in values]


def round_ticks(low: float, high: float, most: int = 3) -> list[float]:
    """Round numbers from `low` to `high`, both above 0, spread evenly over a logarithmic axis."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    choices = [[digit * 10.0**of for of in powers for digit in digits] for digits in _DIGITS]
    within = [[tick for tick in ticks if low * (1 - _SLACK) <= tick <= high * (1 + _SLACK)] for ticks in choices]
    found = next((ticks for ticks in within if len(ticks) >= 2), [low, high])
    step = ceil(len(found) / most)
    return found[::step]


def power(value: float) -> str:
    """`value`, above 0, as a multiple of a power of ten; 1 as it is."""
    exponent = floor(log10(value) + 1e-9)
    mantissa = f"{value / 10.0**exponent:g}"
    if exponent == 0:
        return mantissa
    ten = "10" if exponent == 1 else "10" + str(exponent).translate(_SUPERSCRIPT)
    return ten if mantissa == "1" else f"{mantissa}×{ten}"


def make_logarithmic(ax: Axes, which: Literal["x", "y"], *, minor: bool = False) -> None:
    """Make an axis logarithmic; with `minor` it has ticks, and numbers where there is room, between powers of ten."""
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_formatter(PlainLogFormatter())
    if minor:
        axis.set_minor_formatter(PlainLogFormatter())
    else:
        ax.minorticks_off()  # hundreds of ticks, drawn and measured again and again
