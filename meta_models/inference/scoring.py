"""Scoring a table, streamed: the model's probabilities beside what the table says of each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.read_ahead import shares, side_by_side
from meta_models.dataset.reading.reader import Dataset
from meta_models.inference.checks.overlap import require_genes
from meta_models.inference.contenders import FoldScorer, layer_columns
from meta_models.learners.seam import Matrix
from meta_models.model import FittedModel
from meta_models.model.inputs import as_matrix, reads_whole_genes, resolve_columns
from meta_models.model.windows import require_windows, with_window_scores
from meta_models.names import known_as
from meta_models.progress import Progress
from meta_models.result import SCREENED
from meta_models.schema import CLASSES, GENE, SEQUENCE

EXTERNAL = -1


def score_table(model: FittedModel, dataset: Dataset, positions: Positions, threads: int) -> pl.DataFrame:
    """`positions.frame`, ``family`` the group, with ``fold`` -1 and raw and calibrated probabilities (Float32).

    The features are read in chunks; what is held is one narrow row per position. The model keeps to `threads`.

    Raises
    ------
    InputError
        If the table lacks features of the model, or holds infinite values; or the model reads whole genes, or windows
        that the table lacks.
    """
    if model.gene_columns and not model.window:
        raise reads_whole_genes(f"Found rows of {dataset.source!r}")
    return _scored(
        FoldScorer({EXTERNAL: model}), np.full(dataset.n_rows, EXTERNAL, np.int16), dataset, positions, threads
    )


def score_out_of_fold(
    scorer: FoldScorer, oof: pl.DataFrame, dataset: Dataset, positions: Positions, threads: int
) -> pl.DataFrame:
    """As `score_table`, each gene scored by the model of the fold that held it out in training.

    Parameters
    ----------
    scorer : FoldScorer
        The models of the folds, and what is scored beside them.
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
    scored = _scored(scorer, fold, dataset.with_rows(known), positions.filter(known), threads)
    return scored.with_columns(of_row.drop("fold").iter_columns())


def _scored(
    scorer: FoldScorer, fold: NDArray[np.int16], dataset: Dataset, positions: Positions, threads: int
) -> pl.DataFrame:
    if scorer.window:
        require_windows(dataset, scorer.window)
    present = resolve_columns(dataset.columns, scorer.table_names)
    numbers = {name for name in present if dataset.kind(name) in (Kind.NUMERIC, Kind.NULL)}
    expressions = [pl.col(n).cast(pl.Float32) if n in numbers else pl.col(n) for n in present]
    expressions += [pl.col(SEQUENCE).cast(pl.String)] if scorer.window else []
    workers, for_each = shares(threads)
    scorer.set_threads(for_each)
    chunks = dataset.iter_frames(expressions, rows_of_chunk(len(scorer.names) + scorer.window, workers))
    scores = side_by_side(_numbered(chunks), lambda chunk: _of_chunk(scorer, fold, *chunk), workers)
    layers = np.empty((len(scorer.prefixes), dataset.n_rows, len(CLASSES)), np.float32)
    first = 0
    with Progress(f"Scoring {dataset.source}").started(dataset.n_rows) as progress:
        for found in scores:
            layers[:, first : first + found.shape[1]] = found
            first += found.shape[1]
            progress.advance(found.shape[1])
    scorer.set_threads(threads)
    return positions.frame.with_columns(
        positions.groups().alias("family"), pl.Series("fold", fold), *layer_columns(scorer.prefixes, layers)
    )


def _numbered(chunks: Iterable[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Each of `chunks` with the number of its first row."""
    first = 0
    for chunk in chunks:
        yield first, chunk
        first += chunk.height


def _of_chunk(scorer: FoldScorer, fold: NDArray[np.int16], first: int, chunk: pl.DataFrame) -> NDArray[np.float32]:
    """Layers of probabilities, (L, n, 3), of a chunk whose first row is row `first` of the table."""
    folds, matrix = fold[first : first + chunk.height], as_matrix(chunk, scorer.table_names)
    if not scorer.window:
        return scorer.score(folds, matrix)
    return scorer.score(folds, _with_windows(scorer, folds, matrix, chunk[SEQUENCE]))


def _with_windows(scorer: FoldScorer, fold: NDArray[np.int16], matrix: Matrix, text: pl.Series) -> Matrix:
    """The columns of `scorer`: those of the table, and what the models of each row's fold say of its window."""
    whole = np.empty((len(matrix), len(scorer.names)), np.float32)
    for number in np.unique(fold).tolist():
        here = np.flatnonzero(fold == number)
        models = scorer.models_of(number)
        whole[here] = with_window_scores(models, scorer.names, matrix[here], scorer.table_names, text[here])
    return whole
