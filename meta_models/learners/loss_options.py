"""The options of the loss that boosters minimise."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from meta_models.learners.seam import LearnerConfig, Tune


class LossConfig(LearnerConfig):
    """Log-loss, or focal loss (see `meta_models.learners.losses`)."""

    loss: Literal["logistic", "focal"] = Field(
        "logistic", description="Loss: focal looks less at rows that are sure; its scores need calibration."
    )
    focal_gamma: Annotated[float, Field(gt=0, le=5), Tune(0.5, 3, when=("loss", "focal"))] = Field(
        1.0,
        description="How much less focal loss looks at rows that are sure; penalties and least sums of hessians shrink "
        "as its hessians do.",
    )

    @model_validator(mode="after")
    def _gamma_is_used(self) -> Self:
        if self.loss != "focal" and self.focal_gamma != type(self).model_fields["focal_gamma"].default:
            raise ValueError(f"focal_gamma {self.focal_gamma:g} belongs to loss focal, found loss {self.loss}")
        return self

    @property
    def gamma(self) -> float:
        """Gamma of the loss; 0 is log-loss."""
        return self.focal_gamma if self.loss == "focal" else 0.0
