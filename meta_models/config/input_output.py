"""Options of a training run: what is read and written, and how it starts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from meta_models.config.base import (
    Configuration,
    OfAnalysis,
    OfModel,
    OfStart,
    PositiveInt,
    ValueNames,
)
from meta_models.config.cluster import CLUSTERS, Cluster
from meta_models.local_paths import LocalPath, TableName

SCORE_NAMES = ValueNames(("DONOR", "ACCEPTOR", "NEITHER"))


class DataOptions(Configuration):
    """Tables and genes that are read."""

    SECTION: ClassVar[str] = "data"

    dataset: OfModel[TableName] = Field(
        "demo",
        description="Parquet/CSV/TSV file or folder, or 'demo' for the built-in table ('built-in:demo' where a path "
        "has that name).",
    )
    eval_dataset: OfAnalysis[TableName | None] = Field(
        None, description="Second table, of genes not trained on, to evaluate on (all positions count most)."
    )
    oof_dataset: OfAnalysis[TableName | None] = Field(
        None,
        description="Table of all positions of the training genes, or built folder; each is scored by the model "
        "of its fold.",
    )
    whole_genes: OfAnalysis[Literal["auto", "all", "off"]] = Field(
        "auto",
        description="Score every position of the genes of a built folder out of fold: all genes up to 50 million "
        "positions and as memory allows, above that a sample (auto); all; or none.",
    )
    sample_genes: OfModel[PositiveInt | None] = Field(None, description="Use so many genes only, drawn by the seed.")
    base_train_chroms: OfAnalysis[tuple[str, ...] | None] = Field(
        None, description="Chromosomes the base model was trained on (default: from dataset_info.json)."
    )
    base_score_columns: OfModel[Annotated[tuple[str, str, str] | None, SCORE_NAMES]] = Field(
        None, description="Main base model's donor, acceptor and neither score columns, if named otherwise."
    )


class RunOptions(Configuration):
    """Where a run stands, and how it starts."""

    SECTION: ClassVar[str] = "run"

    out_dir: OfStart[LocalPath | None] = Field(None, description="Run folder; must be empty or absent.")
    overwrite: OfStart[bool] = Field(
        default=False, description="Replace the run in the run folder, once table and options were checked."
    )
    resume: OfStart[bool] = Field(
        default=False, description="Reuse the finished units of an earlier run in the run folder."
    )
    dry_run: OfStart[bool] = Field(default=False, description="Print the plan as JSON and write nothing.")
    plan_only: OfStart[bool] = Field(
        default=False,
        description="Write the units of the run into the run folder and leave: `meta-models unit` does them, and train "
        "--resume collects them.",
    )
    distributed: OfStart[Cluster] = Field(None, description=f"Do the units of the run on a Dask cluster: {CLUSTERS}.")
    verbose: OfStart[bool] = Field(default=False, description="Log details.")


class TrackingOptions(Configuration):
    """What trackers of experiments are told."""

    SECTION: ClassVar[str] = "tracking"

    track: OfStart[str | None] = Field(
        None,
        description="Record the finished run in a tracker of experiments: mlflow, mlflow:URI, wandb or wandb:FOLDER "
        "(offline); one that fails never costs the run.",
    )
    tags: OfAnalysis[tuple[Annotated[str, Field(pattern=r"^[^=]+=")], ...]] = Field(
        (), description="Notes on the run as KEY=VALUE, which trackers of experiments are told."
    )
