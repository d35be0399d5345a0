"""Positions scored out of fold by the models of the folds, and by all that the leaderboard compares with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.learners.seam import Matrix
from meta_models.model import FittedModel
from meta_models.model.combinations import Combination
from meta_models.model.ensemble import all_features
from meta_models.result import CALIBRATED, RAW, probability_columns
from meta_models.schema import CLASSES
from meta_models.standings import Contenders

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Rows = NDArray[np.intp]
NOBODY = Contenders()


class Source(Protocol):
    """Where the features of some positions come from."""

    def matrix(self, model: FittedModel, fold: int, rows: Rows) -> Matrix:
        """What `model` reads of the positions `rows`, all of that fold, (len(rows), F)."""

    def values(self, names: Sequence[str], rows: Rows) -> Matrix:
        """The features `names` of the positions `rows`, (len(rows), len(names))."""


@dataclass(frozen=True)
class FoldScorer:
    """Scores positions of whatever fold.

    Attributes
    ----------
    models : mapping of fold to FittedModel
        Each may read columns of its own.
    contenders : Contenders
        Scored beside them, except members that are these models themselves.
    """

    models: Mapping[int, FittedModel]
    contenders: Contenders = NOBODY

    @property
    def everybody(self) -> list[FittedModel]:
        """All models that score anything."""
        others = [model for by_fold in self.contenders.members.values() for model in by_fold.values()]
        return [*self.models.values(), *others]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All columns that are read, those that models compute from whole genes included."""
        return all_features(self.everybody)

    @cached_property
    def read(self) -> frozenset[str]:
        """The columns among `names` that are features of positions."""
        return frozenset(name for m in self.everybody for name in set(m.feature_names) - set(m.gene_columns))

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Names of the members whose scores are needed, for themselves or for a combination."""
        named = self.contenders.members
        return tuple(name for name in named if self.contenders.combined or not self._is_whole(named[name]))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the columns of each layer of scores begin with: raw and calibrated ones, then those of contenders."""
        return (RAW, CALIBRATED, *self.members, *self.contenders.combined)

    def knows(self, name: str) -> bool:
        """Whether it scores the contender of that name."""
        return name in self.contenders.members or name in self.contenders.combined

    def of(self, name: str) -> str:
        """The prefix of the columns of a contender."""
        return name if name in self.prefixes else CALIBRATED

    def set_threads(self, n: int) -> None:
        """Use `n` threads for each prediction."""
        for model in self.everybody:
            model.set_threads(n)

    def score(self, fold: NDArray[np.int16], source: Source) -> Floats32:
        """Probabilities (L, n, 3), a layer for each of `prefixes`; `fold` (n,) says which models score a position."""
        layers = np.empty((len(self.prefixes), len(fold), len(CLASSES)), np.float32)
        for number in np.unique(fold):
            rows = np.flatnonzero(fold == number)
            layers[:, rows] = self._of_fold(int(number), rows, source)
        return layers

    def _of_fold(self, fold: int, rows: Rows, source: Source) -> Floats:
        known = dict[int, Floats]()
        both = None if self._combined_whole else self._both(self.models[fold], fold, rows, source)
        if both is not None:
            known[id(self.models[fold])] = both[1]
        own = []
        for name in self.members:
            model = self.contenders.members[name][fold]
            scores = known.get(id(model))
            own.append(model.probabilities_of(source.matrix(model, fold, rows)) if scores is None else scores)
        stack = np.stack(own) if own else np.empty((0, len(rows), len(CLASSES)))
        together = [self._together(by_fold[fold], stack, rows, source) for by_fold in self.contenders.combined.values()]
        first = both if both is not None else [together[self._number]] * 2
        return np.stack([*first, *own, *together])

    @staticmethod
    def _both(model: FittedModel, fold: int, rows: Rows, source: Source) -> tuple[Floats, Floats]:
        return model.predict_both(source.matrix(model, fold, rows))

    def _together(self, way: Combination, members: Floats, rows: Rows, source: Source) -> Floats:
        names = [self.contenders.features[column] for column in way.columns]
        return way(members, source.values(names, rows) if names else None)

    @property
    def _combined_whole(self) -> bool:
        """Whether the models are a combination of the members, which need not be scored twice."""
        return self.contenders.whole is not None

    @property
    def _number(self) -> int:
        return list(self.contenders.combined).index(self.contenders.whole or "")

    def _is_whole(self, models: Mapping[int, FittedModel]) -> bool:
        return all(models.get(fold) is model for fold, model in self.models.items())


def layer_columns(prefixes: Iterable[str], layers: Floats32) -> list[pl.Series]:
    """Columns of a frame: three for each of the layers (L, n, 3)."""
    return [
        pl.Series(name, layer[:, c])
        for prefix, layer in zip(prefixes, layers, strict=True)
        for c, name in zip(CLASSES, probability_columns(prefix), strict=True)
    ]
