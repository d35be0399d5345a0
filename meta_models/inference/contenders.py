"""Positions scored out of fold by the models of the folds, and by all that the leaderboard compares with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.learners.seam import Matrix
from meta_models.model import FittedModel
from meta_models.model.ensemble import columns_of, names_of_all
from meta_models.result import CALIBRATED, RAW, probability_columns
from meta_models.schema import CLASSES
from meta_models.standings import Contenders

Floats32 = NDArray[np.float32]
NOBODY = Contenders()


@dataclass(frozen=True)
class FoldScorer:
    """Scores rows of whatever fold.

    Attributes
    ----------
    models : mapping of fold to FittedModel
        Each may read columns of its own.
    contenders : Contenders
        Scored beside them, except members that are these models themselves.
    """

    models: Mapping[int, FittedModel]
    contenders: Contenders = NOBODY

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All columns that are read: in the order of the models' own where these are all."""
        return names_of_all(self._models())

    @cached_property
    def table_names(self) -> tuple[str, ...]:
        """Those of `names` that a table has: without the scores that models have of whole genes, or of windows."""
        own = {name for model in self._models() for name in model.gene_columns}
        return tuple(name for name in self.names if name not in own)

    @cached_property
    def window(self) -> int:
        """Bases of the longest window around a row that a model reads; 0 where none reads any."""
        return max(model.window for model in self._models())

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
        for model in self._models():
            model.set_threads(n)

    def score(self, fold: NDArray[np.int16], matrix: Matrix) -> Floats32:
        """Probabilities (L, n, 3), a layer for each of `prefixes`, of a matrix (n, F) of `names`.

        `fold` (n,) says which models a row is scored by.
        """
        layers = np.empty((len(self.prefixes), len(matrix), len(CLASSES)), np.float32)
        for number in np.unique(fold):
            here = np.flatnonzero(fold == number)
            layers[:, here] = self.score_fold(int(number), matrix[here])
        return layers

    def score_fold(self, fold: int, matrix: Matrix) -> NDArray[np.float64]:
        """As :meth:`score`, of rows that were all held out in one `fold`."""
        whole = self.models[fold]
        both = whole.predict_both(matrix[:, columns_of(whole, self.names)])
        own = [
            self._probabilities(self.contenders.members[name][fold], matrix, whole, both[1]) for name in self.members
        ]
        ways = [by_fold[fold] for by_fold in self.contenders.combined.values()]
        stack = np.stack(own) if own else np.empty((0, len(matrix), len(CLASSES)))
        together = [way(stack, matrix[:, self._numbers(way.columns)]) for way in ways]
        return np.stack([*both, *own, *together])

    def _probabilities(
        self, model: FittedModel, matrix: Matrix, whole: FittedModel, known: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return known if model is whole else model.probabilities_of(matrix[:, columns_of(model, self.names)])

    def models_of(self, fold: int) -> list[FittedModel]:
        """The models that score a fold."""
        return [self.models[fold], *(self.contenders.members[name][fold] for name in self.members)]

    def _numbers(self, columns: Iterable[int]) -> list[int]:
        """Where the columns of a combination stand among `names`."""
        return [self.names.index(self.contenders.features[column]) for column in columns]

    def _is_whole(self, models: Mapping[int, FittedModel]) -> bool:
        return all(models.get(fold) is model for fold, model in self.models.items())

    def _models(self) -> list[FittedModel]:
        others = [model for name in self.contenders.members for model in self.contenders.members[name].values()]
        return [*self.models.values(), *others]


def layer_columns(prefixes: Iterable[str], layers: Floats32) -> list[pl.Series]:
    """Columns of a frame: three for each of the layers (L, n, 3)."""
    return [
        pl.Series(name, layer[:, c])
        for prefix, layer in zip(prefixes, layers, strict=True)
        for c, name in zip(CLASSES, probability_columns(prefix), strict=True)
    ]
