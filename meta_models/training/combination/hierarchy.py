"""Members that are combined in groups first, and the groups then: the mean within, any method over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from meta_models.learners.seam import Matrix
from meta_models.model import EnsembleMetaModel, FittedModel, ModelInfo
from meta_models.model.combinations import Combination, Mean
from meta_models.training.combination.stack import Floats, Members

#: Numbers of the members of each group; none where members are not grouped.
Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Hierarchy:
    """How members become one.

    Attributes
    ----------
    over : Combination
        Of the groups, or of the members where there are no groups.
    """

    over: Combination
    groups: Groups = ()

    def __call__(self, members: Floats, matrix: Matrix) -> Floats:
        """Combined probabilities (n, K) of members (M, n, K) that read the features (n, F)."""
        whole = within(members, self.groups).astype(np.float64)
        return self.over(whole, matrix[:, list(self.over.columns)])

    def model(
        self, members: Sequence[FittedModel | None], info: ModelInfo, info_of: Callable[[tuple[int, ...]], ModelInfo]
    ) -> EnsembleMetaModel:
        """The ensemble of `members`, those left out None; `info_of` tells where a group of members comes from.

        A group of which no member is left is left out: the combination over the groups must be one without parameters.
        """
        if not self.groups:
            there = [member for member in members if member is not None]
            return EnsembleMetaModel(there, info=info, combination=self.over)
        parts = []
        for group in self.groups:
            numbers = tuple(number for number in group if members[number] is not None)
            inner = [member for member in (members[number] for number in numbers) if member is not None]
            if inner:
                parts.append(EnsembleMetaModel(inner, info=info_of(numbers), combination=Mean()))
        return EnsembleMetaModel(parts, info=info, combination=self.over)


def groups_of(names: Sequence[str]) -> Groups:
    """Numbers of the members of each group, from the group of each member; none where there are not two groups."""
    kinds = tuple(dict.fromkeys(names))
    if len(kinds) < 2:
        return ()
    return tuple(tuple(number for number, name in enumerate(names) if name == kind) for kind in kinds)


def within(members: Members, groups: Groups) -> Members:
    """The mean (G, n, K) of the members (M, n, K) of each group that may score a row, NaN where none may.

    The members themselves where there are no groups.
    """
    if not groups:
        return members
    result = np.empty((len(groups), *members.shape[1:]), members.dtype)
    for at, group in enumerate(groups):
        few = members[list(group)]
        may = np.asarray(~np.isnan(few).any(axis=2))
        total = np.where(may[:, :, None], few, 0.0).sum(axis=0, dtype=np.float64)
        count = may.sum(axis=0)
        result[at] = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)
    return result
