"""Weights for each bin of the best base model's score, shrunk towards those of all rows."""

from __future__ import annotations

import numpy as np

from meta_models.errors import UsageError
from meta_models.metrics import mean_site_ap
from meta_models.model.combinations import PerBin, bins_of
from meta_models.schema import SITE_CLASSES, SpliceClass
from meta_models.training.combination.stack import Floats, Options, Stack
from meta_models.training.combination.weighted import fit_weighted

#: Least number of sites in a bin; at so many, weights of the bin count as much as those of all rows.
LEAST_SITES = 100
MOST_BINS = 10


def fit_per_bin(stack: Stack, options: Options) -> PerBin:
    """Fit the weights of all rows and, from them, those of each bin.

    Raises
    ------
    UsageError
        If the scores of no base model are among the features: predictions could not be binned.
    """
    whole = stack.complete()
    columns = _best_base(whole)
    values = whole.values(columns)
    if values is None:
        raise AssertionError("a base model has columns")
    sites = np.isin(whole.labels, SITE_CLASSES)
    edges = _edges(values[sites].astype(np.float64).max(axis=1))
    overall, bins = fit_weighted(whole, options).weights, bins_of(values, edges)
    weights = [_of_bin(whole.rows(bins == b), overall, options) for b in range(len(edges) + 1)]
    return PerBin(edges, np.stack(weights), overall, columns)


def _of_bin(stack: Stack, overall: Floats, options: Options) -> Floats:
    sites = int(np.isin(stack.labels, SITE_CLASSES).sum())
    if sites < LEAST_SITES:
        return overall
    share = sites / (sites + LEAST_SITES)
    return np.asarray(share * fit_weighted(stack, options).weights + (1 - share) * overall)


def _edges(of_sites: Floats) -> Floats:
    """Edges such that each bin holds as many sites as any other, and enough; equal scores lie in one bin."""
    known = of_sites[~np.isnan(of_sites)]
    bins = min(MOST_BINS, len(known) // LEAST_SITES)
    if bins < 2:
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, bins) / bins, method="lower"))


def _best_base(stack: Stack) -> tuple[int, ...]:
    """Numbers of the donor and acceptor score of the base model of the highest average precision."""
    bases = stack.bases
    if bases is None or not bases.columns[0]:
        raise UsageError(
            "Combining per bin needs the scores of a base model among the features",
            "They were excluded or are missing",
            "Keep them, or take another --combine",
        )
    site_columns = [(bases.columns[SpliceClass.DONOR][b], bases.columns[SpliceClass.ACCEPTOR][b])
                    for b in range(len(bases.columns[0]))]  # fmt: skip
    found = [mean_site_ap(stack.labels, _three(stack, columns), stack.weights) for columns in site_columns]
    return site_columns[int(np.argmax([-1.0 if value is None else value for value in found]))]


def _three(stack: Stack, columns: tuple[int, ...]) -> Floats:
    """Scores (n, 3) of a base model, of which those of sites matter; missing ones as 0."""
    values = stack.values(columns)
    if values is None:
        raise AssertionError("a base model has columns")
    sites = np.nan_to_num(values.astype(np.float64))
    return np.column_stack([1 - sites.sum(axis=1), sites])
