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
from typing import ClassVar

from meta_models.dataset.reading.chunks import reading_bytes
from meta_models.learners.classical.sgd.options import StochasticGradientDescentConfig, rows_of_block
from meta_models.learners.jobs import (
    CLASSES,
    bytes_of_sample,
)
from meta_models.learners.pace import Pace
from meta_models.learners.seam import (
    Footprint,
    Learner,
    Predictor,
    Prepared,
    Resources,
    Shape,
    TrainingRows,
    Traits,
)

#: What the threads that read ahead and the allocator keep: 22 to 32 MB were seen in all on 20,000 x 40, run for run.
_FIXED_BYTES = 5_000_000


#: A pass.
_PASS = Pace(0.05, 1.2e-7)


class StochasticGradientDescent(Learner):
    """The learner for tables that do not fit: it takes them block by block."""

    name: ClassVar[str] = "sgd"
    title: ClassVar[str] = "logistic regression on bins, by stochastic gradient descent (scikit-learn)"
    Config: ClassVar[type[StochasticGradientDescentConfig]] = StochasticGradientDescentConfig
    traits: ClassVar[Traits] = Traits(targets="all", features=True, streamed=True, side_by_side=False)

    def footprint(
        self, shape: Shape, config: StochasticGradientDescentConfig, resources: Resources  # noqa: ARG002
    ) -> Footprint:  # fmt: skip
        """A block of rows as floats, bins and one-hot columns is held; a job is its coefficients and their averages.

        Blocks are smaller than a scan: half of one was seen in memory.
        """
        rows = min(rows_of_block(shape.features), shape.rows)
        values, blocks = rows * shape.features, -(-shape.rows // max(rows, 1))
        reading = int(reading_bytes(shape.rows, shape.features, 0) / 2) + min(4, 1 + blocks) * 4 * values
        return Footprint(
            _FIXED_BYTES + reading + 24 * values, bytes_of_sample(shape),
            150 * shape.features * config.bins + 30 * shape.rows, 50 * CLASSES * shape.features * config.bins,
        )  # fmt: skip

    def cpu_seconds(self, shape: Shape, config: StochasticGradientDescentConfig) -> float:
        """Of all passes."""
        return _PASS.seconds(shape, config.passes)

    @contextmanager
    def prepare(
        self, rows: TrainingRows, config: StochasticGradientDescentConfig, resources: Resources  # noqa: ARG002
    ) -> Iterator[Prepared]:  # fmt: skip
        """Make the bins."""
        from meta_models.learners.classical.sgd.descent import prepared_blocks

        yield prepared_blocks(rows, config)

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """Edges, coefficients and intercepts."""
        from meta_models.learners.classical.sgd.predictor import restore_bin_predictor

        return restore_bin_predictor(files, n_inputs, n_targets)
