"""The single best member."""

from __future__ import annotations

import numpy as np

from meta_models.metrics import mean_site_ap
from meta_models.model.combinations import Weighted
from meta_models.training.combination.stack import Options, Stack


def fit_best(stack: Stack, options: Options) -> Weighted:  # noqa: ARG001 - one way of fitting
    """All weight for the member of the highest average precision, the first of equals."""
    whole = stack.complete()
    values = [mean_site_ap(whole.labels, member.astype(np.float64), whole.weights) for member in whole.members]
    best = int(np.argmax([-1.0 if value is None else value for value in values]))
    weights = np.zeros((len(values), whole.members.shape[2]))
    weights[best] = 1.0
    return Weighted(weights)
