"""The configuration of ``meta-models suggest-genes``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from meta_models.config import Configuration, PositiveInt
from meta_models.local_paths import LocalName, LocalPath, TableName

#: What genes may be ordered by; ``all`` is the mean rank under those that there are.
By = Literal["uncertainty", "disagreement", "expected-change", "distance", "all"]


class SuggestConfig(Configuration):
    """Everything that determines which genes are suggested."""

    model: LocalName = Field(description="Model file, or a pattern that exactly one file matches.")
    dataset: TableName = Field(
        description="Genes to choose from: a folder of meta-models build (every position is looked at), or a table of "
        "rows; labels may be absent."
    )
    n: PositiveInt = Field(100, description="How many genes.")
    out: LocalPath = Field(description="File to write: .tsv.")
    by: By = Field(
        "uncertainty",
        description="What they are ordered by: expected log-loss (uncertainty), how far the members are apart "
        "(disagreement), expected slope of the loss (expected-change), all three summed over a gene's positions; how "
        "rare its features were in training (distance: worse than chance where it was tried); or the mean rank under "
        "all.",
    )
    overwrite: bool = Field(default=False, description="Replace the output of an earlier run.")
    verbose: bool = Field(default=False, description="Log details.")
    threads: PositiveInt | None = Field(None, description="CPU threads (default: what this process may use).")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.out.name.lower().endswith(".tsv"):
            raise ValueError(f"--out must end in .tsv, found {self.out}")
        return self
