"""Several fitted models combined into one; each reads columns of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import Matrix
from meta_models.model.base import FittedModel, ModelInfo, Probabilities
from meta_models.model.calibrators import Calibrator
from meta_models.model.combinations import Combination, Mean
from meta_models.model.single import SingleModel

#: Most ensembles within one another, the outermost included.
MAX_DEPTH = 8


class EnsembleMetaModel(FittedModel):
    """Members, each of which reads some of the features, and how they are combined. A member may be an ensemble itself.

    Parameters
    ----------
    members : sequence of FittedModel, (M,)
        All calibrated, before they are combined, or none; each with its genes in its ``info``.
    info : ModelInfo
        Of the whole; its genes are those of all members together.
    combination : Combination
    calibrators : three calibrators, or None
        Applied to the combined probabilities.
    feature_names : sequence of str, (F,), optional
        Columns of the matrix, among them all that a member reads; by default these, in the order in which members
        name them.

    Raises
    ------
    ValueError
        If the members do not fit together, the combination does not fit them, or too many lie within one another.
    """

    def __init__(
        self,
        members: Sequence[FittedModel],
        *,
        info: ModelInfo,
        combination: Combination | None = None,
        calibrators: Sequence[Calibrator] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        _require_compatible(members, info)
        names = names_of_all(members) if feature_names is None else feature_names
        super().__init__(names, calibrators=calibrators, info=info)
        self.members = tuple(members)
        self.columns = tuple(columns_of(member, self.feature_names) for member in members)
        self.combination: Combination = Mean() if combination is None else combination
        self.combination.check(len(members), self.n_classes)
        if max(self.combination.columns, default=-1) >= len(self.feature_names):
            raise ValueError(f"the combination looks at features {self.combination.columns}, which are not there")
        if self.depth > MAX_DEPTH:
            raise ValueError(f"at most {MAX_DEPTH} ensembles may lie within one another")

    @property
    def n_members(self) -> int:
        """How many members are combined, M."""
        return len(self.members)

    @property
    def singles(self) -> tuple[SingleModel, ...]:
        """All single models in it, those of inner ensembles included."""
        return tuple(single for member in self.members for single in member.singles)

    @property
    def depth(self) -> int:
        """How many ensembles lie within one another; 1 where all members are single models."""
        return 1 + max(member.depth for member in self.members)

    def with_calibrators(self, calibrators: Sequence[Calibrator] | None) -> EnsembleMetaModel:
        """The same members and combination with other calibrators, or none."""
        return self._with(self.info, calibrators)

    def with_info(self, info: ModelInfo) -> EnsembleMetaModel:
        """The same members, combination and calibrators with another origin."""
        return self._with(info, self.calibrators)

    def _with(self, info: ModelInfo, calibrators: Sequence[Calibrator] | None) -> EnsembleMetaModel:
        return EnsembleMetaModel(
            self.members, info=info, combination=self.combination, calibrators=calibrators,
            feature_names=self.feature_names,
        )  # fmt: skip

    def scores_of(self, matrix: Matrix) -> Probabilities:
        """Combined probabilities (n, 3) of a float32 (n, F) matrix, NaN where a value is missing."""
        return self.combination(self._members_of(matrix), matrix[:, list(self.combination.columns)])

    def predict_members(self, X: object) -> NDArray[np.float64]:
        """Probabilities of each member, as they are combined, float64 (M, n, 3), in one pass over `X`."""
        return self.map_chunks(X, self._members_of, leading=(self.n_members,))

    def predict_proba_without(self, X: object, member_index: int) -> Probabilities:
        """Uncalibrated vote of all members but one, for rows of the genes which that one was trained on.

        Parameters
        ----------
        X : as in :meth:`predict_proba`, (n, ...)
        member_index : int
            The member to leave out.

        Returns
        -------
        ndarray of float64, (n, 3)

        Raises
        ------
        ValueError
            If the combination was fitted (its weights have seen every gene), or no other member is left.
        """
        if self.combination.fitted:
            raise ValueError(f"leaving a member out needs mean or voting; this ensemble is {self.combination.kind}")
        if self.n_members < 2 or not 0 <= member_index < self.n_members:
            raise ValueError(f"no member {member_index} can be left out of {self.n_members}")
        others = [i for i in range(self.n_members) if i != member_index]
        return self.map_chunks(X, lambda matrix: self.combination(self._probabilities(others, matrix)))

    def _members_of(self, matrix: Matrix) -> NDArray[np.float64]:
        return self._probabilities(range(self.n_members), matrix)

    def _probabilities(self, numbers: Iterable[int], matrix: Matrix) -> NDArray[np.float64]:
        """Probabilities (M, n, K) of the members of these numbers, each of its columns of the matrix (n, F)."""
        return np.stack([self.members[m].probabilities_of(matrix[:, self.columns[m]]) for m in numbers])


def names_of_all(models: Iterable[FittedModel]) -> tuple[str, ...]:
    """The features that any of `models` reads, each once, in the order in which they name them."""
    return tuple(dict.fromkeys(name for model in models for name in model.feature_names))


def columns_of(model: FittedModel, feature_names: Sequence[str]) -> slice | NDArray[np.intp]:
    """Where the features of `model` stand among `feature_names`: the whole where they are the same.

    Raises
    ------
    ValueError
        If one of them is not there.
    """
    if model.feature_names == tuple(feature_names):
        return slice(None)
    places = {name: at for at, name in enumerate(feature_names)}
    if absent := [name for name in model.feature_names if name not in places]:
        raise ValueError(f"a member reads features that are not there: {', '.join(absent)[:300]}")
    return np.array([places[name] for name in model.feature_names], np.intp)


def _require_compatible(members: Sequence[FittedModel], info: ModelInfo) -> None:
    if not members:
        raise ValueError("an ensemble needs members")
    own = [name for member in members for name in member.gene_columns]
    if len(set(own)) < len(own):
        raise ValueError("members that read whole genes must call their scores by different names")
    if any(member.info.classes != info.classes for member in members):
        raise ValueError("members must have the classes of the whole in the same order")
    if len({member.calibrators is None for member in members}) > 1:
        raise ValueError("members must be calibrated all or none")
