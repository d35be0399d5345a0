"""Nearest neighbours among a limited number of reference rows, by brute force: no index, every distance computed.

References
----------
Dudani (1976), The distance-weighted k-nearest-neighbor rule, doi:10.1109/TSMC.1976.5408784.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from meta_models.dataset.reading.chunks import CHUNK_BYTES, reading_bytes
from meta_models.learners.arrays import ArrayPredictor, Expected, read_arrays, require, require_within
from meta_models.learners.blas import by_blocks
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
#: Rows whose distances are computed at a time: of one size, see `by_blocks`.
_BLOCK_ROWS = 256
#: Squared distance, for a column, that is added to all: a reference at no distance does not decide alone.
_SOFT = 1e-3
MOST_POWER = 20
#: For a column of a row and a reference, a fourth of 3.2 s for 15,000 rows, 10,000 references and 147 columns: only
#: held-out rows are compared.
_COMPARED = Pace(0.0, 4e-11)


class NearestNeighboursConfig(LearnerConfig):
    """Options of nearest neighbours."""

    k: Annotated[int, Field(ge=1, le=10_000), Tune(5, 100, log=True)] = Field(25, description="Neighbours that vote.")
    power: Annotated[float, Field(ge=0, le=MOST_POWER), Tune(0.5, 4)] = Field(
        2.0, description="Votes are 1 / distance to this power; 0: all the same."
    )
    max_references: Annotated[int, Field(ge=1)] = Field(
        10_000, description="Most reference rows: sites first, then drawn ones of the rest. Each is compared with."
    )
    class_weights: ClassWeights = Field("none", description=CLASS_WEIGHTS)

    @model_validator(mode="after")
    def _there_are_as_many(self) -> Self:
        if self.k > self.max_references:
            raise ValueError(f"k {self.k} neighbours cannot vote, found max_references {self.max_references}")
        return self


class NeighbourPredictor(ArrayPredictor):
    """Shares of the classes among the votes of the k nearest references.

    Parameters
    ----------
    scaler : Scaler
    references : ndarray of float32 (n_references, n_columns)
        Scaled.
    classes : ndarray of uint8 (n_references,)
        Number of the target that each is of.
    weights : ndarray of float64 (n_references,)
        What its vote counts.
    k : int
    power : float
    n_targets : int
    """

    def __init__(
        self, scaler: Scaler, references: Matrix, classes: NDArray[np.uint8], weights: Floats, k: int, power: float,
        n_targets: int,
    ) -> None:  # fmt: skip
        self.scaler, self.references, self.classes, self.weights = scaler, references, classes, weights
        self.k, self.power = k, power
        self.n_inputs, self.n_targets = len(scaler.median), n_targets
        self._squares = (references * references).sum(1)

    def scores(self, matrix: Matrix) -> Floats:
        """Shares of the votes; they sum to 1."""
        return by_blocks(matrix, lambda block: self._shares(self.scaler(block)), _BLOCK_ROWS)

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """The scaler's, the references and how they vote."""
        return self.scaler.arrays() | {
            "references": self.references, "classes": self.classes, "weights": self.weights,
            "vote": np.array([float(self.k), self.power, float(self.n_targets)]),
        }  # fmt: skip

    def facts(self) -> Mapping[str, Json]:
        """Number of references."""
        return {"references": len(self.references)}

    def _shares(self, scaled: Matrix) -> Any:
        far = self._squares - 2 * (scaled @ self.references.T)
        k = min(self.k, far.shape[1])
        nearest = np.sort(np.argpartition(far, k - 1, axis=1)[:, :k], axis=1)
        own = (scaled.astype(np.float64) ** 2).sum(1)[:, None]
        squared = np.maximum(np.take_along_axis(far, nearest, axis=1) + own, 0) / scaled.shape[1] + _SOFT
        votes = squared ** (-self.power / 2) * self.weights[nearest]
        classes = self.classes[nearest]
        sums = np.stack([(votes * (classes == target)).sum(1) for target in range(self.n_targets)], axis=1)
        return sums / sums.sum(1, keepdims=True)


class NearestNeighbours(Learner):
    """Nearest neighbours; a row that counts double has a vote that counts double, but takes one place of k."""

    name: ClassVar[str] = "knn"
    title: ClassVar[str] = "nearest neighbours"
    Config: ClassVar[type[NearestNeighboursConfig]] = NearestNeighboursConfig
    traits: ClassVar[Traits] = Traits(targets="all", features=True, side_by_side=False)

    def footprint(
        self, shape: Shape, config: NearestNeighboursConfig, resources: Resources  # noqa: ARG002
    ) -> Footprint:  # fmt: skip
        """References, and their distances to a block of rows."""
        references = min(config.max_references, shape.rows)
        distances = _BLOCK_ROWS * references * 11  # float32, and places of int64; not all of both at once
        kept = 12 * references * shape.features
        scaled = 2 * min(CHUNK_BYTES, 4 * shape.rows * shape.features)
        job = kept + int(reading_bytes(shape.rows, shape.features)) + scaled + distances + 60 * shape.rows
        return Footprint(0, bytes_of_sample(shape), job, kept // 2 + distances)

    def cpu_seconds(self, shape: Shape, config: NearestNeighboursConfig) -> float:
        """Of comparing held-out rows with the references: nothing is fitted."""
        return _COMPARED.seconds(shape, min(config.max_references, shape.rows))

    @contextmanager
    def prepare(
        self, rows: TrainingRows, config: NearestNeighboursConfig, resources: Resources  # noqa: ARG002
    ) -> Iterator[Prepared]:  # fmt: skip
        """Set the scales; rows are read when a job needs them."""
        yield _PreparedNeighbours(rows, fit_scaler(rows.sample), config)

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """Scaler, references and how they vote."""
        expected = expected_of_scaler(n_inputs) | {
            "references": Expected("<f4", ("references", "columns")), "classes": Expected("|u1", ("references",)),
            "weights": Expected("<f8", ("references",)), "vote": Expected("<f8", (3,)),
        }  # fmt: skip
        arrays: dict[str, Any] = read_arrays(files, expected)
        references, classes, weights = arrays["references"], arrays["classes"], arrays["weights"]
        k, power, told = arrays["vote"]
        require(told == n_targets, f"there must be {n_targets} targets")
        require(len(references) > 0, "there must be references")
        require((classes < n_targets).all(), f"classes must be below {n_targets}")
        require(((weights >= 1e-15) & (weights <= 1e15)).all(), "weights must be positive, and neither tiny nor huge")
        require_within(references, FURTHEST, "references")
        require(
            k == int(k) and 1 <= k <= 10_000 and 0 <= power <= MOST_POWER,
            "k and power must be such as the options allow",
        )
        scaler = scaler_from(arrays, columns=references.shape[1])
        return NeighbourPredictor(scaler, references, classes, weights, int(k), float(power), n_targets)


@dataclass(frozen=True)
class _PreparedNeighbours(RowsPrepared):
    rows: TrainingRows
    scaler: Scaler
    config: NearestNeighboursConfig

    def learn(
        self, job: FitJob, labels: NDArray[np.integer], chosen: NDArray[np.int64], counted: Floats
    ) -> tuple[Predictor, Mapping[str, Json]]:
        """Choose the references."""
        kept, counted = drawn_rows(chosen, counted, labels, self.config.max_references, self.rows.seed)
        classes = np.searchsorted(job.targets, labels[kept])
        if self.config.class_weights == "balanced":
            counted = balanced(counted, classes)
        scaler = self.scaler.masked(job.features)
        predictor = NeighbourPredictor(
            scaler, scaler(gathered(self.rows, kept)), classes.astype(np.uint8), counted, self.config.k,
            self.config.power, len(job.targets),
        )  # fmt: skip
        return predictor, facts_of_drawn(len(kept), len(chosen), "max_references")
