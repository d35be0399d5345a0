"""Logistic regression on bins by averaged stochastic gradient descent: one block of rows in memory, several passes.

Each feature is a handful of bins, quantiles of `TrainingRows.sample`, and each bin has a coefficient: the sum of steps
that a linear model of raw values lacks. All that is kept from block to block are the coefficients.

References
----------
Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging, doi:10.1137/0330046; Bottou (2010),
Large-scale machine learning with stochastic gradient descent, doi:10.1007/978-3-7908-2604-3_16.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from meta_models.dataset.reader import reading_bytes
from meta_models.learners.arrays import (
    MOST_COEFFICIENT,
    ArrayLearner,
    ArrayPredictor,
    Expected,
    read_arrays,
    require,
    require_within,
)
from meta_models.learners.bins import MOST_BINS, Bins, Codes, make_bins
from meta_models.learners.jobs import (
    CLASS_WEIGHTS,
    CLASSES,
    ClassWeights,
    balanced,
    bytes_of_sample,
    rows_trained_on,
    scores_of,
)
from meta_models.learners.linear import sigmoid
from meta_models.learners.seam import (
    FitJob,
    Fitted,
    Footprint,
    LearnerConfig,
    Matrix,
    Predictor,
    Prepared,
    Resources,
    Shape,
    TrainingRows,
    Traits,
    Tune,
)

#: Values of a block of rows: what is in memory at a time.
_BLOCK_VALUES = 2_000_000
#: Fills up the edges of features that have fewer: no value is above it.
_NO_EDGE = np.finfo(np.float32).max
_MOST_LOG_ODDS = 14.0


class StochasticGradientDescentConfig(LearnerConfig):
    """Options of stochastic gradient descent."""

    bins: Annotated[int, Field(ge=2, le=MOST_BINS), Tune(8, 32)] = Field(25, description="Bins of a feature.")
    passes: Annotated[int, Field(ge=1)] = Field(10, description="Passes over the table.")
    learning_rate: Annotated[float, Field(gt=0), Tune(0.3, 10, log=True)] = Field(
        3.0, description="Length of a step, for a feature; all features that may be used share it."
    )
    penalty: Annotated[float, Field(ge=0), Tune(1e-7, 1e-2, log=True)] = Field(
        1e-5, description="L2 regularisation of the coefficients, for each row."
    )
    class_weights: ClassWeights = Field("none", description=CLASS_WEIGHTS)


class BinPredictor(ArrayPredictor):
    """Log-odds that are sums over the bins that a row is in.

    Parameters
    ----------
    edges : ndarray of float32 (n_inputs, n_bins - 1)
        Edges of each feature, rising, filled up with the largest float32.
    coefficients : ndarray of float64 (n_inputs, n_bins, n_targets)
    intercepts : ndarray of float64 (n_targets,)
    shares : ndarray of float64 (n_inputs, n_bins)
        Of the rows trained on in each bin.
    """

    def __init__(
        self, edges: NDArray[np.float32], coefficients: NDArray[np.float64], intercepts: NDArray[np.float64],
        shares: NDArray[np.float64],
    ) -> None:  # fmt: skip
        self.edges, self.coefficients, self.intercepts, self.shares = edges, coefficients, intercepts, shares
        self.n_inputs, self.n_targets = len(edges), len(intercepts)
        self._bins = Bins(tuple(edges))

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Sigmoids."""
        return sigmoid(self.log_odds(matrix))

    def log_odds(self, matrix: Matrix) -> NDArray[np.float64]:
        """Sums of the coefficients of the bins."""
        log_odds = np.tile(self.intercepts, (len(matrix), 1))
        for feature, codes in enumerate(self._bins.codes(matrix).T):
            log_odds += self.coefficients[feature, codes]
        return log_odds

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """Edges, coefficients, intercepts and shares."""
        return {
            "edges": self.edges, "coefficients": self.coefficients, "intercepts": self.intercepts,
            "shares": self.shares,
        }  # fmt: skip

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        """Mean size of the coefficient that each feature gives the rows trained on."""
        return {"coefficient": np.einsum("fbk,fb->kf", np.abs(self.coefficients), self.shares)}

    def contributions(self, matrix: Matrix, *, approximate: bool = False) -> NDArray[np.float64]:  # noqa: ARG002
        """Coefficients of the row's bins: exact, and nought on average over the rows trained on."""
        result = np.empty((len(matrix), self.n_targets, self.n_inputs + 1))
        for feature, codes in enumerate(self._bins.codes(matrix).T):
            result[:, :, feature] = self.coefficients[feature, codes]
        result[:, :, -1] = self.intercepts
        return result


class StochasticGradientDescent(ArrayLearner):
    """The learner for tables that do not fit: it takes them block by block."""

    name: ClassVar[str] = "sgd"
    title: ClassVar[str] = "logistic regression on bins, by stochastic gradient descent (scikit-learn)"
    Config: ClassVar[type[StochasticGradientDescentConfig]] = StochasticGradientDescentConfig
    traits: ClassVar[Traits] = Traits(targets="all", features=True, streamed=True, side_by_side=False)

    def footprint(
        self, shape: Shape, config: StochasticGradientDescentConfig, resources: Resources  # noqa: ARG002
    ) -> Footprint:  # fmt: skip
        """A block of rows as floats and as one-hot columns, and coefficients with their averages."""
        reading = int(reading_bytes(shape.rows, shape.features, 4 * _BLOCK_VALUES))
        values = min(_rows_of_block(shape.features), shape.rows) * shape.features
        return Footprint(
            0, bytes_of_sample(shape), reading + 24 * values + 200 * shape.rows + 150 * shape.features * config.bins,
            50 * CLASSES * shape.features * config.bins,
        )  # fmt: skip

    @contextmanager
    def prepare(
        self, rows: TrainingRows, config: StochasticGradientDescentConfig, resources: Resources  # noqa: ARG002
    ) -> Iterator[Prepared]:  # fmt: skip
        """Make the bins."""
        yield _PreparedBlocks(rows, make_bins(rows.sample, config.bins), config)

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """Edges, coefficients and intercepts."""
        expected = {
            "edges": Expected("<f4", (n_inputs, "edges")), "intercepts": Expected("<f8", (n_targets,)),
            "coefficients": Expected("<f8", (n_inputs, "bins", n_targets)),
            "shares": Expected("<f8", (n_inputs, "bins")),
        }  # fmt: skip
        arrays: dict[str, Any] = read_arrays(files, expected)
        edges, coefficients = arrays["edges"], arrays["coefficients"]
        require(2 <= coefficients.shape[1] <= MOST_BINS, f"there must be 2 to {MOST_BINS} bins")
        require(coefficients.shape[1] == edges.shape[1] + 1, "there must be a bin more than edges")
        require(((arrays["shares"] >= 0) & (arrays["shares"] <= 1)).all(), "shares must lie between 0 and 1")
        require((np.diff(edges, axis=1) >= 0).all(), "edges must rise")
        for name in ("coefficients", "intercepts"):
            require_within(arrays[name], MOST_COEFFICIENT, name)
        return BinPredictor(edges, coefficients, arrays["intercepts"], arrays["shares"])


@dataclass(frozen=True)
class _PreparedBlocks(Prepared):
    rows: TrainingRows
    bins: Bins
    config: StochasticGradientDescentConfig

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int  # noqa: ARG002
    ) -> Fitted:  # fmt: skip
        """Pass over the rows; the classes one after another, each against the rest."""
        chosen, counted = rows_trained_on(job, weights)
        if self.config.class_weights == "balanced":
            counted = balanced(counted, labels[chosen])
        descent = _Descent(self, job, labels, chosen, counted)
        for _ in range(self.config.passes if len(chosen) else 0):
            descent.pass_over()
        predictor = descent.predictor()
        facts = {"passes": self.config.passes, "bins": self.config.bins}
        return Fitted(predictor, scores_of(predictor, self.rows, job.score), facts=facts)

    @property
    def edges(self) -> NDArray[np.float32]:
        """Edges of all features, filled up to the same number."""
        edges = np.full((len(self.bins.edges), self.config.bins - 1), _NO_EDGE, np.float32)
        for feature, found in enumerate(self.bins.edges):
            edges[feature, : len(found)] = found
        return edges


class _Descent:
    """The state from block to block."""

    def __init__(
        self, prepared: _PreparedBlocks, job: FitJob, labels: NDArray[np.integer], chosen: NDArray[np.int64],
        counted: NDArray[np.float64],
    ) -> None:  # fmt: skip
        from sklearn.linear_model import SGDClassifier

        self.prepared, self.job = prepared, job
        self.truth = {target: np.where(labels[chosen] == target, 1, 0) for target in job.targets}
        self.chosen, self.counted = chosen, counted
        config, n_features = prepared.config, len(prepared.bins.edges)
        self.features = np.arange(n_features) if job.features is None else np.flatnonzero(job.features)
        self.met = np.zeros((n_features, config.bins))
        self.models = [
            SGDClassifier(
                loss="log_loss", alpha=config.penalty, learning_rate="constant",
                eta0=config.learning_rate / max(1, len(self.features)),
                average=max(1, config.passes * len(chosen) // 2),
                random_state=np.random.RandomState(prepared.rows.seed % 2**32),
            )
            for _ in job.targets
        ]  # fmt: skip

    def pass_over(self) -> None:
        """One pass over the rows trained on, in blocks; the rows of a block are shuffled."""
        first = 0
        for chunk in self.prepared.rows.chunks(_rows_of_block(len(self.prepared.bins.edges))):
            start, stop = np.searchsorted(self.chosen, (first, first + len(chunk)))
            if stop > start:
                codes = self.prepared.bins.codes(chunk[self.chosen[start:stop] - first])
                self._step(codes, slice(int(start), int(stop)))
            first += len(chunk)

    def _step(self, codes: Codes, block: slice) -> None:
        columns = one_hot(codes[:, self.features], self.prepared.config.bins)
        for feature in range(codes.shape[1]):
            self.met[feature] += np.bincount(codes[:, feature], self.counted[block], self.prepared.config.bins)
        for model, truth in zip(self.models, self.truth.values(), strict=True):
            model.partial_fit(columns, truth[block], classes=(0, 1), sample_weight=self.counted[block])

    def predictor(self) -> BinPredictor:
        """The averaged coefficients, moved so that those of a feature are nought on average over the rows."""
        config, shape = self.prepared.config, (len(self.prepared.bins.edges), self.prepared.config.bins)
        coefficients, intercepts = np.zeros((*shape, len(self.models))), np.zeros(len(self.models))
        for k, (model, truth) in enumerate(zip(self.models, self.truth.values(), strict=True)):
            if truth.any() and not truth.all():
                coefficients[self.features, :, k] = model.coef_.reshape(len(self.features), config.bins)
                intercepts[k] = model.intercept_[0]
            else:
                intercepts[k] = _MOST_LOG_ODDS if truth.any() else -_MOST_LOG_ODDS
        share = self.met / np.maximum(self.met.sum(1, keepdims=True), 1e-300)
        middle = np.einsum("fbk,fb->fk", coefficients, share)
        return BinPredictor(self.prepared.edges, coefficients - middle[:, None], intercepts + middle.sum(0), share)


def one_hot(codes: Codes, n_bins: int) -> Any:
    """A sparse matrix (n, n_features x n_bins) with a 1 for the bin of each feature."""
    from scipy.sparse import csr_matrix

    n, n_features = codes.shape
    columns = codes.astype(np.int32) + np.arange(n_features, dtype=np.int32) * n_bins
    starts = np.arange(n + 1, dtype=np.int32) * n_features
    return csr_matrix((np.ones(codes.size), columns.ravel(), starts), shape=(n, n_features * n_bins))


def _rows_of_block(n_features: int) -> int:
    return max(256, _BLOCK_VALUES // max(1, n_features))
