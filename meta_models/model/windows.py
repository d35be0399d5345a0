"""Rows of a table for a model that reads a window of the sequence around each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.reading.reader import Dataset
from meta_models.dataset.windows import CHECKED_ROWS, WindowCheck, has_windows, window_codes, window_of
from meta_models.errors import InputError
from meta_models.learners.seam import Matrix
from meta_models.learners.seam.genes import GenePredictor
from meta_models.learners.seam.windows import WindowRows
from meta_models.model.inputs import Rows, columns_found, open_rows
from meta_models.schema import SEQUENCE

if TYPE_CHECKING:
    from meta_models.model.base import FittedModel


def open_window_rows(X: Any, model: FittedModel) -> Rows:
    """The rows of a table with a column ``sequence``, with the model's scores of their windows among the features.

    Raises
    ------
    InputError
        If columns are missing (with a diff), or windows are none, or shorter than those that the model reads.
    """
    text = _text_of(X, model.window)
    rows = open_rows(X, table_features(model))
    return Rows(
        rows.n_rows,
        model.feature_names,
        lambda start, stop: with_window_scores(
            [model], model.feature_names, rows.matrix(start, stop), rows.feature_names, text.slice(start, stop - start)
        ),
    )


def table_features(model: FittedModel) -> tuple[str, ...]:
    """The features of `model` that stand in a table."""
    own = set(model.gene_columns)
    return tuple(name for name in model.feature_names if name not in own)


def with_window_scores(
    models: Sequence[FittedModel], names: Sequence[str], matrix: Matrix, found: Sequence[str], text: pl.Series
) -> Matrix:
    """The columns `names` of some rows: those of `matrix` (n, n_found), and scores that `models` have of windows.

    Scores that no model has, as only models of other folds do, are missing.
    """
    places = {name: at for at, name in enumerate(found)}
    known = {name: matrix[:, at] for name, at in places.items()}
    for reader in (single for model in models for single in model.gene_readers):
        predictor = reader.gene_predictor
        if predictor is None or known.keys() >= set(reader.own_columns):
            continue
        scores = _scores(predictor, matrix[:, [places[name] for name in predictor.row_columns]], text)
        known |= dict(zip(reader.own_columns, scores.T, strict=True))
    whole = np.full((len(matrix), len(names)), np.nan, np.float32)
    for at, name in enumerate(names):
        if name in known:
            whole[:, at] = known[name]
    return whole


def _scores(predictor: GenePredictor, columns: Matrix, text: pl.Series) -> NDArray[np.float32]:
    """Scores (n, n_targets) of rows, some at a time: the letters of all would take much memory."""
    found = np.empty((len(columns), predictor.n_targets), np.float32)
    for begin in range(0, len(columns), CHECKED_ROWS):
        here = slice(begin, begin + CHECKED_ROWS)
        codes = window_codes(text[here], predictor.window)
        found[here] = predictor.window_scores(WindowRows(codes, columns[here]))
    return found


def reads_windows(window: int, found: str) -> InputError:
    """The refusal of a table without windows by a model that reads them."""
    return InputError(
        f"This model reads a window of {window} bases around each row, in a text column {SEQUENCE!r}",
        found,
        "Add that column: bases on the strand of the gene, the position in the middle, N where none is known",
    )


def require_windows(dataset: Dataset, window: int) -> None:
    """See that a table on disk has windows for a model that reads so many bases.

    Raises
    ------
    InputError
        If it has none, or they are not sound, or shorter.
    """
    if not has_windows(dataset):
        raise reads_windows(window, f"Found {dataset.source!r} without it")
    window_of(dataset, window)


def _text_of(X: Any, window: int) -> pl.Series:
    """The column ``sequence`` of a table in memory, whose windows are sound and long enough."""
    if SEQUENCE not in columns_found(X):
        raise reads_windows(window, f"Found {type(X).__name__} without it")
    column = X[SEQUENCE]
    values = column.tolist() if hasattr(X, "iloc") else column
    text = pl.Series(SEQUENCE, values, strict=False).cast(pl.String)
    check = WindowCheck("the table")
    check.add(text)
    check.window(window)
    return text
