"""Group `models`: how the base models agree. Without a second base model it has no columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from meta_models.features.group import Column, Group
from meta_models.features.inputs import Floats64
from meta_models.features.tile import Tile


@dataclass(frozen=True)
class ModelsGroup(Group):
    """Mean, least, largest and standard deviation over the base models of the log odds of donor and acceptor."""

    name: ClassVar[str] = "models"
    VERSION: ClassVar[int] = 1

    @property
    def reach(self) -> int:
        """The position alone."""
        return 0

    def columns(self, tile: Tile) -> Iterator[Column]:
        """Four columns a kind."""
        if len(tile.inputs.models) == 1:
            return
        of_models = [tile.log_odds(track) for track in tile.inputs.models]
        for kind, name in enumerate(("donor", "acceptor")):
            for statistic, values in _statistics([odds[kind] for odds in of_models]):
                yield f"models_{name}_{statistic}", values


def _statistics(odds: list[Floats64]) -> Iterator[Column]:
    mean = _sum(odds) / len(odds)
    yield "mean", mean
    yield "min", np.minimum.reduce(odds)
    yield "max", np.maximum.reduce(odds)
    yield "sd", np.sqrt(_sum([(values - mean) ** 2 for values in odds]) / len(odds))


def _sum(arrays: list[Floats64]) -> Floats64:
    """Sum in the order of the recipe."""
    total = arrays[0]
    for values in arrays[1:]:
        total = total + values
    return total
