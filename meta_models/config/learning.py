"""Options of a training run: what is fitted, to which rows, from where on."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SerializeAsAny

from meta_models.config.base import (
    Configuration,
    OfModel,
    OfUnit,
    PositiveInt,
    Share,
    ValueNames,
)
from meta_models.learners.seam import LearnerConfig
from meta_models.local_paths import LocalPath, TableName

#: What rows count in training.
Weighting = Literal["none", "sampling", "balanced", "effective", "balanced-draws", "oversampling"]
CLASS_VALUES = ValueNames(("NEITHER", "DONOR", "ACCEPTOR"))
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class LearningOptions(Configuration):
    """What is fitted, and how often."""

    SECTION: ClassVar[str] = "learning"

    learners: OfModel[tuple[str, ...]] = Field(
        ("xgboost",),
        min_length=1,
        description="What is fitted: names that `meta-models learners` lists, or auto: xgboost, and tcn where the "
        "table is a built folder and PyTorch is installed, combined by what the other folds say.",
    )
    sections: OfModel[dict[str, SerializeAsAny[LearnerConfig]]] = Field(
        {}, description="The options of each learner, by its name.", repr=False
    )
    monotone: OfUnit[bool] = Field(
        default=True,
        description="A higher score of a base model for a class never lowers the probability of that class, all else "
        "being equal, and one for neither never raises that of a site.",
    )
    cut_sample_rows: OfUnit[PositiveInt] = Field(
        100_000,
        description="Rows (half uniform, half with high base scores; labels unseen) that set the bins; "
        "fewer where their features would take more than 200 MB, which the report says.",
    )
    motifs: OfUnit[Literal["auto", "on", "off"]] = Field(
        "auto",
        description="Two more features, how much the bases around look like those of donors and acceptors, fitted "
        "inside each fold; auto: where the table was built with base codes.",
    )
    rounds: OfModel[Literal["cross-validation", "early-stopping", "fixed"]] = Field(
        "fixed",
        description="How many rounds: all (fixed), those best on the other folds, or until inner genes stop gaining.",
    )
    early_stopping_share: OfModel[Annotated[float, Field(gt=0, le=0.5)]] = Field(
        0.1, description="Share of a fold's training genes that only decide when to stop."
    )
    stages: OfModel[LocalPath | None] = Field(
        None,
        description="YAML list of later stages, each trained on some rows (hardest, loss, score, where) from where the "
        "stage before ended; kept where the other folds gain by it (as many rounds more on all rows gained as much).",
    )
    second_pass: OfModel[bool] = Field(
        default=False,
        description="Train a second time, on what the first models say out of fold around each position of a built "
        "folder's genes, too; kept where the other folds gain by it. It takes about four times as many fits.",
    )
    teacher: OfModel[LocalPath | None] = Field(
        None,
        description="Folder of a finished run on the same table: the learner is fitted to its out-of-fold scores "
        "instead of the labels, by its folds (meta-models distil sets this).",
    )
    seed: OfUnit[Annotated[int, Field(ge=0, lt=2**31)]] = Field(0, description="Seed of everything random.")


class WeightOptions(Configuration):
    """What rows count in training."""

    SECTION: ClassVar[str] = "weights"

    training_weights: OfUnit[Weighting] = Field(
        "sampling",
        description="Weights of the rows in training: none; the table's sampling_weight where it has one; classes of "
        "equal total (balanced); classes weighted by their effective number of rows; or how often rows are drawn, as "
        "many of each class as the rarest (balanced-draws) or the most frequent (oversampling) has. None gained AP by "
        "itself on two tables; of one, draws lost .07 and oversampling .02.",
    )
    class_weights: OfUnit[Annotated[tuple[Above0, Above0, Above0] | None, CLASS_VALUES]] = Field(
        None,
        description="What the weights of each class in training are multiplied by; their mean stays. "
        "No gain on two tables.",
    )
    thin_negatives: OfUnit[Share | None] = Field(
        None,
        description="Train on this share only of the negatives that no base model scores above --thin-below, weighted.",
    )
    thin_below: OfUnit[Annotated[float, Field(gt=0, le=1)]] = Field(
        0.003, description="Highest donor or acceptor score of any base model below which negatives are thinned."
    )


class MiningOptions(Configuration):
    """Negatives that a first model finds hard."""

    SECTION: ClassVar[str] = "mining"

    mine_negatives: OfModel[TableName | None] = Field(
        None,
        description="Table of all positions of the training genes, of which the hardest negatives are trained on, too.",
    )
    mining_rounds: OfModel[PositiveInt] = Field(
        1, description="Most rounds of mining; it ends when average precision on all positions stops rising."
    )
    mined_per_site: OfModel[Annotated[float, Field(gt=0)]] = Field(
        5.0, description="Hardest negatives taken for each site of the training genes."
    )


class StartOptions(Configuration):
    """Models that learners go on from."""

    SECTION: ClassVar[str] = "start"

    init_from: OfModel[tuple[LocalPath, ...]] = Field(
        (),
        description="Folders of finished runs, of another species say: a learner goes on from its model in one of "
        "them; genes that the earlier training saw are left out of this run and of every score.",
    )
    pretrain: OfModel[tuple[LocalPath, ...]] = Field(
        (),
        description="Folders of meta-models build, of other species say: learners of genes are trained on all their "
        "genes first, and go on from that as with --init-from.",
    )
    init_inputs: OfModel[tuple[Annotated[str, Field(pattern=r"^[^=]+=[^=]+$")], ...]] = Field(
        (),
        description="Inputs that --init-from or --pretrain name otherwise, as HERE=THERE: keys of base models, names "
        "of evidence.",
    )
