"""Rows that stand for all rows trained on, where a learner must keep rows: sites first, and drawn ones of the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import Json, Matrix, TrainingRows

#: Class 0 is that of everything that is no site.
_REST = 0


def drawn_rows(
    rows: NDArray[np.int64], weights: NDArray[np.float64], labels: NDArray[np.integer], most: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """At most `most` of `rows`, in their order, and what they count: more where others of their kind were left out.

    Sites are kept as long as they are no more than half of `most`; the rest is drawn without regard to anything but
    what it is.
    """
    if len(rows) <= most:
        return rows, weights
    site = labels[rows] != _REST
    n_sites, n_rest = int(site.sum()), int((~site).sum())
    kept_sites = min(n_sites, max(most // 2, most - n_rest))
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(rows), bool)
    counted = weights.copy()
    for kind, n, kept in ((site, n_sites, kept_sites), (~site, n_rest, min(n_rest, most - kept_sites))):
        numbers = np.flatnonzero(kind)
        chosen[random.choice(numbers, kept, replace=False)] = True
        counted[numbers] *= n / max(kept, 1)
    return rows[chosen], counted[chosen]


def facts_of_drawn(kept: int, total: int, limit: str) -> dict[str, Json]:
    """What a fit tells of its rows, and of the option that left some out, where one did."""
    return {"rows": kept, "rows_to_draw_from": total, **({"limit": limit} if kept < total else {})}


def gathered(rows: TrainingRows, wanted: NDArray[np.int64]) -> Matrix:
    """Features of the rows with rising numbers `wanted`, float32 (n_wanted, n_features), streamed."""
    found = np.empty((len(wanted), len(rows.features)), np.float32)
    first = 0
    for chunk in rows.chunks():
        start, stop = np.searchsorted(wanted, (first, first + len(chunk)))
        found[start:stop] = chunk[wanted[start:stop] - first]
        first += len(chunk)
    return found
