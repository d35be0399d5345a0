"""Small tables of scores with families, weights and ties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scored:
    positive: NDArray[np.bool_]
    score: NDArray[np.float64]
    weight: NDArray[np.float64]
    family: NDArray[np.int64]
    n_families: int


def scored(seed: int, *, n: int = 400, families: int = 25, levels: int = 40, share: float = 0.1) -> Scored:
    """Scores rounded to `levels` values, so that positives and negatives tie."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < share
    score = np.round(levels * (rng.random(n) + 0.4 * positive)) / levels
    weight = np.where(positive, 1.0, rng.integers(1, 6, n))
    return Scored(positive, score, weight, rng.integers(0, families, n), families)


def class_table(
    seed: int, *, n: int = 300, strength: float = 1.5
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Labels, probabilities (n, 3) and weights."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n, p=[0.7, 0.15, 0.15])
    logits = rng.normal(size=(n, 3)) + strength * np.eye(3)[labels]
    exp = np.exp(logits)
    return labels, exp / exp.sum(1, keepdims=True), rng.uniform(0.5, 20, n)
