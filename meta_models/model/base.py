"""What every fitted model shares: what is known about it, and the way from a table to probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from meta_models.features import Recipe
from meta_models.learners.seam import Matrix
from meta_models.learners.seam.genes import GeneTracks
from meta_models.model.calibrators import Calibrator, apply_calibrators, normalise
from meta_models.model.first_pass import FirstPass
from meta_models.model.inputs import Rows, columns_found, open_rows, require_gene_columns
from meta_models.model.sketches import FeatureSketch
from meta_models.model.windows import open_window_rows
from meta_models.schema import CLASS_NAMES, SpliceClass

if TYPE_CHECKING:
    from meta_models.model.single import SingleModel

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Probabilities = NDArray[np.float64]

#: More positions than any gene has.
WHOLE_GENE = 2**40


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
    classes : tuple of str
        Names of the classes in the order of the columns. Only models of the splice classes can be stored as a file.
    format_version : int
        Format of the file it was read from.
    prevalence : tuple of three float, or None
        Weighted share of each class among the rows that its probabilities were calibrated on: the shares that they are
        right for. None where that is not known.
    sketches : mapping of str to FeatureSketch
        The distribution of each feature in training, with the weights of the rows; empty where that is not known.
    loci : tuple of str
        Stretches of the genome that the genes were from, as :class:`~meta_models.dataset.genes.loci.Locus` writes them;
        sorted, each once; empty where that is not known.
    recipe : Recipe or None
        How the columns were computed from genome and scores; None where the table did not say.
    first_pass : FirstPass or None
        The model whose scores of whole genes further columns are computed from; None where there are none.
    """

    strategy: str
    genes: tuple[str, ...]
    families: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    weighting: str = "none"
    versions: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Json] = field(default_factory=dict)
    classes: tuple[str, ...] = CLASS_NAMES
    format_version: int = 2
    prevalence: tuple[float, float, float] | None = None
    sketches: Mapping[str, FeatureSketch] = field(default_factory=dict)
    loci: tuple[str, ...] = ()
    recipe: Recipe | None = None
    first_pass: FirstPass | None = None

    def __post_init__(self) -> None:
        for name in ("genes", "families", "loci"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)):
                raise ValueError(f"{name} must be sorted and unique")
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise ValueError(f"classes must be unique, and at least two, found {self.classes}")
        if set(self.classes) == set(CLASS_NAMES) and self.classes != CLASS_NAMES:
            raise ValueError(f"splice classes must be in the order {CLASS_NAMES}, found {self.classes}")
        if self.prevalence is not None and not (min(self.prevalence) >= 0 and abs(sum(self.prevalence) - 1) < 1e-3):
            raise ValueError(f"prevalence must be shares that sum to 1, found {self.prevalence}")
        if self.first_pass is not None and self.recipe != self.first_pass.recipe:
            raise ValueError("both passes have the same recipe")


class FittedModel(ABC):
    """A fitted model of one-vs-rest scores: K of them, which is 3 wherever splice sites are predicted.

    Subclasses say how scores come from a matrix; everything else, chunk by chunk in bounded memory, is here.

    Parameters
    ----------
    feature_names : sequence of str, (F,)
        Names of the columns in the order of the matrix; unique.
    calibrators : a calibrator for each class in the order of ``info.classes``, or None
    info : ModelInfo
    """

    def __init__(
        self, feature_names: Sequence[str], *, calibrators: Sequence[Calibrator] | None, info: ModelInfo
    ) -> None:
        if not feature_names or len(set(feature_names)) != len(feature_names):
            raise ValueError("feature_names must be unique, and at least one")
        if calibrators is not None and len(calibrators) != len(info.classes):
            raise ValueError(f"a calibrator for each class is needed, found {len(calibrators)}")
        last = max((column for c in calibrators or () for column in c.columns), default=-1)
        if last >= len(feature_names):
            raise ValueError(f"a calibrator looks at feature {last} of {len(feature_names)}")
        self.feature_names = tuple(map(str, feature_names))
        self.calibrators = None if calibrators is None else tuple(calibrators)
        self.info = info

    def __repr__(self) -> str:
        """What it is, of how many members, features and training genes."""
        return (
            f"<{type(self).__name__}: {self.n_members} member{'s' * (self.n_members != 1)}, "
            f"{len(self.feature_names):,} features, {len(self.info.genes):,} training genes>"
        )

    @abstractmethod
    def scores_of(self, matrix: Matrix) -> Probabilities:
        """Uncalibrated one-vs-rest scores (n, K) of a float32 (n, F) matrix, NaN where a value is missing."""

    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""
        for single in self.singles:
            single.predictor.set_threads(n)
        if self.info.first_pass is not None:
            self.info.first_pass.model.set_threads(n)

    @abstractmethod
    def with_calibrators(self, calibrators: Sequence[Calibrator] | None) -> Self:
        """The same model with other calibrators, or none."""

    @abstractmethod
    def with_info(self, info: ModelInfo) -> Self:
        """The same model with another origin."""

    @property
    @abstractmethod
    def n_members(self) -> int:
        """How many models are combined; 1 in a single model."""

    @property
    @abstractmethod
    def singles(self) -> tuple[SingleModel, ...]:
        """All single models in it."""

    @property
    def trees(self) -> int:
        """Trees of all single models, those of what they went on from included; 0 where they are not made of trees."""
        return sum(_count(single.predictor.facts(), "trees") for single in self.singles)

    @property
    def earlier_trees(self) -> int:
        """Trees of what its single models went on from."""
        earlier = (single.predictor.facts().get("earlier") for single in self.singles)
        return sum(_count(facts, "trees") for facts in earlier if isinstance(facts, Mapping))

    @property
    def gene_readers(self) -> tuple[SingleModel, ...]:
        """The single models in it that read whole genes."""
        return tuple(single for single in self.singles if single.gene_predictor is not None)

    @property
    def gene_columns(self) -> tuple[str, ...]:
        """Features that are computed from whole genes by the model itself.

        Those of a first pass, which gives them, and the scores of `gene_readers`: `scores_of_gene` gives those.
        """
        first = () if self.info.first_pass is None else self.info.first_pass.names
        return (*first, *(name for single in self.gene_readers for name in single.own_columns))

    @property
    def window(self) -> int:
        """Bases of the window around each row that `gene_readers` read; 0 where they read genes, or there are none."""
        found = (single.gene_predictor for single in self.gene_readers)
        return max((predictor.window for predictor in found if predictor is not None), default=0)

    @property
    def reach(self) -> int:
        """Positions on either side of a part of a gene that its `gene_columns` depend on."""
        if self.info.first_pass is not None:
            return WHOLE_GENE
        found = (single.gene_predictor for single in self.gene_readers)
        return max((predictor.reach for predictor in found if predictor is not None), default=0)

    def scores_of_gene(self, gene: GeneTracks, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """The scores (n,) of `gene_readers` at the positions `rows` of a gene; `rows` are (n,), increasing."""
        found: dict[str, NDArray[np.float32]] = {}
        for single in self.gene_readers:
            if single.gene_predictor is not None:
                scores = single.gene_predictor.position_scores(gene, rows)
                found |= dict(zip(single.own_columns, scores.T, strict=True))
        return found

    @property
    def depth(self) -> int:
        """How many ensembles lie within one another; 0 in a single model."""
        return 0

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Class labels in the order of the columns: 0 neither, 1 donor, 2 acceptor."""
        return np.arange(self.n_classes, dtype=np.int64)

    @property
    def n_classes(self) -> int:
        """How many classes the model tells apart, K."""
        return len(self.info.classes)

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
        return self.map_chunks(X, self.probabilities_of)

    def predict_both(self, X: object) -> tuple[Probabilities, Probabilities]:
        """Raw and calibrated probabilities in one pass, each as :meth:`predict_proba`; equal without calibrators."""

        def both(matrix: Matrix) -> NDArray[np.float64]:
            """Raw and calibrated probabilities of the rows of `matrix`."""
            scores = self.scores_of(matrix)
            return np.stack([self.normalised(scores), self.calibrated(scores, matrix)])

        raw, calibrated = self.map_chunks(X, both, leading=(2,))
        return raw, calibrated

    def probabilities_of(self, matrix: Matrix) -> Probabilities:
        """Probabilities (n, K) of a float32 (n, F) matrix, NaN where a value is missing, as :meth:`predict_proba`."""
        return self.calibrated(self.scores_of(matrix), matrix)

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

        Raises
        ------
        InputError
            If the model reads whole genes, and `X` is a table of rows without its scores of them.
        """
        rows = self._open(X)
        result = np.empty((*leading, rows.n_rows, self.n_classes))
        for start, matrix in rows.chunks():
            result[..., start : start + len(matrix), :] = function(matrix)
        return result

    def matrix_of(self, X: object) -> Matrix:
        """All that the model reads of a table, float32 (n, F): features, and its own scores of windows."""
        rows = self._open(X)
        return rows.matrix(0, rows.n_rows)

    def _open(self, X: object) -> Rows:
        """Rows with the features of the model; scores of windows are computed where the table does not hold them."""
        found = columns_found(X)
        if self.window and found and not set(self.gene_columns) <= set(found):
            return open_window_rows(X, self)
        require_gene_columns(X, self.gene_columns)
        return open_rows(X, self.feature_names)

    def calibrated(self, scores: Probabilities, matrix: Matrix) -> Probabilities:
        """Probabilities (n, 3) from what :meth:`scores_of` gives: calibrated if the model has calibrators."""
        if self.calibrators is None:
            return self.normalised(scores)
        others = [matrix[:, list(c.columns)] for c in self.calibrators]
        return apply_calibrators(scores, self.calibrators, others, zeros_mean=self.zeros_mean)

    def normalised(self, scores: Probabilities) -> Probabilities:
        """Scores (n, K) divided by the sum of their row."""
        return normalise(scores, zeros_mean=self.zeros_mean)

    @property
    def zeros_mean(self) -> int | None:
        """The class that a row of zero scores becomes (see :func:`normalise`): *neither* among splice classes."""
        return SpliceClass.NEITHER if self.info.classes == CLASS_NAMES else None


def _count(facts: Mapping[str, Json], name: str) -> int:
    """What `facts` count under `name`; 0 where they do not."""
    found = facts.get(name)
    return found if isinstance(found, int) else 0
