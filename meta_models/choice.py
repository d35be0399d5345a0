"""A choice and its reason: a strategy, a device, a way of scoring. And the names of the strategies."""

from __future__ import annotations

from dataclasses import dataclass

SINGLE, BATCHES, EXTERNAL, INCREMENTAL = "single_model", "batch_ensemble", "external_memory", "incremental"
DISTRIBUTED = "distributed"


@dataclass(frozen=True)
class Choice:
    """A strategy by name, and why it was chosen."""

    name: str
    reason: str
