"""Options of a training run: how it goes through the table, and on what."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from meta_models.config.base import (
    Configuration,
    GigaBytes,
    OfModel,
    OfResources,
    PositiveInt,
)
from meta_models.local_paths import LocalPath


class ResourceOptions(Configuration):
    """How a run goes through the table, and on what."""

    SECTION: ClassVar[str] = "resources"

    strategy: OfModel[str] = Field(
        "auto",
        description="Training strategy: single_model, batch_ensemble, external_memory, incremental (sgd), distributed "
        "(over the workers of --distributed), or auto, which chooses by genes and memory.",
    )
    train_all_genes: OfModel[bool] = Field(
        default=False, description="Force the batch ensemble, which trains on every gene."
    )
    max_single_genes: OfModel[PositiveInt] = Field(4000, description="Most genes of a single model chosen by 'auto'.")
    max_single_gb: OfModel[GigaBytes] = Field(32.0, description="Most predicted GB of a single model.")
    max_memory_gb: OfResources[GigaBytes | None] = Field(
        None, description="Memory budget in GB (10^9 bytes); never more than the machine's own limits."
    )
    strict_memory: OfResources[bool] = Field(
        default=False,
        description="Have the kernel refuse address space beyond the budget and 4 GB, besides the guard.",
    )
    cache_dir: OfResources[LocalPath | None] = Field(
        None, description="Folder for the pages of --strategy external_memory (default: the run folder)."
    )
    threads: OfResources[PositiveInt | None] = Field(
        None, description="CPU threads (default: what this process may use)."
    )
    max_hours: OfResources[Annotated[float, Field(gt=0)] | None] = Field(
        None, description="Hours after which the run ends with the unit in hand (exit code 130); --resume goes on."
    )
    device: OfResources[Literal["auto", "cpu", "cuda"]] = Field("auto", description="Device of the booster.")
