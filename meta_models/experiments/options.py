"""Options of the commands over finished runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, model_validator

from meta_models.config import Configuration, GigaBytes, PositiveInt
from meta_models.config.sections import with_sections
from meta_models.learners.seam import LearnerConfig
from meta_models.local_paths import LocalPath, TableName


class CompareConfig(Configuration):
    """How finished runs are compared."""

    out: LocalPath = Field(description="Folder for comparison.html, .tsv and .json and gene_changes.tsv.")
    overwrite: bool = Field(default=False, description="Replace an earlier comparison there.")
    control: str | None = Field(
        None, description="Name of the run that the others are compared with (default: the first that is given)."
    )
    across_tables: bool = Field(
        default=False,
        description="The runs are of several tables: those that share genes are compared, then runs of the same name "
        "(the folder's) are ranked over the tables.",
    )
    bootstrap_samples: PositiveInt = Field(1000, description="Resamples of families behind each 95 % interval.")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="Seed of the resamples.")


class ExperimentConfig(Configuration):
    """How an experiment is run and compared."""

    out_dir: LocalPath = Field(
        description="Folder of the experiment, with one for each variant; what is finished there is not run again."
    )
    overwrite: bool = Field(default=False, description="Run all variants again.")
    dry_run: bool = Field(default=False, description="Check the file, list the variants and write nothing.")
    max_variants: PositiveInt = Field(100, description="Most combinations that the matrix may have.")
    control: str | None = Field(
        None, description="Name of the variant that the others are compared with (default: the first)."
    )
    bootstrap_samples: PositiveInt = Field(1000, description="Resamples of families behind each 95 % interval.")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="Seed of the resamples.")


class TrackConfig(Configuration):
    """Where a finished run is recorded."""

    to: str = Field(
        "mlflow",
        description="Tracker, and after a colon its address: mlflow, or mlflow:URI (default: a SQLite file beside the "
        "run folder); wandb, or wandb:FOLDER (offline, default: beside the run folder).",
    )
    experiment: str = Field("meta_models", description="Name of the tracker's experiment that the run is put into.")


class GatesConfig(Configuration):
    """Which quality gates a finished run must pass."""

    gates: LocalPath | None = Field(
        None, description="YAML list of gates and their limits (default: all, with default limits)."
    )
    out: LocalPath | None = Field(None, description="File for the outcome, .tsv or .json; it is printed in any case.")
    overwrite: bool = Field(default=False, description="Replace an earlier file there.")


class EvidenceConfig(Configuration):
    """What is handed to somebody who has to believe the figures of a run."""

    out: LocalPath = Field(description="ZIP file to write.")
    overwrite: bool = Field(default=False, description="Replace an earlier file there.")
    gates: LocalPath | None = Field(
        None, description="YAML list of gates and their limits (default: all, with default limits)."
    )


class DistilConfig(Configuration):
    """What a student is, and where it goes; all that is not given is as in the run of the teacher."""

    learners: Annotated[tuple[str, ...], Field(max_length=1)] = Field(
        ("xgboost",), min_length=1, description="What is fitted: one of the names that `meta-models learners` lists."
    )
    sections: dict[str, SerializeAsAny[LearnerConfig]] = Field({}, description="Its options, by its name.", repr=False)
    out_dir: LocalPath = Field(description="Run folder of the student; must be empty or absent.")
    dataset: TableName | None = Field(None, description="Where the table of the run lies now, if it was moved.")
    overwrite: bool = Field(default=False, description="Replace the run in --out-dir.")
    resume: bool = Field(default=False, description="Reuse the finished units of an earlier run in --out-dir.")
    analyses: tuple[str, ...] | None = Field(None, description="Analyses to run, as those of train.")
    threads: PositiveInt | None = Field(None, description="CPU threads.")
    verbose: bool = Field(default=False, description="Log details.")
    max_memory_gb: GigaBytes | None = Field(None, description="Memory budget in GB.")

    @model_validator(mode="before")
    @classmethod
    def _sections(cls, values: Any) -> Any:
        """Options of the learner under its name."""
        return with_sections(values, frozenset(cls.model_fields)) if isinstance(values, Mapping) else values


class ReproduceConfig(Configuration):
    """How a finished run is trained again."""

    out_dir: LocalPath = Field(description="Run folder of the repetition; must be empty or absent.")
    dataset: TableName | None = Field(None, description="Where the table of the run lies now, if it was moved.")
    threads: PositiveInt | None = Field(None, description="CPU threads (default: as in the run).")
