"""The one quantised matrix, streamed from the table, that serves all targets and all folds."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.reader import rows_of_chunk
from meta_models.errors import InputError
from meta_models.learners.seam import FeatureTable
from meta_models.learners.xgboost.chunk_source import ChunkSource, pass_of_values, zeros
from meta_models.learners.xgboost.missing import MISSING, fill_missing
from meta_models.progress import Progress

logger = logging.getLogger(__name__)
_PASSES = 3  # xgboost 3.2 reads the iterator so often when the cuts come from another matrix
_PASSES_EXTERNAL = 2
#: Rows of zeros at a time that stand in for those of the table where XGBoost does not look at the values.
_STAND_IN_ROWS = 10_000

#: Most bytes of the sample of rows that sets the bins: 100,000 rows up to 500 features, 42,800 rows of 1,167.
SAMPLE_BYTES = 200_000_000
#: Bytes of features, as float32, that XGBoost is handed at a time: with each chunk it goes over the bins of them all.
BUILD_BYTES = 32_000_000
#: Bytes of features, as float32, that become one page of an external matrix: few pages are read faster than many.
PAGE_BYTES = 128_000_000


@dataclass(frozen=True)
class ArrayTable:
    """Features held in memory.

    Attributes
    ----------
    values : ndarray of float32 (n_rows, n_features)
        Columns in the order in which they are asked for.
    """

    values: NDArray[np.float32]
    source: str = "X"

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.values)

    def iter_matrix(self, columns: Sequence[str], chunk_rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        """C-ordered chunks of all columns; `columns` says how many there are."""
        step = chunk_rows or rows_of_chunk(len(columns))
        for start in range(0, self.n_rows, step):
            yield np.ascontiguousarray(self.values[start : start + step])


@dataclass(frozen=True)
class Audit:
    """What one pass over the features found; made by `audit_features`.

    Attributes
    ----------
    missing : ndarray of int64 (n_features,)
        Missing values of each feature.
    sample : ndarray of float32 (n_sample, n_features)
        The rows that set the bins.
    rows : ndarray of int64 (n_sample,)
        Their numbers.
    """

    missing: NDArray[np.int64]
    sample: NDArray[np.float32]
    rows: NDArray[np.int64]


def sample_size(features: int, config: TrainingConfig) -> int:
    """Most rows that set the bins: ``cut_sample_rows``, and no more than `SAMPLE_BYTES`."""
    return min(config.cut_sample_rows, max(config.max_bin, SAMPLE_BYTES // (4 * max(features, 1))))


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
        if np.fmin.reduce(chunk, axis=None, initial=0) <= MISSING:
            infinite += (finite & (chunk <= MISSING)).sum(0)
        stop = np.searchsorted(sample_rows, first + len(chunk))
        sample[taken:stop] = chunk[sample_rows[taken:stop] - first]
        first, taken = first + len(chunk), int(stop)
    if infinite.any():
        found = ", ".join(f"{features[i]!r}: {infinite[i]} rows" for i in np.flatnonzero(infinite)[:20])
        raise InputError(
            f"Features of {dataset.source!r} must be finite (null where unknown) and above {MISSING:g} in float32",
            f"Found infinite or larger values in {found}",
            "Mend them, or leave the columns out with --exclude-features",
        )
    return Audit(missing, fill_missing(sample), sample_rows)


def feature_bins(
    table: FeatureTable, features: tuple[str, ...], sample_rows: NDArray[np.int64], config: TrainingConfig
) -> NDArray[np.float32]:
    """The `cut_values` of some rows of `table`, after :func:`audit_features` of all; raises what that raises."""
    sample = audit_features(table, features, sample_rows, Progress("Checking the features")).sample
    return cut_values(sample, config.max_bin)


def cut_values(sample: NDArray[np.float32], max_bin: int) -> NDArray[np.float32]:
    """Rows (at most `max_bin`, n_features) whose distinct values are the bins of each feature.

    A matrix of these rows alone makes XGBoost cut at each of their values: every value that the sample holds, where
    there are no more than `max_bin`; else the values that fill a bin alone, and quantiles of the others. That takes one
    sorted column at a time, where XGBoost's sketch of the same sample takes 10 bytes a value.

    Parameters
    ----------
    sample : ndarray of float32 (n_sample, n_features)
        No NaN.
    """
    columns = [_cut_column(np.ascontiguousarray(sample[:, k]), max_bin) for k in range(sample.shape[1])]
    rows = np.empty((max(map(len, columns)), len(columns)), np.float32)
    for k, column in enumerate(columns):
        rows[: len(column), k], rows[len(column) :, k] = column, column[-1]
    return rows


def _cut_column(values: NDArray[np.float32], max_bin: int) -> NDArray[np.float32]:
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= max_bin:
        return distinct
    alone = counts * max_bin >= len(values)
    alone[0] = True  # the least value is where the first bin begins, not a cut
    others = np.repeat(distinct[~alone], counts[~alone])
    left = max_bin - int(alone.sum())
    return np.union1d(distinct[alone], others[np.arange(left) * len(others) // max(left, 1)])


def build_matrix(
    dataset: FeatureTable, features: tuple[str, ...], bins: NDArray[np.float32], config: TrainingConfig, *,
    threads: int, progress: Progress, cache: Path | None = None,
) -> xgb.DMatrix:  # fmt: skip
    """Stream the table into one quantised matrix.

    Missing values go in as a low sentinel: the matrix then takes 2 bytes a value instead of 5.

    Parameters
    ----------
    bins : ndarray of float32 (at most ``max_bin``, n_features)
        Made by `cut_values`.
    cache : Path, optional
        A folder for the pages of the matrix, which then stay on disk and are read for each level of each tree. The
        matrix is of no use in a forked process: XGBoost's threads, which read the pages, do not live on there.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    kind = xgb.QuantileDMatrix if cache is None else xgb.ExtMemQuantileDMatrix
    ref = xgb.QuantileDMatrix(bins, max_bin=config.max_bin, nthread=threads)
    seen = pass_of_values() if cache is None else None
    tracker = progress.started((_PASSES if cache is None else _PASSES_EXTERNAL) * dataset.n_rows)

    rows = rows_of_chunk(len(features), size=BUILD_BYTES) if cache is None else None  # pages are joined from chunks

    def values() -> Iterator[NDArray[np.float32]]:
        return map(fill_missing, dataset.iter_matrix(features, rows))

    def chunks(number: int) -> Iterator[NDArray[np.float32]]:
        found = values() if seen in (None, number) else zeros(dataset.n_rows, len(features), _STAND_IN_ROWS)
        for chunk in found:
            yield chunk
            tracker.advance(len(chunk))

    pages = chunks if cache is None else lambda number: joined(chunks(number), PAGE_BYTES)
    source = ChunkSource(pages, cache)
    try:
        with tracker:
            matrix = kind(source, ref=ref, max_bin=config.max_bin, nthread=threads)
    finally:
        if source.interrupt is not None:
            raise source.interrupt
    release_memory()
    return matrix


def joined(chunks: Iterator[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Neighbouring `chunks` together, `size` bytes or, of the last one, fewer at a time."""
    held: list[NDArray[np.float32]] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(part.nbytes for part in held) + chunk.nbytes > size:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def release_memory() -> None:
    """Give freed heap pages back to the system (glibc keeps about 1 GB after a large build)."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
