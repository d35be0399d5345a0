"""Options of stochastic gradient descent, and how much of a table it holds at a time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from meta_models.learners.jobs import CLASS_WEIGHTS, ClassWeights
from meta_models.learners.seam import LearnerConfig, Tune
from meta_models.learners.trees.bins import MOST_BINS

#: Values of a block of rows: what is in memory at a time.
BLOCK_VALUES = 2_000_000


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


def rows_of_block(n_features: int) -> int:
    """Rows that are in memory at a time."""
    return max(256, BLOCK_VALUES // max(1, n_features))
