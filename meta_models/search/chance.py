"""What average precision chance gives on some rows: a figure of noise is not 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.metrics import average_precision
from meta_models.schema import SITE_CLASSES

#: Random rankings that are drawn.
DRAWS = 100
_UPPER = 0.975


@dataclass(frozen=True)
class Chance:
    """Mean average precision of donor and acceptor of rankings that know nothing.

    Attributes
    ----------
    mean, upper : float
        Of random rankings: their mean, and what 97.5 % of them stay below.
    """

    mean: float
    upper: float


def chance_precision(
    labels: NDArray[np.integer], weights: NDArray[np.float32] | None, parts: Sequence[NDArray[np.bool_]], *, seed: int
) -> Chance:
    """Of rows (n,) that are scored in `parts` (each a mask (n,)), whose figures are averaged.

    Random rankings, because average precision of few sites lies above their share of the rows.
    """
    rng = np.random.default_rng(seed)
    drawn = [np.mean([_random(labels[p], None if weights is None else weights[p], rng) for p in parts])
             for _ in range(DRAWS)]  # fmt: skip
    return Chance(float(np.mean(drawn)), float(np.quantile(drawn, _UPPER)))


def _random(labels: NDArray[np.integer], weights: NDArray[np.float32] | None, rng: np.random.Generator) -> float:
    scores = rng.random(len(labels))
    found = [average_precision(labels == c, scores, weights).value for c in SITE_CLASSES]
    return float(np.mean([value for value in found if value is not None]))
