"""The one quantised matrix, streamed from the table, that serves all targets and all folds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.dataset.reader import rows_of_chunk
from meta_models.learners.seam import FeatureTable
from meta_models.learners.xgboost.chunk_source import ChunkSource, pass_of_values, zeros
from meta_models.learners.xgboost.memory import BUILD_BYTES, PAGE_BYTES
from meta_models.learners.xgboost.missing import fill_missing
from meta_models.progress import Progress
from meta_models.resources.heap import release_memory

logger = logging.getLogger(__name__)
_PASSES = 3  # xgboost 3.2 reads the iterator so often when the cuts come from another matrix
_PASSES_EXTERNAL = 2
#: Rows of zeros at a time that stand in for those of the table where XGBoost does not look at the values.
_STAND_IN_ROWS = 10_000


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
    dataset: FeatureTable, features: tuple[str, ...], bins: NDArray[np.float32], max_bin: int, *,
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
    ref = xgb.QuantileDMatrix(bins, max_bin=max_bin, nthread=threads)
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
            matrix = kind(source, ref=ref, max_bin=max_bin, nthread=threads)
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
            held = [np.concatenate(held)]
            yield held.pop()  # nothing of it is held here while it is worked on
    if held:
        held = [np.concatenate(held)]
        yield held.pop()
