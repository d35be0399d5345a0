"""Whether numbers that should be probabilities look like percent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Highest number from which percent are likelier than a rounding or a sum that went wrong.
_LIKELY = 10


def ends(scores: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """The lowest and the highest number among scores of any shape; infinite where there is none."""
    lowest = np.fmin.reduce(scores, axis=None, initial=np.inf)
    return float(lowest), float(np.fmax.reduce(scores, axis=None, initial=-np.inf))


def percent_hint(lowest: float, highest: float) -> str:
    """What to do where numbers that should lie in [0, 1] look like percent; empty where they do not."""
    return "They look like percent: divide them by 100" if lowest >= 0 and _LIKELY < highest <= 100 else ""
