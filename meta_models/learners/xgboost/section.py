"""The options of the learner ``xgboost``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from meta_models.learners.loss_options import LossConfig
from meta_models.learners.seam import Tune

#: Log-odds that the leaf bound lets all rounds together move a score by.
REACH = 10.0

PositiveInt = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class XGBoostConfig(LossConfig):
    """Gradient boosting of trees, one class against the rest."""

    n_estimators: PositiveInt = Field(
        200, description="Most boosting rounds of a booster, in the folds and in the final model."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1), Tune(0.02, 0.2, log=True)] = Field(
        0.05, description="Shrinkage of each tree."
    )
    max_depth: Annotated[int, Field(ge=1, le=16), Tune(3, 9)] = Field(6, description="Depth of a tree.")
    min_child_weight: Annotated[float, Field(ge=0), Tune(1, 50, log=True)] = Field(
        1.0, description="Least sum of hessians of a leaf."
    )
    max_delta_step: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="Bound on a leaf's value; keeps the first leaves of a rare class from overshooting (default: 1, or "
        "more where all rounds together could not move a score by 10 log-odds; 0: no bound).",
    )
    reg_lambda: Annotated[float, Field(ge=0), Tune(0.1, 30, log=True)] = Field(
        1.0, description="L2 regularisation of leaf values."
    )
    trees_per_round: PositiveInt = Field(
        1, description="Trees grown side by side and averaged in each round, each on its own draw of rows and features."
    )
    subsample: Annotated[Share, Tune(0.5, 1)] = Field(0.8, description="Share of the rows drawn for each tree.")
    row_draws: Literal["generator", "row-number"] = Field(
        "generator",
        description="How rows are drawn: by XGBoost's generator, or by a hash of their numbers in the table, so that a "
        "model depends neither on rows held out nor on how many processes share the rows (--strategy distributed).",
    )
    colsample: Annotated[Share, Tune(0.3, 1)] = Field(0.5, description="Share of the features drawn for each tree.")
    max_bin: Annotated[int, Field(ge=2, le=65535)] = Field(256, description="Bins of a quantised feature.")
    early_stopping_rounds: PositiveInt = Field(
        50, description="Early stopping: rounds without gain on a fold's inner genes after which its booster stops."
    )

    @model_validator(mode="after")
    def _one_draw_a_round(self) -> Self:
        if self.hashed and self.trees_per_round > 1:
            raise ValueError(f"row_draws row-number draws once a round, found trees_per_round {self.trees_per_round}")
        return self

    @property
    def hashed(self) -> bool:
        """Whether rows are drawn by their numbers."""
        return self.row_draws == "row-number" and self.subsample < 1

    @property
    def own_loss(self) -> bool:
        """Whether XGBoost is handed the derivatives of the loss."""
        return self.gamma > 0 or self.hashed

    @property
    def leaf_bound(self) -> float:
        """``max_delta_step`` as XGBoost gets it.

        XGBoost starts a rare class at its share, where a first leaf of sites alone is worth thousands; a bound of 1
        keeps it in place. A bound also limits how far all rounds together can move a score: it is widened so that they
        reach `REACH` log-odds, from a class of one in 20,000 positions to even odds. Measured by
        ``benchmarks/rare_classes.py``.
        """
        if self.max_delta_step is not None:
            return self.max_delta_step
        return max(1.0, REACH / (self.learning_rate * self.n_estimators))
