"""Greedy selection with replacement: members are added one by one, each time the one that helps most."""

from __future__ import annotations

import numpy as np

from meta_models.metrics import mean_site_ap
from meta_models.model.combinations import Weighted
from meta_models.training.combination.stack import Options, Stack

#: Members added at most: more change nothing that can be measured.
ROUNDS = 25
#: Decimals of average precision beyond which two are told apart by nothing but chance.
_DECIMALS = 6


def fit_greedy(stack: Stack, options: Options) -> Weighted:  # noqa: ARG001 - one way of fitting
    """How often each member was taken, up to the round of the highest average precision.

    Of members that help the same one that was taken already is taken, then the first.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), Ensemble selection from libraries of models.
    """
    few = stack.complete().rivals()
    taken = _taken(few)
    counts = np.bincount(taken, minlength=len(few.members)).astype(np.float64)
    return Weighted(np.repeat(counts[:, None] / counts.sum(), few.members.shape[2], axis=1))


def _taken(few: Stack) -> list[int]:
    """Numbers of the members in the order in which they are taken, as far as the best prefix goes."""
    members, taken, after = few.members.astype(np.float64), list[int](), list[float]()
    total = np.zeros(members.shape[1:])
    for _ in range(ROUNDS):
        values = [_precision(few, (total + member) / (len(taken) + 1)) for member in members]
        best = max(range(len(members)), key=lambda m: (values[m], m in taken, -m))
        total += members[best]
        taken.append(best)
        after.append(values[best])
    return taken[: int(np.argmax(after)) + 1]


def _precision(few: Stack, probabilities: np.ndarray) -> float:
    value = mean_site_ap(few.labels, probabilities, few.weights)
    return 0.0 if value is None else round(value, _DECIMALS)
