"""The one quantised matrix, streamed from the table, that serves all targets and all folds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.learners.seam.tables import FeatureTable
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
