"""Support vector machines with a Gaussian kernel, one class against the rest.

The kernel of all rows with all rows is out of reach. It is either approximated on landmarks (Nystroem's method: a
linear machine on what the landmarks' kernel makes of a row; no fold is ever copied), or exact, on a drawn share of the
rows. A decision becomes a probability by a sigmoid fitted on the rows trained on; calibrate it like any other.

References
----------
Williams and Seeger (2001), Using the Nystroem method to speed up kernel machines, NIPS 13; Platt (1999), Probabilistic
outputs for support vector machines; Chang and Lin (2011), LIBSVM, doi:10.1145/1961189.1961199.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from meta_models.dataset.reading.chunks import reading_bytes
from meta_models.learners.arrays import (
    MOST_COEFFICIENT,
    ArrayPredictor,
    Expected,
    read_arrays,
    require,
    require_within,
)
from meta_models.learners.blas import by_blocks, one_blas_thread
from meta_models.learners.classical.linear import (
    BLOCK_ROWS,
    LinearProblem,
    logistic_loss,
    sigmoid,
    solve,
    squared_hinge,
)
from meta_models.learners.classical.references import drawn_rows, facts_of_drawn, gathered
from meta_models.learners.classical.scaling import FURTHEST, Scaler, expected_of_scaler, fit_scaler, scaler_from
from meta_models.learners.jobs import CLASS_WEIGHTS, ClassWeights, RowsPrepared, balanced, bytes_of_sample
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

Floats = NDArray[np.float64]
#: Rows whose kernel is computed at a time: of one size, see `by_blocks`.
_BLOCK_ROWS = 512
#: Rows that are mapped at a time: a row's kernel is larger than the row.
_MAPPED_ROWS = 8 * _BLOCK_ROWS
#: Directions of the landmarks' kernel below this share of its strongest are noise.
_NOISE = 1e-6
_FAR = 1e6
_MOST_LOG_ODDS = 14.0
#: For a landmark: its distance to each row, and the iterations, which take as much as so many features do.
_LANDMARK, _AS_FEATURES = Pace(5e-3, 2e-9), 400
#: For a row of the exact kernel, which is compared with all: 0.4, 1.3 and 3.1 s of 2,100, 5,000 and 8,000 rows of
#: 147 columns.
_COMPARED = Pace(5e-5, 3.4e-10)


class SupportVectorMachineConfig(LearnerConfig):
    """Options of support vector machines."""

    kernel: Literal["nystroem", "exact"] = Field(
        "nystroem", description="On landmarks, with all rows; or exact, on at most `max_rows` rows."
    )
    landmarks: Annotated[int, Field(ge=2, le=5000), Tune(300, 1000, log=True, when=("kernel", "nystroem"))] = Field(
        500, description="Landmarks: rows of the sample that sets the scales. A row takes 4 bytes for each."
    )
    max_rows: Annotated[int, Field(ge=10)] = Field(
        8000, description="Most rows that the exact kernel is fitted on: sites first, then drawn ones of the rest."
    )
    width: Annotated[float, Field(gt=0), Tune(0.1, 10, log=True)] = Field(
        0.3, description="The kernel is exp(-width x squared distance / number of columns), of standardised columns."
    )
    penalty: Annotated[float, Field(gt=0), Tune(1e-8, 1e-2, log=True)] = Field(
        1e-6, description="Half of it is what a squared coefficient costs, where the rows' mean loss is the rest."
    )
    max_iterations: Annotated[int, Field(ge=1)] = Field(200, description="Most iterations of L-BFGS.")
    class_weights: ClassWeights = Field("none", description=CLASS_WEIGHTS)

    @model_validator(mode="after")
    def _options_are_used(self) -> Self:
        for option, kernel in (("landmarks", "nystroem"), ("max_iterations", "nystroem"), ("max_rows", "exact")):
            value = getattr(self, option)
            if self.kernel != kernel and value != type(self).model_fields[option].default:
                raise ValueError(f"{option} {value} belongs to kernel {kernel}, found kernel {self.kernel}")
        return self


@dataclass(frozen=True)
class Kernel:
    """Gaussian kernel with some rows: ``exp(-gamma |x - row|^2)``.

    Attributes
    ----------
    scaler : Scaler
    rows : ndarray of float32 (n_rows, n_columns)
        Scaled.
    gamma : float
    """

    scaler: Scaler
    rows: Matrix
    gamma: float

    def __call__(self, scaled: Matrix) -> Matrix:
        """Kernel (n, n_rows) of scaled rows."""
        squares = (self.rows * self.rows).sum(1)
        near = scaled @ self.rows.T
        near *= 2
        near -= squares
        near -= (scaled * scaled).sum(1, keepdims=True)
        np.minimum(near, 0, out=near)
        near *= np.float32(self.gamma)
        result: Matrix = np.exp(near, out=near)
        return result


class KernelPredictor(ArrayPredictor):
    """Sigmoids of sums over the kernel with some rows.

    Parameters
    ----------
    kernel : Kernel
    coefficients : ndarray of float64 (n_rows, n_targets)
    intercepts : ndarray of float64 (n_targets,)
    """

    def __init__(self, kernel: Kernel, coefficients: Floats, intercepts: Floats) -> None:
        self.kernel, self.coefficients, self.intercepts = kernel, coefficients, intercepts
        self.n_inputs, self.n_targets = len(kernel.scaler.median), len(intercepts)

    def scores(self, matrix: Matrix) -> Floats:
        """Sigmoids."""
        sums = by_blocks(matrix, self._sums, _BLOCK_ROWS)
        return sigmoid(sums + self.intercepts)

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """The kernel's, coefficients and intercepts."""
        return self.kernel.scaler.arrays() | {
            "rows": self.kernel.rows, "gamma": np.array([self.kernel.gamma]),
            "coefficients": self.coefficients, "intercepts": self.intercepts,
        }  # fmt: skip

    def facts(self) -> Mapping[str, Json]:
        """Rows that the kernel is computed with."""
        return {"kernel_rows": len(self.kernel.rows)}

    def _sums(self, block: Any) -> Any:
        near = self.kernel(self.kernel.scaler(block)).astype(np.float64)
        return near @ self.coefficients


class SupportVectorMachine(Learner):
    """Kernel machines; the penalty is on the scale of mean losses, so weights matter by their ratios alone."""

    name: ClassVar[str] = "svm"
    title: ClassVar[str] = "support vector machine (Nystroem, or scikit-learn's LIBSVM)"
    Config: ClassVar[type[SupportVectorMachineConfig]] = SupportVectorMachineConfig
    traits: ClassVar[Traits] = Traits(targets="all", side_by_side=False)

    def footprint(
        self, shape: Shape, config: SupportVectorMachineConfig, resources: Resources  # noqa: ARG002
    ) -> Footprint:  # fmt: skip
        """The landmarks' kernel with all rows as float32; or what LIBSVM takes of the rows drawn."""
        reading = int(reading_bytes(shape.rows, shape.features))
        sample = bytes_of_sample(shape)
        if config.kernel == "exact":
            predictor = 8 * min(config.max_rows, shape.rows) * (shape.features + _BLOCK_ROWS)
            return Footprint(0, sample, _exact_bytes(shape, config) + reading, predictor)
        held = 4 * shape.rows * config.landmarks
        mapping = 24 * config.landmarks**2 + config.landmarks * (
            12 * _BLOCK_ROWS + 12 * shape.features + 8 * _MAPPED_ROWS
        )
        mapping += 12 * min(_MAPPED_ROWS, shape.rows) * shape.features  # rows while they are scaled
        solving = 24 * min(BLOCK_ROWS, shape.rows) * config.landmarks + 150 * shape.rows + 40_000 * config.landmarks
        building = held + max(mapping + reading, sample)
        return Footprint(held, building, max(solving, mapping + reading), mapping)

    def cpu_seconds(self, shape: Shape, config: SupportVectorMachineConfig) -> float:
        """Of mapping by the landmarks, and of the iterations; of the exact kernel, of all pairs of rows."""
        if config.kernel == "exact":
            kept = min(config.max_rows, shape.rows)
            return _COMPARED.seconds(replace(shape, rows=kept), kept)
        return _LANDMARK.seconds(replace(shape, features=shape.features + _AS_FEATURES), config.landmarks)

    @contextmanager
    def prepare(
        self, rows: TrainingRows, config: SupportVectorMachineConfig, resources: Resources  # noqa: ARG002
    ) -> Iterator[Prepared]:  # fmt: skip
        """Set the scales, and map the rows by the landmarks."""
        scaler = fit_scaler(rows.sample)
        gamma = config.width / scaler.n_columns
        if config.kernel == "exact":
            yield _PreparedExact(rows, scaler, gamma, config)
        else:
            landmarks = _landmarks(rows, scaler, config.landmarks)
            kernel = Kernel(scaler, landmarks, gamma)
            to_axes = _axes(kernel)
            yield _PreparedLandmarks(rows, kernel, to_axes, _mapped(rows, kernel, to_axes), config)

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """Scaler, rows of the kernel, coefficients and intercepts."""
        expected = expected_of_scaler(n_inputs) | {
            "rows": Expected("<f4", ("rows", "columns")), "gamma": Expected("<f8", (1,)),
            "coefficients": Expected("<f8", ("rows", n_targets)), "intercepts": Expected("<f8", (n_targets,)),
        }  # fmt: skip
        arrays: dict[str, Any] = read_arrays(files, expected)
        rows, gamma = arrays["rows"], float(arrays["gamma"][0])
        require(0 < gamma < _FAR, "gamma must be positive and small")
        require_within(rows, FURTHEST, "rows")
        require_within(arrays["coefficients"], MOST_COEFFICIENT, "coefficients")
        require_within(arrays["intercepts"], MOST_COEFFICIENT, "intercepts")
        kernel = Kernel(scaler_from(arrays, columns=rows.shape[1]), rows, gamma)
        return KernelPredictor(kernel, arrays["coefficients"], arrays["intercepts"])


def _exact_bytes(shape: Shape, config: SupportVectorMachineConfig) -> int:
    drawn = min(config.max_rows, shape.rows)
    cache = 200_000_000
    return min(cache, 4 * drawn * drawn) + 40 * drawn * shape.features + 60 * shape.rows + 80_000_000


def _landmarks(rows: TrainingRows, scaler: Scaler, most: int) -> Matrix:
    """Rows of the sample, drawn without labels."""
    n = len(rows.sample)
    drawn = np.sort(np.random.default_rng(rows.seed).choice(n, min(most, n), replace=False))
    return scaler(rows.sample[drawn])


def _axes(kernel: Kernel) -> Floats:
    """What turns the landmarks' kernel with a row into coordinates whose products are the approximated kernel."""
    with one_blas_thread():
        values, vectors = np.linalg.eigh(kernel(kernel.rows).astype(np.float64))
    strong = values > _NOISE * values[-1]
    axes: Floats = vectors[:, strong] / np.sqrt(values[strong])
    return axes


def _mapped(rows: TrainingRows, kernel: Kernel, to_axes: Floats) -> Matrix:
    """Coordinates of all rows, float32 (n_rows, n_axes), streamed."""
    mapped = np.empty((rows.table.n_rows, to_axes.shape[1]), np.float32)
    axes = to_axes.astype(np.float32)
    done = 0
    for chunk in rows.chunks(_MAPPED_ROWS):
        part = by_blocks(chunk, lambda block: kernel(kernel.scaler(block)) @ axes, _BLOCK_ROWS)
        mapped[done : done + len(part)] = part
        done += len(part)
    return mapped


@dataclass(frozen=True)
class _PreparedLandmarks(RowsPrepared):
    rows: TrainingRows
    kernel: Kernel
    to_axes: Floats
    table: Matrix
    config: SupportVectorMachineConfig

    def learn(
        self, job: FitJob, labels: NDArray[np.integer], chosen: NDArray[np.int64], counted: Floats
    ) -> tuple[Predictor, Mapping[str, Json]]:
        """A linear machine on the coordinates, and a sigmoid of its decisions."""
        truth = labels[chosen, None] == np.array(job.targets)
        problem = LinearProblem(
            self.table, chosen, truth, counted, self.config.penalty, self.config.class_weights == "balanced",
            np.ones(self.table.shape[1], bool),
        )  # fmt: skip
        solution = solve(problem, squared_hinge, self.config.max_iterations)
        with one_blas_thread():
            decisions = np.concatenate(
                [self.table[part].astype(np.float64) @ solution.coefficients for part in _parts(chosen)]
            )
            slopes, intercepts = _sigmoids(decisions + solution.intercepts, truth, counted, problem.balanced)
            coefficients = self.to_axes.astype(np.float32).astype(np.float64) @ (solution.coefficients * slopes)
        predictor = KernelPredictor(self.kernel, coefficients, intercepts + solution.intercepts * slopes)
        facts: dict[str, Json] = {
            "kernel": "nystroem", "landmarks": len(self.kernel.rows), "iterations": solution.iterations,
            "converged": solution.converged,
        }  # fmt: skip
        return predictor, facts


@dataclass(frozen=True)
class _PreparedExact(RowsPrepared):
    rows: TrainingRows
    scaler: Scaler
    gamma: float
    config: SupportVectorMachineConfig

    def learn(
        self, job: FitJob, labels: NDArray[np.integer], chosen: NDArray[np.int64], counted: Floats
    ) -> tuple[Predictor, Mapping[str, Json]]:
        """LIBSVM on drawn rows, class by class."""
        kept, counted = drawn_rows(chosen, counted, labels, self.config.max_rows, self.rows.seed)
        points = self.scaler(gathered(self.rows, kept))
        parts = [self._machine(points, labels[kept], counted, target) for target in job.targets]
        used = np.unique(np.concatenate([part[0] for part in parts]))
        coefficients = np.zeros((len(used), len(parts)))
        for k, (vectors, values, _) in enumerate(parts):
            coefficients[np.searchsorted(used, vectors), k] = values
        rows = points[used] if len(used) else np.zeros((0, points.shape[1]), np.float32)
        kernel = Kernel(self.scaler, rows, self.gamma)
        predictor = KernelPredictor(kernel, coefficients, np.array([part[2] for part in parts]))
        facts: dict[str, Json] = {
            "kernel": "exact",
            **facts_of_drawn(len(kept), len(chosen), "max_rows"),
            "vectors": len(used),
        }
        return predictor, facts

    def _machine(
        self, points: Matrix, labels: NDArray[np.integer], weights: Floats, target: int
    ) -> tuple[NDArray[np.int64], Floats, float]:
        """Numbers of the support vectors, their coefficients, and the intercept, all with the sigmoid's slope."""
        from sklearn.svm import SVC

        truth = labels == target
        if truth.all() or not truth.any():
            return np.zeros(0, np.int64), np.zeros(0), _MOST_LOG_ODDS if truth.any() else -_MOST_LOG_ODDS
        counted = balanced(weights, truth.astype(np.int64)) if self.config.class_weights == "balanced" else weights
        machine = SVC(C=1 / self.config.penalty / len(points), gamma=self.gamma, cache_size=200)
        with one_blas_thread():
            machine.fit(points, truth, counted / counted.mean())
            decisions = machine.decision_function(points)[:, None]
        slopes, intercepts = _sigmoids(decisions, truth[:, None], counted, balanced_classes=False)
        bias = float(machine.intercept_[0] * slopes[0] + intercepts[0])
        return machine.support_.astype(np.int64), machine.dual_coef_[0] * slopes[0], bias


def _sigmoids(
    decisions: Floats, truth: NDArray[np.bool_], weights: Floats, balanced_classes: bool  # noqa: FBT001
) -> tuple[Floats, Floats]:  # fmt: skip
    """Slope and intercept of the log-odds in the decisions of each target; slopes are positive: the order is kept."""
    slopes, intercepts = np.ones(truth.shape[1]), np.zeros(truth.shape[1])
    for k in range(truth.shape[1]):
        problem = LinearProblem(
            decisions[:, k : k + 1].astype(np.float32), np.arange(len(truth)), truth[:, k : k + 1], weights, 1e-6,
            balanced=balanced_classes, columns=np.ones(1, bool),
        )  # fmt: skip
        solution = solve(problem, logistic_loss, 100)
        if solution.coefficients[0, 0] > 0:
            slopes[k], intercepts[k] = solution.coefficients[0, 0], solution.intercepts[0]
    return slopes, intercepts


def _parts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, max(len(rows), 1), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]
