"""Options of a training run: how learners, sets of features and batches are combined."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from meta_models.config.base import (
    Configuration,
    GigaBytes,
    OfModel,
    OfResources,
    PositiveInt,
)

#: Ways of combining members.
Method = Literal["voting", "weighted", "greedy", "stacking", "blending", "per-bin", "best", "routed"]
#: Those of them, and of batches, that have no parameters.
UNFITTED = ("mean", "voting")
#: What batches are grouped by.
BatchGroups = Literal["none", "chromosome", "gene-type", "sketch"]


class CombinationOptions(Configuration):
    """How learners and sets of features are combined."""

    SECTION: ClassVar[str] = "combination"

    variants: OfModel[tuple[str, ...]] = Field(
        (),
        description="Train on several sets of features, compared and combined like learners: groups joined by '+', or "
        "all; base,base+context,all say. An unknown group is refused with the list of those that the table has.",
    )
    combine: OfModel[Method] = Field(
        "weighted",
        description="How several learners are combined, by what the other folds say: mean of log-odds (voting), "
        "weights of least log-loss (weighted), greedy selection by average precision (greedy), logistic regression "
        "on log-odds (stacking), the same on one fold alone (blending; stacking, cross-fitted, is better), "
        "weights for each bin of the best base score (per-bin), the single best (best), or weights that depend on GC, "
        "gene length and k-mers around (routed: no gain over weights that are the same for all genes; likeness of "
        "k-mer sketches to the genes of a batch had none either, and is not looked at).",
    )
    optimiser: OfModel[Literal["slsqp", "differential-evolution"]] = Field(
        "slsqp",
        description="How weights are sought, of weighted and per-bin: least log-loss (slsqp), or highest average "
        "precision by chance (differential-evolution: slower, less stable).",
    )
    keep_combination: OfModel[bool] = Field(
        default=False, description="Save the combination also where it is no better than its best member."
    )


class BatchOptions(Configuration):
    """How genes are divided into batches, and these combined."""

    SECTION: ClassVar[str] = "batches"

    max_genes_per_batch: OfModel[PositiveInt] = Field(
        1200, description="Most genes of a batch (families are never split)."
    )
    max_batch_gb: OfModel[GigaBytes] = Field(
        12.0, description="Memory in GB that the process of a batch may take; it sets how many rows a batch has."
    )
    parallel_batches: OfResources[PositiveInt | None] = Field(
        None, description="Batches trained at a time, as far as memory allows (default: a third of the threads)."
    )
    ensemble_method: OfModel[Literal["mean", Method]] = Field(
        "mean",
        description="How batches are combined: the mean of their probabilities, or as --combine; all but mean and "
        "voting are fitted out of fold: refit.",
    )
    batch_groups: OfModel[BatchGroups] = Field(
        "none",
        description="Batches of genes of one chromosome, of one type, or with like k-mer sketches (sketch: of a built "
        "folder), each group of batches combined by their mean before the groups are, as --ensemble-method says. Meant "
        "for many batches: of 52, six groups stacked gained .010 AP, their mean nothing. By what they are grouped "
        "brings no gain: groups by chance gained .006 to .012, sketches .006.",
    )
    ensemble_weights_per_class: OfModel[bool] = Field(
        default=False, description="Weights of its own for each class, where batches or learners are weighted."
    )
    ensemble_cv: OfModel[Literal["auto", "out-of-batch", "refit"]] = Field(
        "auto",
        description="How the ensemble is scored: by the members that never saw a gene, or refitted for each fold; "
        "'auto' takes out-of-batch with 3 batches or more where it is possible.",
    )
    calibrate_members: OfModel[bool] = Field(
        default=False, description="Calibrate each member's probabilities before they are combined, cross-fitted."
    )
    allow_missing_batches: OfModel[bool] = Field(
        default=False, description="Go on without the genes of batches that failed, and say so, instead of exit code 4."
    )
