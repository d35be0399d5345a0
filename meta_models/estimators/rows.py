"""What `fit` is given, checked and in the form that training takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from meta_models.dataset.positions import MAX_WEIGHT
from meta_models.dataset.reading.files import as_text
from meta_models.errors import MetaModelsError
from meta_models.names import gene_key
from meta_models.schema import CLASS_NAMES, CLASSES

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class ClassCoding:
    """How labels are numbered; made by `code_classes`.

    Attributes
    ----------
    values : ndarray (K,)
        Labels in sorted order, as they stand in ``classes_``.
    names : tuple of str (K,)
        Names of the classes in the order of their numbers.
    numbers : ndarray of int64 (K,)
        Number of each of the `values`.
    """

    values: NDArray[np.generic]
    names: tuple[str, ...]
    numbers: NDArray[np.int64]

    @property
    def is_splice(self) -> bool:
        """Whether the classes are those of splice sites, numbered as everywhere in this package."""
        return self.names == CLASS_NAMES


@dataclass(frozen=True)
class TrainingRows:
    """Rows to train on, none of weight 0.

    Attributes
    ----------
    X : ndarray of float32 (n, F)
        NaN where a value is missing.
    labels : ndarray of int64 (n,)
        Numbers of the classes.
    weights : ndarray of float32 (n,)
    groups : ndarray of int64 (n,)
        Code of each row's group.
    genes : tuple of str
        Names of the groups, sorted; empty where none were given.
    features : tuple of str (F,)
    """

    X: Matrix
    labels: NDArray[np.int64]
    weights: NDArray[np.float32]
    groups: NDArray[np.int64]
    genes: tuple[str, ...]
    features: tuple[str, ...]
    classes: ClassCoding

    @property
    def unit(self) -> str:
        """What a group is called in messages."""
        return "groups" if self.genes else "rows (each is a group of its own where no groups are given)"

    def take(self, rows: NDArray[np.bool_]) -> TrainingRows:
        """The `rows` (n,) that are True."""
        kept = np.unique(self.groups[rows])
        genes = tuple(self.genes[code] for code in kept) if self.genes else ()
        groups = np.searchsorted(kept, self.groups[rows])
        X, labels, weights = self.X[rows], self.labels[rows], self.weights[rows]
        return TrainingRows(X, labels, weights, groups, genes, self.features, self.classes)


def code_classes(y: NDArray[np.generic]) -> tuple[ClassCoding, NDArray[np.int64]]:
    """The classes of `y` (n,), and the number of the class of each row.

    Labels 0, 1, 2 or ``neither``, ``donor``, ``acceptor`` are numbered as `SpliceClass`; others in sorted order.

    Raises
    ------
    ValueError
        If there is only one class.
    """
    values, codes = np.unique(y, return_inverse=True)
    if len(values) < 2:
        raise ValueError(f"y must hold at least 2 classes, found 1 class: {values[0]!r}")
    found, numbers = values.tolist(), np.arange(len(values))
    names = tuple(map(str, found))
    if set(found) == set(CLASS_NAMES):
        names, numbers = CLASS_NAMES, np.array([CLASS_NAMES.index(value) for value in found])
    elif found == [int(c) for c in CLASSES]:
        names = CLASS_NAMES
    return ClassCoding(values, names, numbers), numbers[codes]


def code_groups(groups: ArrayLike | None, X: Matrix) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The code of each row's group (n,), and the names of the groups in their order; each row its own without `groups`.

    Ids of one gene in several versions or spellings are one group, named as the first of them.

    Raises
    ------
    ValueError
        If there are not as many as rows, or one is missing or has no name.
    """
    if groups is None:
        return np.arange(len(X)), ()
    require_known(groups, "groups")
    values = column_or_1d(groups)
    check_consistent_length(X, values)
    if values.dtype.kind == "f":
        values = pl.DataFrame({"group": values}).select(as_text("group", pa.float64()))["group"].to_numpy()
    names, codes = np.unique(values.astype(str), return_inverse=True)
    if unnamed := int(np.isin(codes, np.flatnonzero(np.char.strip(names) == "")).sum()):
        raise ValueError(f"groups must have names; found none in {unnamed:,} of {len(codes):,} rows. Name or drop them")
    number: dict[str, int] = {}
    group = np.array([number.setdefault(gene_key(name), len(number)) for name in names], np.int64)
    first = np.unique(group, return_index=True)[1]
    return group[codes], tuple(names[first].tolist())


def require_known(values: ArrayLike, name: str) -> None:
    """Refuse values of which one is missing: None, NaN, NaT, pandas' NA, or masked.

    Raises
    ------
    ValueError
        Naming the argument `name`.
    """
    array = np.asanyarray(values)
    missing = np.ma.is_masked(array)
    if array.dtype.kind in "OfmM":
        missing = missing or any(map(_is_missing, array.ravel().tolist() if array.dtype.kind == "f" else array.ravel()))
    if missing:
        raise ValueError(f"{name} must be known for every row, found missing ones (Input {name} contains NaN)")


def require_no_enormous(weights: NDArray[np.float32]) -> None:
    """Refuse a weight beside which no other row counts.

    Raises
    ------
    ValueError
        With the number of such weights, and the largest.
    """
    usual = float(np.median(weights[weights > 0]))
    enormous = weights[weights > MAX_WEIGHT * usual]
    if len(enormous):
        raise ValueError(
            f"sample_weight must be at most {MAX_WEIGHT:g} times its median, found {len(enormous)} larger ones, the "
            f"largest {enormous.max():.3g}"
        )


def without_na(values: Any) -> Any:
    """`values` with NaN for the NA of pandas in columns of objects: numpy can make no number of it."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(values, pandas.DataFrame | pandas.Series):
        return values
    if isinstance(values, pandas.Series):
        return without_na(values.to_frame()).iloc[:, 0]
    objects = values.select_dtypes(object).columns
    if not len(objects):
        return values
    plain = values.copy()
    for column in objects:
        plain[column] = plain[column].where(plain[column].notna(), np.nan)
    return plain


def _is_missing(value: object) -> bool:
    """Whether a value is None, NaN (which is not itself) or the NA of pandas (which answers no comparison)."""
    pandas = sys.modules.get("pandas")
    return value is None or (pandas is not None and value is pandas.NA) or bool(value != value)


def without_weightless(rows: TrainingRows) -> TrainingRows:
    """Rows of weight 0 left out, as if they were not there.

    Raises
    ------
    ValueError
        If a class has no other rows.
    """
    counted = rows.weights > 0
    missing = sorted(set(range(len(rows.classes.names))) - set(rows.labels[counted].tolist()))
    if missing:
        absent = ", ".join(rows.classes.names[c] for c in missing)
        raise ValueError(f"Every class needs a row of sample_weight above 0, found none of class {absent}")
    return rows if counted.all() else rows.take(counted)


def feature_names(given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """The names of the columns; ``x0``, ``x1``, ... where there are none."""
    return tuple(f"x{k}" for k in range(count)) if given is None else tuple(map(str, given))


@contextmanager
def value_errors() -> Iterator[None]:
    """Turn errors of this package into the ValueError that users of scikit-learn expect."""
    try:
        yield
    except MetaModelsError as error:
        raise ValueError(str(error)) from error
