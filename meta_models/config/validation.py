"""Options of a training run: what is held out, calibrated and screened."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from meta_models.config.base import (
    Configuration,
    OfAnalysis,
    OfModel,
    PositiveInt,
    Share,
)


class ValidationOptions(Configuration):
    """What is held out, and how sure figures are."""

    SECTION: ClassVar[str] = "validation"

    n_folds: OfModel[Annotated[int, Field(ge=2)]] = Field(5, description="Cross-validation folds.")
    split: OfModel[Literal["gene", "chromosome"]] = Field("gene", description="What is held out together.")
    bootstrap_samples: OfAnalysis[PositiveInt] = Field(
        1000, description="Resamples of families behind each 95 % interval."
    )


class CalibrationOptions(Configuration):
    """From scores to probabilities."""

    SECTION: ClassVar[str] = "calibration"

    calibrate: OfModel[bool] = Field(default=True, description="Calibrate the probabilities, cross-fitted out of fold.")
    calibrate_per_class: OfModel[bool] = Field(
        default=True, description="A calibrator for each class; otherwise one for all three."
    )
    calib_method: OfModel[Literal["blend", "platt", "isotonic"]] = Field(
        "blend",
        description="Calibration method: logistic regression on the score and the base models' scores (blend), on the "
        "score alone (platt), or a rising step function of the score (isotonic).",
    )


class ScreeningOptions(Configuration):
    """Features that leak, and which are trained on."""

    SECTION: ClassVar[str] = "screening"

    leakage_threshold: OfModel[Annotated[float, Field(gt=0.5, le=1)]] = Field(
        0.95, description="Correlation with the label above which a feature is judged a leak."
    )
    keep_leaky: OfModel[bool] = Field(default=False, description="Report leaks but keep them.")
    screening_share: OfModel[Share] = Field(0.1, description="Share of the genes that screening looks at.")
    screening_min_genes: OfModel[PositiveInt] = Field(50, description="Least number of genes that screening looks at.")
    protect_features: OfModel[tuple[str, ...]] = Field((), description="Features that screening may not remove.")
    max_features: OfModel[PositiveInt | Literal["auto"] | None] = Field(
        None,
        description="Train on the features that matter only: those that carry 99.9 % of the gain of short boosters on "
        "genes of two other folds or more ('auto'), at most so many (a number), base scores always among them.",
    )
    exclude_features: OfModel[tuple[str, ...]] = Field(
        (), description="Features to leave out: names, or @FILE with one a line."
    )
