"""Options of a training run: what is looked at when it is trained."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from meta_models.config.base import (
    Configuration,
    OfAnalysis,
    PositiveInt,
)
from meta_models.local_paths import LocalPath


class AnalysisOptions(Configuration):
    """What is looked at when everything is trained."""

    SECTION: ClassVar[str] = "analysis"

    analyses: OfAnalysis[tuple[str, ...]] = Field(
        ("default",),
        description="Analyses to run: default (all but the slow ones), all, or codes, which analysis_outcomes.json "
        "lists; slow are group-ablation, learning-curve and shuffled-labels.",
    )
    targets: OfAnalysis[LocalPath | None] = Field(
        None,
        description="YAML file of limits on the figures out of fold, weighted to all positions where the table has "
        "weights; exit code 5 when one is missed.",
    )
    chosen_by: OfAnalysis[str | None] = Field(
        None, description="How these options were chosen, for the report; a search says what its own figures are worth."
    )
    plot_points: OfAnalysis[Annotated[int, Field(ge=10)]] = Field(800, description="Most points of a drawn curve.")
    shap_rows: OfAnalysis[PositiveInt] = Field(
        1000, description="Rows explained by SHAP, spread over classes and genes."
    )
    explained_sites: OfAnalysis[Annotated[int, Field(ge=0)]] = Field(
        200, description="Most fixed and most broken sites whose top features are named by SHAP."
    )
    explained_positions: OfAnalysis[PositiveInt] = Field(
        200_000, description="Positions of whole genes from which inputs of learners of genes are taken away."
    )
    gradient_sites: OfAnalysis[Annotated[int, Field(ge=0)]] = Field(
        24, description="Fixed and broken sites that learners of genes explain by gradients and by mutations."
    )
    importance_rows: OfAnalysis[PositiveInt] = Field(
        20_000, description="Rows behind one-feature average precision and correlation of features."
    )
    permutation_rows: OfAnalysis[PositiveInt] = Field(1000, description="Rows behind permutation importance.")
    permutation_features: OfAnalysis[PositiveInt] = Field(
        40, description="Features of the highest gain that are permuted alone; the others by feature group."
    )
    combiner_rows: OfAnalysis[PositiveInt] = Field(
        200_000,
        description="Most rows that a logistic regression on the scores of all base models, an opponent, is fitted on: "
        "all sites, and a draw of the others.",
    )
