"""What every fitted model shares: what is known about it, and the way from a table to probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from meta_models.model.calibrators import Calibrator, apply_calibrators, normalise
from meta_models.model.inputs import Matrix, Rows, open_rows
from meta_models.schema import CLASS_NAMES, CLASSES

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class ModelInfo:
    """Where a model comes from; made by the strategies, kept in the model file.

    Attributes
    ----------
    strategy : str
        Name of the training strategy.
    genes, families : tuple of str
        Genes (and gene families, where the table names them) that the model was trained on; sorted, each once.
    base_models : tuple of str
        Names of the base models whose scores are features.
    weighting : str
        Where the weights of rows come from, as in ``TrainingResult.weighting``.
    versions : mapping of str to str
        Versions of the libraries that trained it.
    provenance : mapping of str to JSON value
        Anything else worth keeping.
    format_version : int
        Format of the file it was read from.
    """

    strategy: str
    genes: tuple[str, ...]
    families: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    weighting: str = "none"
    versions: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Json] = field(default_factory=dict)
    classes: tuple[str, ...] = CLASS_NAMES
    format_version: int = 1

    def __post_init__(self) -> None:
        for name in ("genes", "families"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)):
                raise ValueError(f"{name} must be sorted and unique")
        if self.classes != CLASS_NAMES:
            raise ValueError(f"classes must be {CLASS_NAMES}, found {self.classes}")


class FittedModel(ABC):
    """A fitted model of three one-vs-rest scores.

    Subclasses say how scores come from a matrix; everything else, chunk by chunk in bounded memory, is here.

    Parameters
    ----------
    feature_names : sequence of str, (F,)
        Names of the columns in the order of the matrix; unique.
    calibrators : three calibrators in the order of :class:`~meta_models.schema.SpliceClass`, or None
    info : ModelInfo
    """

    def __init__(
        self, feature_names: Sequence[str], *, calibrators: Sequence[Calibrator] | None, info: ModelInfo
    ) -> None:
        if not feature_names or len(set(feature_names)) != len(feature_names):
            raise ValueError("feature_names must be unique, and at least one")
        if calibrators is not None and len(calibrators) != len(CLASSES):
            raise ValueError(f"a calibrator for each class is needed, found {len(calibrators)}")
        self.feature_names = tuple(map(str, feature_names))
        self.calibrators = None if calibrators is None else tuple(calibrators)
        self.info = info

    @abstractmethod
    def scores_of(self, matrix: Matrix) -> Probabilities:
        """Uncalibrated one-vs-rest scores (n, 3) of a float32 (n, F) matrix with ``MISSING`` for NaN."""

    @abstractmethod
    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""

    @property
    @abstractmethod
    def n_members(self) -> int:
        """How many models are combined; 1 in a single model."""

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Class labels in the order of the columns: 0 neither, 1 donor, 2 acceptor."""
        return np.array(CLASSES, dtype=np.int64)

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Feature names in the order of the columns, (F,)."""
        return np.array(self.feature_names, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """How many features the model reads, F."""
        return len(self.feature_names)

    def predict_proba(self, X: object) -> Probabilities:
        """Probabilities of the classes, calibrated if the model has calibrators.

        Parameters
        ----------
        X : array, polars or pandas DataFrame, pyarrow Table or RecordBatch, (n, ...)
            See :func:`meta_models.model.inputs.as_matrix`.

        Returns
        -------
        ndarray of float64, (n, 3)
            In the order of :class:`~meta_models.schema.SpliceClass`; rows sum to 1.

        Raises
        ------
        InputError
            If the columns of `X` do not fit, or a value is infinite.
        """
        return self.map_chunks(X, lambda matrix: self._calibrated(self.scores_of(matrix)))

    def predict_both(self, X: object) -> tuple[Probabilities, Probabilities]:
        """Raw and calibrated probabilities in one pass, each as :meth:`predict_proba`; equal without calibrators."""
        scores = self.map_chunks(X, self.scores_of)
        return normalise(scores), self._calibrated(scores)

    def predict(self, X: object) -> NDArray[np.int64]:
        """The most probable class of each row, (n,); the first of equals."""
        return np.asarray(self.predict_proba(X).argmax(axis=1), dtype=np.int64)

    def map_chunks(
        self, X: object, function: Callable[[Matrix], NDArray[np.float64]], *, leading: tuple[int, ...] = ()
    ) -> NDArray[np.float64]:
        """Apply `function` to consecutive chunks of rows of `X` and join the results.

        Parameters
        ----------
        function : callable
            Maps a float32 (m, F) matrix to float64 (*leading, m, 3).

        Returns
        -------
        ndarray of float64, (*leading, n, 3)
        """
        rows: Rows = open_rows(X, self.feature_names)
        result = np.empty((*leading, rows.n_rows, len(CLASSES)))
        for start, matrix in rows.chunks():
            result[..., start : start + len(matrix), :] = function(matrix)
        return result

    def _calibrated(self, scores: Probabilities) -> Probabilities:
        return normalise(scores) if self.calibrators is None else apply_calibrators(scores, self.calibrators)
