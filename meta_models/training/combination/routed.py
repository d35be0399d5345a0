"""Weights that depend on the composition of the sequence: fitted to least log-loss, held back by a ridge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from meta_models.errors import UsageError
from meta_models.model.combinations import Routed
from meta_models.model.combinations.routed import gated, standardised
from meta_models.training.combination.stack import Floats, Options, Stack

#: Times the squared slopes of the gate, added to the mean log-loss of the rows that decide: a member whose weight
#: differs by a factor of e for a standard deviation of a column must be better there than chance.
RIDGE = 1e-3
_CLIP = 1e-7
_ITERATIONS = 200
_CHUNK = 65_536  # rows at a time


def fit_routed(stack: Stack, options: Options) -> Routed:  # noqa: ARG001 - one way of fitting
    """On sites and what any member thinks might be one: of other rows every member says the same.

    Raises
    ------
    UsageError
        If no column tells the composition of the sequence.
    """
    whole = stack.complete()
    composition = whole.composition
    if composition is None or not composition.columns:
        raise UsageError(
            "Routed weights need columns that tell the composition of the sequence",
            "The features have neither k-mer counts, GC content nor gene length",
            "Keep them, or combine otherwise",
        )
    centre, scale = _centre_and_scale(composition.values)
    few = whole.rivals()
    values = few.values(composition.columns)
    if values is None:
        raise AssertionError("the composition has columns")
    gate = _gate(few, standardised(values, centre, scale))
    return Routed(centre, scale, gate, composition.columns)


def _centre_and_scale(values: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Mean and standard deviation (B,) of known values; 0 and 1 where there is none, or they are all the same."""
    known = np.maximum(len(values) - np.isnan(values).sum(axis=0), 1)
    centre = np.nansum(values, axis=0, dtype=np.float64) / known
    squares = sum(np.nansum((part - centre) ** 2, axis=0) for part in np.array_split(values, len(values) // _CHUNK + 1))
    scale = np.sqrt(squares / known)
    return centre, np.where(scale > 0, scale, 1.0)


def _gate(stack: Stack, inputs: Floats) -> Floats:
    """The gate (M, B + 1) of least log-loss and ridge; that of equal weights is where the search sets out."""
    own = stack.members[:, np.arange(len(stack.labels)), stack.labels].astype(np.float64)
    shape, shares = (len(own), inputs.shape[1] + 1), stack.shares

    def loss(flat: Floats) -> tuple[float, Floats]:
        gate = flat.reshape(shape)
        weights = gated(inputs, gate)
        mixed = np.maximum((weights * own).sum(axis=0), _CLIP)
        pull = -shares * weights * (own / mixed - 1)
        slopes = np.column_stack([pull @ inputs + 2 * RIDGE * gate[:, :-1], pull.sum(axis=1)])
        value = -shares @ np.log(mixed) + RIDGE * (gate[:, :-1] ** 2).sum()
        return float(value), slopes.ravel()

    start = np.zeros(shape).ravel()
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    return np.asarray(found.x.reshape(shape))
