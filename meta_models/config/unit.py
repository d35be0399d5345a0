"""The options of ``meta-models unit``."""

from __future__ import annotations

from pydantic import Field

from meta_models.config.base import Configuration, GigaBytes, OfResources, PositiveInt


class UnitConfig(Configuration):
    """What ``meta-models unit`` may use."""

    threads: OfResources[PositiveInt | None] = Field(
        None, description="CPU threads (default: what this process may use)."
    )
    max_memory_gb: OfResources[GigaBytes | None] = Field(
        None, description="Memory budget in GB (10^9 bytes); never more than the machine's own limits."
    )
