"""Scoring a table, streamed: the model's probabilities beside what the table says of each row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.files import Kind
from meta_models.dataset.positions import Positions
from meta_models.dataset.reader import CHUNK_BYTES, Dataset
from meta_models.inference.overlap import require_genes
from meta_models.model import FittedModel
from meta_models.model.inputs import resolve_columns
from meta_models.progress import Progress
from meta_models.result import CALIBRATED, RAW, probability_columns
from meta_models.schema import CLASSES, GENE

EXTERNAL = -1


def score_table(model: FittedModel, dataset: Dataset, positions: Positions) -> pl.DataFrame:
    """`positions.frame` with ``fold`` -1 and the model's raw and calibrated probabilities (Float32) of each row.

    The features are read in chunks; what is held is one narrow row per position.

    Raises
    ------
    InputError
        If the table lacks features of the model, or holds infinite values.
    """
    return _scored({EXTERNAL: model}, np.full(dataset.n_rows, EXTERNAL, np.int16), dataset, positions)


def score_out_of_fold(
    models: Mapping[int, FittedModel], oof: pl.DataFrame, dataset: Dataset, positions: Positions
) -> pl.DataFrame:
    """As `score_table`, each gene scored by the model of the fold that held it out in training.

    Parameters
    ----------
    models : mapping of fold to FittedModel
    oof : polars.DataFrame
        Out-of-fold table of the training, which says the fold of each gene. Rows of other genes are left out.

    Raises
    ------
    InputError
        If the table has no gene of the training.
    """
    of_gene = oof.group_by(GENE).agg(pl.col("fold").first()).with_columns(pl.col(GENE).cast(pl.String))
    require_genes(oof[GENE], positions.frame[GENE], dataset.source)
    genes = positions.frame.select(pl.col(GENE).cast(pl.String))
    fold = genes.join(of_gene, on=GENE, how="left", maintain_order="left")["fold"]
    known = fold.is_not_null().to_numpy()
    kept = fold.filter(known).cast(pl.Int16).to_numpy()
    return _scored(models, kept, dataset.with_rows(known), positions.filter(known))


def _scored(
    models: Mapping[int, FittedModel], fold: NDArray[np.int16], dataset: Dataset, positions: Positions
) -> pl.DataFrame:
    names = next(iter(models.values())).feature_names
    present = resolve_columns(dataset.columns, names)
    numbers = {name for name in present if dataset.kind(name) in (Kind.NUMERIC, Kind.NULL)}
    expressions = [pl.col(n).cast(pl.Float32) if n in numbers else pl.col(n) for n in present]
    chunk_rows = max(1024, CHUNK_BYTES // (4 * len(names)))
    raw = np.empty((dataset.n_rows, len(CLASSES)), np.float32)
    calibrated = np.empty_like(raw)
    first = 0
    progress = Progress(f"Scoring {dataset.source}")
    for frame in progress.track(dataset.iter_frames(expressions, chunk_rows), dataset.n_rows):
        of_chunk = fold[first : first + frame.height]
        for number in np.unique(of_chunk):
            here = np.flatnonzero(of_chunk == number)
            rows = frame if len(here) == frame.height else frame[here]
            raw[first + here], calibrated[first + here] = models[int(number)].predict_both(rows)
        first += frame.height
    columns = {
        name: values[:, c]
        for prefix, values in ((RAW, raw), (CALIBRATED, calibrated))
        for c, name in zip(CLASSES, probability_columns(prefix), strict=True)
    }
    return positions.frame.with_columns(
        pl.Series("fold", fold), *(pl.Series(name, values) for name, values in columns.items())
    )
