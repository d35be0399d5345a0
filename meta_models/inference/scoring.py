"""Scoring a table, streamed: the model's probabilities beside what the table says of each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.chunks import rows_of_chunk
from meta_models.dataset.files import Kind
from meta_models.dataset.positions import Positions
from meta_models.dataset.read_ahead import shares, side_by_side
from meta_models.dataset.reader import Dataset
from meta_models.inference.overlap import require_genes
from meta_models.model import FittedModel
from meta_models.model.inputs import resolve_columns
from meta_models.names import known_as
from meta_models.progress import Progress
from meta_models.result import CALIBRATED, RAW, SCREENED, probability_columns
from meta_models.schema import CLASSES, GENE

EXTERNAL = -1


def score_table(model: FittedModel, dataset: Dataset, positions: Positions, threads: int) -> pl.DataFrame:
    """`positions.frame`, ``family`` the group, with ``fold`` -1 and raw and calibrated probabilities (Float32).

    The features are read in chunks; what is held is one narrow row per position. The model keeps to `threads`.

    Raises
    ------
    InputError
        If the table lacks features of the model, or holds infinite values.
    """
    return _scored({EXTERNAL: model}, np.full(dataset.n_rows, EXTERNAL, np.int16), dataset, positions, threads)


def score_out_of_fold(
    models: Mapping[int, FittedModel], oof: pl.DataFrame, dataset: Dataset, positions: Positions, threads: int
) -> pl.DataFrame:
    """As `score_table`, each gene scored by the model of the fold that held it out in training.

    Parameters
    ----------
    models : mapping of fold to FittedModel
    oof : polars.DataFrame
        Out-of-fold table of the training, which says of each gene the fold, the family, and whether it was screened.
        Rows of other genes are left out; ids of other versions are of the same gene.

    Raises
    ------
    InputError
        If the table has no gene of the training.
    """
    told = [name for name in ("fold", "family", SCREENED) if name in oof.columns]
    of_gene = oof.group_by(pl.col(GENE).cast(pl.String)).agg(pl.col(told).first())
    require_genes(oof[GENE], positions.frame[GENE], dataset.source)
    genes = pl.DataFrame({GENE: known_as(positions.frame[GENE], oof[GENE])})
    of_row = genes.join(of_gene, on=GENE, how="left", maintain_order="left").drop(GENE)
    known = of_row["fold"].is_not_null().to_numpy()
    of_row = of_row.filter(known)
    fold = of_row["fold"].cast(pl.Int16).to_numpy()
    scored = _scored(models, fold, dataset.with_rows(known), positions.filter(known), threads)
    return scored.with_columns(of_row.drop("fold").iter_columns())


def _scored(
    models: Mapping[int, FittedModel], fold: NDArray[np.int16], dataset: Dataset, positions: Positions, threads: int
) -> pl.DataFrame:
    names = next(iter(models.values())).feature_names
    present = resolve_columns(dataset.columns, names)
    numbers = {name for name in present if dataset.kind(name) in (Kind.NUMERIC, Kind.NULL)}
    expressions = [pl.col(n).cast(pl.Float32) if n in numbers else pl.col(n) for n in present]
    workers, for_each = shares(threads)
    for model in models.values():
        model.set_threads(for_each)
    chunks = dataset.iter_frames(expressions, rows_of_chunk(len(names), workers))
    scores = side_by_side(_numbered(chunks), lambda chunk: _of_chunk(models, fold, *chunk), workers)
    both = np.empty((2, dataset.n_rows, len(CLASSES)), np.float32)
    first = 0
    with Progress(f"Scoring {dataset.source}").started(dataset.n_rows) as progress:
        for found in scores:
            both[:, first : first + found.shape[1]] = found
            first += found.shape[1]
            progress.advance(found.shape[1])
    for model in models.values():
        model.set_threads(threads)
    columns = {
        name: values[:, c]
        for prefix, values in zip((RAW, CALIBRATED), both, strict=True)
        for c, name in zip(CLASSES, probability_columns(prefix), strict=True)
    }
    return positions.frame.with_columns(
        positions.groups().alias("family"),
        pl.Series("fold", fold),
        *(pl.Series(name, values) for name, values in columns.items()),
    )


def _numbered(chunks: Iterable[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Each of `chunks` with the number of its first row."""
    first = 0
    for chunk in chunks:
        yield first, chunk
        first += chunk.height


def _of_chunk(
    models: Mapping[int, FittedModel], fold: NDArray[np.int16], first: int, chunk: pl.DataFrame
) -> NDArray[np.float32]:
    """Raw and calibrated probabilities, (2, n, 3), of a chunk whose first row is row `first` of the table."""
    of_chunk = fold[first : first + chunk.height]
    both = np.empty((2, chunk.height, len(CLASSES)), np.float32)
    for number in np.unique(of_chunk):
        here = np.flatnonzero(of_chunk == number)
        rows = chunk if len(here) == chunk.height else chunk[here]
        both[:, here] = models[int(number)].predict_both(rows)
    return both
