"""Options of ``meta-models tune``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from meta_models.choice import SINGLE
from meta_models.config import PositiveInt, TrainingConfig
from meta_models.config.base import OfModel, OfResources
from meta_models.learners.registry import AUTO
from meta_models.local_paths import LocalPath

#: Options of ``train`` that a search has no use for: its trials are single models, and one learner wins.
NOT_SEARCHED = (
    "eval_dataset", "oof_dataset", "dry_run", "track", "mine_negatives", "mining_rounds", "mined_per_site",
    "max_features", "variants", "teacher", "plan_only", "combine", "optimiser", "keep_combination",
    "train_all_genes", "strategy", "max_hours", "chosen_by",
    "second_pass", "init_from", "init_inputs", "pretrain",
)  # fmt: skip


class TuneConfig(TrainingConfig):
    """A search, and everything of a training run that its trials and the model at its end share.

    Options of a learner that are given here are fixed; the others that have a range are searched.
    """

    SECTION: ClassVar[str] = "search"

    trials: OfModel[PositiveInt] = Field(
        50, description="Trials, the default options of each learner first among them."
    )
    hours: OfResources[Annotated[float, Field(gt=0)] | None] = Field(
        None, description="Hours of trials after which no further one is begun; the winner is of those that ended."
    )
    space: OfModel[LocalPath | None] = Field(
        None,
        description="YAML file: for each learner, options with {low, high, log}, a list of values, or one value; what "
        "it does not name keeps the range that `meta-models learners NAME` shows.",
    )
    tune_share: OfModel[Annotated[float, Field(gt=0, le=0.5)]] = Field(
        0.2, description="Share of the table, in whole families, that the search never sees: it gives the figure."
    )
    pruning: OfModel[bool] = Field(
        default=True,
        description="Give up a trial whose mean over two folds or more is below the median of those that went on.",
    )

    @property
    def for_training(self) -> dict[str, Any]:
        """The options of a training run on the same table, as plain values."""
        own = set(TuneConfig.model_fields) - set(TrainingConfig.model_fields)
        left_out = {*own, "out_dir", "overwrite", "resume", *NOT_SEARCHED}
        return self.model_dump(mode="json", exclude=left_out)

    @property
    def for_trials(self) -> TrainingConfig:
        """What all trials share: single models."""
        return TrainingConfig.from_mapping({**self.for_training, "strategy": SINGLE})

    @model_validator(mode="after")
    def _check_search(self) -> Self:
        fields = type(self).model_fields
        for name in NOT_SEARCHED:
            if getattr(self, name) != fields[name].default:
                raise ValueError(f"{name} is an option of train, not of tune: give it when the winner is trained again")
        if self.rounds == "cross-validation":
            raise ValueError("rounds cross-validation needs all folds of a trial at once: take fixed or early-stopping")
        if self.trials < len(self.learners):
            raise ValueError(
                f"trials must be {len(self.learners)} or more: the default options of each learner come first"
            )
        if AUTO in self.learners:
            raise ValueError(f"learners must be named: a search compares them itself, found {AUTO}")
        if self.reads_genes and self.whole_genes == "off":
            raise ValueError("whole_genes must not be off: a learner of genes is judged on every position of them")
        return self
