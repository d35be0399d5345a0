"""One pass over the features before anything is fitted: missing and infinite values, and a fair sample of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.errors import InputError
from meta_models.learners.seam import LEAST_VALUE
from meta_models.learners.seam.tables import FeatureTable
from meta_models.progress import Progress

#: Most bytes of the sample of rows that sets the bins: 100,000 rows up to 500 features, 42,800 rows of 1,167.
SAMPLE_BYTES = 200_000_000
#: Rows of the sample, if there are so many, whatever it takes.
LEAST_SAMPLE = 256


@dataclass(frozen=True)
class Audit:
    """What one pass over the features found; made by `audit_features`.

    Attributes
    ----------
    missing : ndarray of int64 (n_features,)
        Missing values of each feature.
    sample : ndarray of float32 (n_sample, n_features)
        The rows that bins, scales and sketches are made from; NaN where missing.
    rows : ndarray of int64 (n_sample,)
        Their numbers.
    """

    missing: NDArray[np.int64]
    sample: NDArray[np.float32]
    rows: NDArray[np.int64]


def sample_size(features: int, config: TrainingConfig) -> int:
    """Most rows that set the bins: ``cut_sample_rows``, and no more than `SAMPLE_BYTES`."""
    return min(config.cut_sample_rows, max(LEAST_SAMPLE, SAMPLE_BYTES // (4 * max(features, 1))))


def cut_sample(scores: NDArray[np.float32], n_rows: int, seed: int) -> NDArray[np.int64]:
    """Numbers of the rows that set the bins: half uniform, half with the highest base scores. Labels are not looked at.

    Quantiles of all rows would spend nearly every bin on positions with no splice signal at all.

    Parameters
    ----------
    scores : ndarray of float32 (rows of the table,)
        Highest donor or acceptor score that any base model gives the row.
    """
    if n_rows >= len(scores):
        return np.arange(len(scores))
    high = _highest(scores, n_rows)
    rest = np.setdiff1d(np.arange(len(scores)), high, assume_unique=True)
    uniform = np.random.default_rng(seed).choice(rest, n_rows - len(high), replace=False)
    return np.sort(np.concatenate([high, uniform]))


def rows_stood_for(scores: NDArray[np.float32], sample_rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many rows of the table each row of a `cut_sample` stands for, (n_sample,): 1 / probability of being in it."""
    n_rows = len(sample_rows)
    if n_rows >= len(scores):
        return np.ones(n_rows)
    high = _highest(scores, n_rows)
    each = (len(scores) - len(high)) / (n_rows - len(high))
    return np.where(np.isin(sample_rows, high), 1.0, each)


def _highest(scores: NDArray[np.float32], n_rows: int) -> NDArray[np.int64]:
    return np.argpartition(-scores, n_rows // 2, kind="introselect")[: n_rows // 2]


def audit_features(
    dataset: FeatureTable, features: tuple[str, ...], sample_rows: NDArray[np.int64], progress: Progress
) -> Audit:
    """Count missing values, refuse infinite ones and take the sample that sets the bins, in one pass.

    Raises
    ------
    InputError
        Naming each column with infinite values (or values that float32 cannot hold) and their number.
    """
    missing = np.zeros(len(features), np.int64)
    infinite = np.zeros(len(features), np.int64)
    sample = np.empty((len(sample_rows), len(features)), np.float32)
    first = taken = 0
    for chunk in progress.track(dataset.iter_matrix(features), dataset.n_rows):
        finite = np.isfinite(chunk)
        if not finite.all():
            nan = np.isnan(chunk)
            missing += nan.sum(0)
            infinite += (~finite & ~nan).sum(0)
        if np.fmin.reduce(chunk, axis=None, initial=0) <= LEAST_VALUE:
            infinite += (finite & (chunk <= LEAST_VALUE)).sum(0)
        stop = np.searchsorted(sample_rows, first + len(chunk))
        sample[taken:stop] = chunk[sample_rows[taken:stop] - first]
        first, taken = first + len(chunk), int(stop)
    if infinite.any():
        found = ", ".join(f"{features[i]!r}: {infinite[i]} rows" for i in np.flatnonzero(infinite)[:20])
        raise InputError(
            f"Features of {dataset.source!r} must be finite (null where unknown) and above {LEAST_VALUE:g} in float32",
            f"Found infinite or larger values in {found}",
            "Replace them, or leave the columns out with --exclude-features",
        )
    return Audit(missing, sample, sample_rows)
