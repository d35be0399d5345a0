"""Weights on the simplex: of least log-loss, or of highest average precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import differential_evolution, minimize

from meta_models.metrics import mean_site_ap
from meta_models.model.combinations import Weighted
from meta_models.training.combination.stack import Floats, Options, Stack

_CLIP = 1e-7
#: Generations, and members of a population for each weight, of differential evolution.
_GENERATIONS, _POPULATION = 20, 8


def fit_weighted(stack: Stack, options: Options) -> Weighted:
    """Weights (M, K), the same for each class unless `options` asks for some of its own."""
    stack = stack.complete()
    if options.optimiser == "differential-evolution":
        weights = _by_evolution(stack, options.seed)
    else:
        weights = _on_simplex(_by_log_loss(stack))
    shared = np.repeat(weights[:, None], stack.members.shape[2], axis=1)
    return Weighted(_class_weights(stack, shared) if options.per_class else shared)


def _by_log_loss(stack: Stack) -> Floats:
    """Weights (M,) of least log-loss: a convex problem."""
    n_members, shares = len(stack.members), stack.shares
    own = stack.members[:, np.arange(len(shares)), stack.labels].astype(np.float64)

    def loss(w: Floats) -> tuple[float, Floats]:
        mixed = np.maximum(w @ own, _CLIP)
        return float(-shares @ np.log(mixed)), -(own @ (shares / mixed))

    return _least(loss, np.full(n_members, 1 / n_members), np.ones((1, n_members)))


def _least(loss: Callable[[Floats], tuple[float, Floats]], start: Floats, sums: Floats) -> Floats:
    """Where `loss`, which comes with its slope, is least: each of the `sums` (C, n) of what lies in [0, 1] is 1.

    Sought is the least share of the loss at the start: where sites are rare and the loss .0003, steps and tolerances
    are of the size of what there is to gain, and the search ends where it began.
    """
    unit = loss(start)[0] or 1.0

    def share(x: Floats) -> tuple[float, Floats]:
        value, slope = loss(x)
        return value / unit, slope / unit

    found = minimize(
        share, start, jac=True, method="SLSQP", bounds=[(0, 1)] * len(start),
        constraints={"type": "eq", "fun": lambda x: sums @ x - 1, "jac": lambda _: sums},
        options={"maxiter": 500, "ftol": 1e-10},
    )  # fmt: skip
    return np.asarray(found.x)


def _by_evolution(stack: Stack, seed: int) -> Floats:
    """Weights (M,) of the highest average precision, which has no slope to follow: sought by chance, seeded.

    References
    ----------
    Storn and Price (1997), Differential evolution.
    """
    few = stack.rivals()
    members = few.members.astype(np.float64)

    def loss(w: Floats) -> float:
        if w.sum() <= 0:
            return 1.0
        value = mean_site_ap(few.labels, np.einsum("m,mnk->nk", w / w.sum(), members), few.weights)
        return 1.0 if value is None else 1 - value

    found = differential_evolution(
        loss, [(0, 1)] * len(members), rng=np.random.default_rng(seed), polish=False, maxiter=_GENERATIONS,
        popsize=_POPULATION,
    )  # fmt: skip
    return _on_simplex(found.x)


def _class_weights(stack: Stack, start: Floats) -> Floats:
    """Weights (M, K), a simplex for each class, of least log-loss after normalisation; from the shared ones on."""
    members, shares, (n_members, n_classes) = stack.members, stack.shares, start.shape
    truth = np.eye(n_classes)[stack.labels]

    def loss(flat: Floats) -> tuple[float, Floats]:
        w = flat.reshape(n_members, n_classes)
        mixed = np.maximum(np.einsum("mnk,mk->nk", members, w), _CLIP)
        total = mixed.sum(axis=1)
        value = shares @ (np.log(total) - np.log((mixed * truth).sum(axis=1)))
        slope = shares[:, None] * (1 / total[:, None] - truth / mixed)
        return float(value), np.einsum("mnk,nk->mk", members, slope).ravel()

    found = _least(loss, start.ravel(), np.tile(np.eye(n_classes), n_members))
    return _on_simplex(found.reshape(n_members, n_classes))


#: Weights below it are rounding of the search.
_NOTHING = 1e-9


def _on_simplex(weights: Floats) -> Floats:
    """Without the rounding of the search: none below 0, columns summing to 1."""
    clipped = np.where(weights > _NOTHING, weights, 0.0)
    return np.asarray(clipped / clipped.sum(axis=0))
