"""Scoring a table, streamed: the model's probabilities beside what the table says of each row."""

from __future__ import annotations

import numpy as np
import polars as pl

from meta_models.dataset.files import Kind
from meta_models.dataset.positions import Positions
from meta_models.dataset.reader import CHUNK_BYTES, Dataset
from meta_models.model import FittedModel
from meta_models.model.inputs import resolve_columns
from meta_models.progress import Progress
from meta_models.result import CALIBRATED, RAW, probability_columns


def score_table(model: FittedModel, dataset: Dataset, positions: Positions) -> pl.DataFrame:
    """`positions.frame` with ``fold`` -1 and the model's raw and calibrated probabilities (Float32) of each row.

    The features are read in chunks; what is held is one narrow row per position.

    Raises
    ------
    InputError
        If the table lacks features of the model, or holds infinite values.
    """
    present = resolve_columns(dataset.columns, model.feature_names)
    numbers = [name for name in present if dataset.kind(name) in (Kind.NUMERIC, Kind.NULL)]
    expressions = [pl.col(n).cast(pl.Float32) if n in numbers else pl.col(n) for n in present]
    chunk_rows = max(1024, CHUNK_BYTES // (4 * len(model.feature_names)))
    raw = np.empty((dataset.n_rows, 3), np.float32)
    calibrated = np.empty_like(raw)
    first = 0
    progress = Progress(f"Scoring {dataset.source}")
    for frame in progress.track(dataset.iter_frames(expressions, chunk_rows), dataset.n_rows):
        rows = slice(first, first + frame.height)
        raw[rows], calibrated[rows] = model.predict_both(frame)
        first += frame.height
    columns = {
        name: values[:, c]
        for prefix, values in ((RAW, raw), (CALIBRATED, calibrated))
        for c, name in enumerate(probability_columns(prefix))
    }
    return positions.frame.with_columns(
        pl.lit(-1, pl.Int16).alias("fold"), *(pl.Series(name, values) for name, values in columns.items())
    )
