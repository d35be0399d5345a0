"""Options of ``meta-models analyse``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from meta_models.config import Configuration, GigaBytes, PositiveInt, TrainingConfig
from meta_models.local_paths import LocalPath, TableName

#: Options that replace those of the run where they are given.
_REPLACING = (
    "targets", "bootstrap_samples", "plot_points", "shap_rows", "explained_sites", "importance_rows",
    "permutation_rows", "permutation_features", "explained_positions", "gradient_sites", "combiner_rows", "threads",
    "max_memory_gb",
)  # fmt: skip


class AnalysisConfig(Configuration):
    """How the analysis of a finished run is repeated or extended; what is not given is as in the run."""

    analyses: tuple[str, ...] = Field(
        (), description="Analyses to run beside those of the run: codes, or 'all' for the slow ones, too."
    )
    out_dir: LocalPath | None = Field(
        None, description="Folder to write to instead of the run folder; empty or absent."
    )
    overwrite: bool = Field(default=False, description="Delete what an earlier command left in --out-dir first.")
    dataset: TableName | None = Field(None, description="Where the table of the run lies now, if it was moved.")
    targets: LocalPath | None = Field(None, description="YAML file of limits; exit code 5 when one is missed.")
    bootstrap_samples: PositiveInt | None = Field(None, description="Resamples of families behind each interval.")
    plot_points: Annotated[int, Field(ge=10)] | None = Field(None, description="Most points of a drawn curve.")
    shap_rows: PositiveInt | None = Field(None, description="Rows explained by SHAP.")
    explained_sites: Annotated[int, Field(ge=0)] | None = Field(None, description="Most sites explained by SHAP.")
    explained_positions: PositiveInt | None = Field(None, description="Positions whose inputs are taken away.")
    gradient_sites: Annotated[int, Field(ge=0)] | None = Field(None, description="Sites explained by gradients.")
    importance_rows: PositiveInt | None = Field(None, description="Rows behind one-feature average precision.")
    permutation_rows: PositiveInt | None = Field(None, description="Rows behind permutation importance.")
    permutation_features: PositiveInt | None = Field(None, description="Features that are permuted alone.")
    combiner_rows: PositiveInt | None = Field(None, description="Rows that combined base scores are fitted on.")
    threads: PositiveInt | None = Field(None, description="CPU threads (default: what this process may use).")
    max_memory_gb: GigaBytes | None = Field(None, description="Memory budget in GB.")
    verbose: bool = Field(default=False, description="Log details.")

    def applied_to(self, run: dict[str, Any]) -> TrainingConfig:
        """The configuration `run` of a run with these options.

        Raises
        ------
        UsageError
            If `run` is not a configuration of this version.
        """
        config = TrainingConfig.from_mapping({**run, "resume": False, "overwrite": False, "dry_run": False})
        changes = {name: getattr(self, name) for name in _REPLACING if getattr(self, name) is not None}
        more = tuple(code for code in self.analyses if code not in config.analyses)
        return config.model_copy(update={**changes, "analyses": (*config.analyses, *more)})
