"""From any table to the float32 matrix that models read, NaN where a value is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.learners.seam import LEAST_VALUE, Matrix
from meta_models.schema import METADATA, is_kmer

logger = logging.getLogger(__name__)


#: Values in one chunk of rows (16 MB as float32): enough for every thread, small beside the model.
CHUNK_VALUES = 4_194_304
_SHOWN = 10


@dataclass(frozen=True)
class Rows:
    """A table seen as rows of float32 features in the model's order; made by :func:`open_rows`.

    Attributes
    ----------
    take : callable
        ``take(start, stop)`` converts these rows, float32 (stop - start, F), C-order, NaN where a value is missing.
    """

    n_rows: int
    feature_names: Sequence[str]
    take: Callable[[int, int], Matrix]

    def matrix(self, start: int, stop: int) -> Matrix:
        """Rows `start` to `stop`, checked, NaN where a value is missing: float32 (stop - start, F), C-order.

        Raises
        ------
        InputError
            If a value is infinite, beyond float32 or below :data:`LEAST_VALUE`; names the columns and counts.
        """
        matrix = self.take(start, stop)
        if not _in_range(matrix):
            self._refuse()
        return matrix

    def chunks(self) -> Iterator[tuple[int, Matrix]]:
        """Start and float32 matrix of consecutive chunks of rows, checked, NaN where a value is missing."""
        for start, stop in self._bounds():
            yield start, self.matrix(start, stop)

    def _bounds(self) -> Iterator[tuple[int, int]]:
        step = max(1024, CHUNK_VALUES // max(1, len(self.feature_names)))
        for start in range(0, self.n_rows, step):
            yield start, min(start + step, self.n_rows)

    def _refuse(self) -> None:
        counts = sum((_out_of_range(self.take(*bounds)).sum(axis=0) for bounds in self._bounds()), start=0)
        where = [
            f"{name} ({count})" for name, count in zip(self.feature_names, np.atleast_1d(counts), strict=True) if count
        ]
        raise InputError(
            f"Feature values must be finite, fit into float32 and not lie below {LEAST_VALUE:g}",
            f"Found infinite or too large values in {_listed(where)} (column and count)",
            "Replace them, or make them null if they are unknown",
        )


def as_matrix(X: object, feature_names: Sequence[str]) -> Matrix:
    """The features of `X` as one matrix.

    Parameters
    ----------
    X : array, polars or pandas DataFrame, pyarrow Table or RecordBatch, (n, ...)
        An array has its columns in the order of `feature_names`. Of a table, columns are taken by name, in any order;
        others are ignored; a k-mer column that it lacks is 0.
    feature_names : sequence of str, (F,)

    Returns
    -------
    ndarray of float32, (n, F), C-order
        NaN where a value is missing (see :func:`fill_missing`). It shares the memory of `X` if that is such an array.

    Raises
    ------
    InputError
        If columns are missing (with a diff), of another kind than numbers, or hold infinite values.
    """
    rows = open_rows(X, feature_names)
    return rows.matrix(0, rows.n_rows)


def unmasked(X: Any) -> Any:
    """`X` itself, or, where it is a masked array of numbers, an array with NaN for what is masked."""
    if not np.ma.is_masked(X) or X.dtype.kind not in "biuf":
        return X
    return X.astype(np.result_type(X.dtype, np.float32)).filled(np.nan)


def open_rows(X: object, feature_names: Sequence[str]) -> Rows:
    """Resolve the columns of `X` (see :func:`as_matrix`) without converting any row yet."""
    if isinstance(X, pl.LazyFrame):
        raise InputError("A table in memory is needed", "Found a polars LazyFrame", "Collect it first")
    if isinstance(X, pl.DataFrame):
        return _polars_rows(X, feature_names)
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return _pandas_rows(X, feature_names)
    if hasattr(X, "schema") and (hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__")):
        return _arrow_rows(X, feature_names)
    return _array_rows(X, feature_names)


def _array_rows(X: object, names: Sequence[str]) -> Rows:
    array = np.asarray(unmasked(X))
    if array.dtype.kind not in "biuf":
        raise InputError("Features must be numbers", f"Found {type(X).__name__} of type {array.dtype}")
    if array.ndim != 2 or array.shape[1] != len(names):
        raise InputError(
            f"An array must have shape (rows, {len(names)}), its columns in the order of feature_names_in_",
            f"Found shape {array.shape}",
            "Pass a table with named columns to have them matched by name",
        )
    return Rows(array.shape[0], names, lambda start, stop: _float32(array[start:stop]))


def _polars_rows(frame: pl.DataFrame, names: Sequence[str]) -> Rows:
    present = resolve_columns(frame.columns, names)
    known = set(present)
    require_numbers({n: t for n, t in frame.select(present).schema.items() if not _is_number(t)})
    columns = [pl.col(n).cast(pl.Float32) if n in known else pl.lit(0, pl.Float32).alias(n) for n in names]
    return Rows(
        frame.height, names, lambda start, stop: _from_polars(frame.slice(start, stop - start), columns, len(present))
    )


def _from_polars(rows: pl.DataFrame, columns: Sequence[pl.Expr], n_present: int) -> Matrix:
    if not n_present:
        return np.zeros((rows.height, len(columns)), np.float32)
    return rows.select(columns).to_numpy(order="c")


def _arrow_rows(table: Any, names: Sequence[str]) -> Rows:
    present = resolve_columns(table.schema.names, names)
    frame = pl.from_arrow(table.select(list(present)))
    if not isinstance(frame, pl.DataFrame):  # pragma: no cover - tables always become frames
        raise InputError("A table is needed", f"Found {type(table).__name__}")
    if not present:
        return Rows(table.num_rows, names, lambda start, stop: np.zeros((stop - start, len(names)), np.float32))
    return _polars_rows(frame, names)


def _pandas_rows(frame: Any, names: Sequence[str]) -> Rows:
    present = resolve_columns([str(c) for c in frame.columns], names)
    positions = {str(c): i for i, c in enumerate(frame.columns)}
    chosen = frame.iloc[:, [positions[n] for n in present]]
    require_numbers({n: t for n, t in zip(present, chosen.dtypes, strict=True) if t.kind not in "biuf"})
    where = {n: i for i, n in enumerate(names)}
    targets = [where[n] for n in present]

    def take(start: int, stop: int) -> Matrix:
        with np.errstate(over="ignore"):
            values = chosen.iloc[start:stop].to_numpy(dtype=np.float32, na_value=np.nan)
        if len(targets) == len(names):
            return np.ascontiguousarray(values)
        matrix = np.zeros((stop - start, len(names)), np.float32)
        matrix[:, targets] = values
        return matrix

    return Rows(len(frame), names, take)


def require_gene_columns(X: object, names: Sequence[str]) -> None:
    """See that a table holds the columns `names`, which a model computes from whole genes.

    Raises
    ------
    InputError
        If it does not.
    """
    found = columns_found(X)
    if found and not set(names) <= set(found):
        raise reads_whole_genes("Found a table of rows")


def columns_found(X: object) -> tuple[str, ...]:
    """Names of the columns of a table in memory; none of an array."""
    if isinstance(X, pl.LazyFrame):
        return ()
    names = getattr(getattr(X, "schema", None), "names", None)
    return tuple(map(str, names if isinstance(names, list) else getattr(X, "columns", ())))


def reads_whole_genes(found: str) -> InputError:
    """The refusal of rows by a model that reads whole genes."""
    return InputError(
        "This model reads whole genes: every position with what lies around it",
        found,
        "Give a folder that 'meta-models build' made ('meta-models predict --dataset OUT'), or predict from a genome",
    )


def resolve_columns(found: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The features in `names` that stand among `found`, in the order of `names`.

    Absent k-mer columns are logged and left to be 0.

    Raises
    ------
    InputError
        If any other column is missing, with a diff of the columns; or if a column that is needed stands there twice.
    """
    available = set(found)
    present = tuple(n for n in names if n in available)
    if len(found) != len(available):
        seen: set[str] = set()
        twice = {n for n in found if n in seen or seen.add(n)}  # type: ignore[func-returns-value]
        if clash := sorted(twice.intersection(present)):
            raise InputError("Column names must be unique", f"Found more than once: {_listed(clash)}")
    absent = [n for n in names if n not in available]
    if missing := [n for n in absent if not is_kmer(n)]:
        raise _mismatch(missing, sorted(available - METADATA - set(names)), len(names))
    if absent:
        logger.info("%d k-mer columns that the table lacks count 0: %s", len(absent), _listed(absent))
    return present


def _mismatch(missing: Sequence[str], extra: Sequence[str], total: int) -> InputError:
    lines = [f"  - {name}" for name in missing[:_SHOWN]] + [f"  + {name}" for name in extra[:_SHOWN]]
    return InputError(
        f"The table must have the {total} features that the model was trained on",
        f"Found {len(missing)} missing (-) and {len(extra)} that the model does not use (+), "
        f"up to {_SHOWN} of each:\n" + "\n".join(lines) + "\n",
        "Rename or add the missing columns; null stands for an unknown value",
    )


def require_numbers(others: Mapping[str, object]) -> None:
    """Refuse features that are no numbers, given by name with their types.

    Raises
    ------
    InputError
        If there is one.
    """
    if others:
        shown = _listed([f"{name} ({dtype})" for name, dtype in others.items()])
        action = "Correct the values; null (in text nothing at all) stands for an unknown one"
        raise InputError("Features must be numbers", f"Found other column types: {shown}", action)


def _is_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)


def _float32(array: NDArray[Any]) -> Matrix:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


def _in_range(matrix: Matrix) -> bool:
    if not matrix.size:
        return True
    low, high = np.fmin.reduce(matrix, axis=None), np.fmax.reduce(matrix, axis=None)
    return bool(np.isnan(low) or (low >= LEAST_VALUE and high < np.inf))


def _out_of_range(matrix: Matrix) -> NDArray[np.bool_]:
    return np.isinf(matrix) | (matrix < LEAST_VALUE)


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
