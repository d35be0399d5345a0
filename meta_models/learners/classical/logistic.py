"""Logistic regression on scaled features, one class against the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from meta_models.dataset.reading.chunks import CHUNK_BYTES, reading_bytes
from meta_models.learners.arrays import (
    MOST_COEFFICIENT,
    ArrayPredictor,
    Expected,
    read_arrays,
    require_within,
)
from meta_models.learners.classical.linear import BLOCK_ROWS, LinearProblem, logistic_loss, sigmoid, solve
from meta_models.learners.classical.scaling import Scaler, expected_of_scaler, fit_scaler, scaled_rows, scaler_from
from meta_models.learners.jobs import CLASS_WEIGHTS, CLASSES, ClassWeights, RowsPrepared, bytes_of_sample
from meta_models.learners.pace import Pace
from meta_models.learners.seam import (
    FitJob,
    Footprint,
    Json,
    Learner,
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


class LogisticConfig(LearnerConfig):
    """Options of logistic regression."""

    penalty: Annotated[float, Field(gt=0), Tune(1e-8, 1e-2, log=True)] = Field(
        1e-5, description="Half of it is what a squared coefficient costs, where the rows' mean log-loss is the rest."
    )
    max_iterations: Annotated[int, Field(ge=1)] = Field(300, description="Most iterations of L-BFGS.")
    class_weights: ClassWeights = Field("none", description=CLASS_WEIGHTS)


class LogisticPredictor(ArrayPredictor):
    """Log-odds that are sums over scaled features.

    Parameters
    ----------
    scaler : Scaler
    coefficients : ndarray of float64 (n_columns, n_targets)
    intercepts : ndarray of float64 (n_targets,)
    """

    def __init__(self, scaler: Scaler, coefficients: NDArray[np.float64], intercepts: NDArray[np.float64]) -> None:
        self.scaler, self.coefficients, self.intercepts = scaler, coefficients, intercepts
        self.n_inputs, self.n_targets = len(scaler.median), len(intercepts)
        self._rows = np.ascontiguousarray(coefficients.T)

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Sigmoids."""
        blocks = (matrix[start : start + BLOCK_ROWS] for start in range(0, max(len(matrix), 1), BLOCK_ROWS))
        return np.concatenate([sigmoid(self.log_odds(block)) for block in blocks])

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """The scaler's, coefficients and intercepts."""
        return self.scaler.arrays() | {"coefficients": self.coefficients, "intercepts": self.intercepts}

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        """Size of the coefficients, which are those of standardised features."""
        return {"coefficient": self._by_feature(np.abs(self._rows))}

    def contributions(self, matrix: Matrix, *, approximate: bool = False) -> NDArray[np.float64]:  # noqa: ARG002
        """Coefficient x scaled value: exact."""
        columns = self.scaler(matrix).astype(np.float64)[:, None, :] * self._rows
        last = np.broadcast_to(self.intercepts[:, None], (len(matrix), self.n_targets, 1))
        return np.concatenate([self._by_feature(columns), last], axis=2)

    def log_odds(self, matrix: Matrix) -> NDArray[np.float64]:
        """Sums over scaled features, row by row: BLAS would give a row other last bits in other company."""
        scaled = self.scaler(matrix).astype(np.float64)
        log_odds: NDArray[np.float64] = np.einsum("nc,kc->nk", scaled, self._rows) + self.intercepts
        return log_odds

    def _by_feature(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the columns of each feature, along the last axis."""
        sums = columns[..., : self.n_inputs].copy()
        sums[..., self.scaler.feature_of[self.n_inputs :]] += columns[..., self.n_inputs :]
        return sums


#: A fit of a few hundred iterations.
_FIT = Pace(0.1, 1.5e-6)


class Logistic(Learner):
    """Logistic regression; the penalty is on the scale of mean losses, so weights matter by their ratios alone."""

    name: ClassVar[str] = "logistic"
    title: ClassVar[str] = "logistic regression"
    Config: ClassVar[type[LogisticConfig]] = LogisticConfig
    traits: ClassVar[Traits] = Traits(targets="all", features=True, side_by_side=False)

    def footprint(self, shape: Shape, config: LogisticConfig, resources: Resources) -> Footprint:  # noqa: ARG002
        """Scaled rows as float32, and a few blocks of them."""
        held = 4 * shape.rows * shape.features
        reading = int(reading_bytes(shape.rows, shape.features))
        block = 24 * shape.features * min(BLOCK_ROWS, shape.rows)
        solving = 100 * shape.rows + block + 1000 * CLASSES * shape.features + 2_000_000
        scaling = 4 * min(CHUNK_BYTES, 4 * shape.rows * shape.features)
        building = held + max(reading + scaling, bytes_of_sample(shape))
        return Footprint(held, building, max(solving, reading), 100 * CLASSES * shape.features + 100_000)

    def cpu_seconds(self, shape: Shape, config: LogisticConfig) -> float:  # noqa: ARG002
        """Of the iterations that it takes, of which there are fewer than may be."""
        return _FIT.seconds(shape, 1)

    @contextmanager
    def prepare(
        self, rows: TrainingRows, config: LogisticConfig, resources: Resources  # noqa: ARG002
    ) -> Iterator[Prepared]:  # fmt: skip
        """Scale the rows."""
        scaler = fit_scaler(rows.sample)
        yield _PreparedLogistic(rows, scaler, scaled_rows(rows, scaler), config)

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """Scaler, coefficients and intercepts."""
        expected = expected_of_scaler(n_inputs) | {
            "coefficients": Expected("<f8", ("columns", n_targets)), "intercepts": Expected("<f8", (n_targets,)),
        }  # fmt: skip
        arrays: dict[str, Any] = read_arrays(files, expected)
        scaler = scaler_from(arrays, columns=len(arrays["coefficients"]))
        for name in ("coefficients", "intercepts"):
            require_within(arrays[name], MOST_COEFFICIENT, name)
        return LogisticPredictor(scaler, arrays["coefficients"], arrays["intercepts"])


@dataclass(frozen=True)
class _PreparedLogistic(RowsPrepared):
    rows: TrainingRows
    scaler: Scaler
    table: Matrix
    config: LogisticConfig

    def learn(
        self, job: FitJob, labels: NDArray[np.integer], chosen: NDArray[np.int64], counted: NDArray[np.float64]
    ) -> tuple[Predictor, Mapping[str, Json]]:
        """Minimise the losses of all classes together."""
        columns = np.ones(self.table.shape[1], bool) if job.features is None else job.features[self.scaler.feature_of]
        truth = labels[chosen, None] == np.array(job.targets)
        problem = LinearProblem(
            self.table, chosen, truth, counted, self.config.penalty, self.config.class_weights == "balanced", columns
        )
        solution = solve(problem, logistic_loss, self.config.max_iterations)
        predictor = LogisticPredictor(self.scaler, solution.coefficients, solution.intercepts)
        facts = {"iterations": solution.iterations, "converged": solution.converged}
        return predictor, facts
