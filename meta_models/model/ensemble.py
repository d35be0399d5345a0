"""Several single models, each trained on its own batch of genes, combined into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import Matrix
from meta_models.model.base import FittedModel, ModelInfo, Probabilities
from meta_models.model.calibrators import CLIP, Calibrator, normalise
from meta_models.model.single import SingleModel

Combination: TypeAlias = Literal["voting", "weighted", "stacking"]
COMBINATIONS: tuple[Combination, ...] = get_args(Combination)


def stacking_features(members: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the stacking regression sees: log-probabilities, clipped at 1e-7.

    With coefficients 1/M on a member's own class and 0 elsewhere, stacking is the normalised geometric mean.

    Parameters
    ----------
    members : ndarray of float64, (M, n, 3)
        Normalised probabilities of each member.

    Returns
    -------
    ndarray of float64, (n, 3 M)
        Column ``3 m + k`` is class k of member m.
    """
    n = members.shape[1]
    return np.log(np.clip(members, CLIP, 1.0)).transpose(1, 0, 2).reshape(n, -1)


def combine(
    members: NDArray[np.float64],
    combination: Combination,
    *,
    weights: NDArray[np.float64] | None = None,
    coef: NDArray[np.float64] | None = None,
    intercept: NDArray[np.float64] | None = None,
) -> Probabilities:
    """Combine the members' probabilities.

    Parameters
    ----------
    members : ndarray of float64, (M, n, 3)
        Normalised probabilities of each member.
    combination : {"voting", "weighted", "stacking"}
        The mean; the mean weighted by `weights` in each class, normalised again; the softmax of a linear map of
        :func:`stacking_features`.
    weights : ndarray of float64, (M, 3)
        Of "weighted".
    coef, intercept : ndarray of float64, (3, 3 M) and (3,)
        Of "stacking".

    Returns
    -------
    ndarray of float64, (n, 3)
    """
    if combination == "voting":
        return np.asarray(members.mean(axis=0))
    if combination == "weighted" and weights is not None:
        return normalise(np.einsum("mnk,mk->nk", members, weights / weights.sum(axis=0)))
    if combination == "stacking" and coef is not None and intercept is not None:
        margins = stacking_features(members) @ coef.T + intercept
        exponentials = np.exp(margins - margins.max(axis=1, keepdims=True))
        return normalise(exponentials)
    raise ValueError(f"combination {combination!r} does not exist or lacks its parameters")


class EnsembleMetaModel(FittedModel):
    """Members that read the same features, combined by voting, weights or stacking.

    Parameters
    ----------
    members : sequence of SingleModel, (M,)
        All calibrated, before they are combined, or none; each with its genes in its ``info``.
    combination, weights, coef, intercept
        See :func:`combine`; parameters of another combination must be None.
    info : ModelInfo
        Of the whole; its genes are those of all members together.
    calibrators : three calibrators, or None
        Applied to the combined probabilities.

    Raises
    ------
    ValueError
        If the members do not fit together or the parameters do not fit the combination.
    """

    def __init__(
        self,
        members: Sequence[SingleModel],
        *,
        info: ModelInfo,
        combination: Combination = "voting",
        weights: NDArray[np.float64] | None = None,
        coef: NDArray[np.float64] | None = None,
        intercept: NDArray[np.float64] | None = None,
        calibrators: Sequence[Calibrator] | None = None,
    ) -> None:
        _require_compatible(members)
        super().__init__(members[0].feature_names, calibrators=calibrators, info=info)
        self.members = tuple(members)
        self.combination: Combination = combination
        m, k = len(members), self.n_classes
        self.weights = _parameter(weights, (m, k), needed=combination == "weighted", name="weights")
        self.coef = _parameter(coef, (k, k * m), needed=combination == "stacking", name="coef")
        self.intercept = _parameter(intercept, (k,), needed=combination == "stacking", name="intercept")
        if combination not in COMBINATIONS:
            raise ValueError(f"combination must be one of {COMBINATIONS}, found {combination!r}")
        if self.weights is not None and ((self.weights < 0).any() or (self.weights.sum(axis=0) <= 0).any()):
            raise ValueError("weights must not be negative, and each class needs one above 0")

    @property
    def n_members(self) -> int:
        """How many members are combined, M."""
        return len(self.members)

    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""
        for member in self.members:
            member.set_threads(n)

    def with_calibrators(self, calibrators: Sequence[Calibrator] | None) -> EnsembleMetaModel:
        """The same members and combination with other calibrators, or none."""
        return EnsembleMetaModel(
            self.members,
            info=self.info,
            combination=self.combination,
            weights=self.weights,
            coef=self.coef,
            intercept=self.intercept,
            calibrators=calibrators,
        )

    def with_info(self, info: ModelInfo) -> EnsembleMetaModel:
        """The same members, combination and calibrators with another origin."""
        return EnsembleMetaModel(
            self.members,
            info=info,
            combination=self.combination,
            weights=self.weights,
            coef=self.coef,
            intercept=self.intercept,
            calibrators=self.calibrators,
        )

    def scores_of(self, matrix: Matrix) -> Probabilities:
        """Combined probabilities (n, 3) of a float32 (n, F) matrix, NaN where a value is missing."""
        return combine(
            self._members_of(matrix), self.combination, weights=self.weights, coef=self.coef, intercept=self.intercept
        )

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
            If members are not combined by voting (fitted weights have seen every gene), or no other is left.
        """
        if self.combination != "voting":
            raise ValueError(f"leaving a member out needs voting; this ensemble is {self.combination}")
        if self.n_members < 2 or not 0 <= member_index < self.n_members:
            raise ValueError(f"no member {member_index} can be left out of {self.n_members}")
        others = [m for i, m in enumerate(self.members) if i != member_index]
        return self.map_chunks(X, lambda matrix: _probabilities(others, matrix).mean(axis=0))

    def _members_of(self, matrix: Matrix) -> NDArray[np.float64]:
        return _probabilities(self.members, matrix)


def _probabilities(members: Sequence[SingleModel], matrix: Matrix) -> NDArray[np.float64]:
    return np.stack([member.probabilities_of(matrix) for member in members])


def _require_compatible(members: Sequence[SingleModel]) -> None:
    if not members:
        raise ValueError("an ensemble needs members")
    if any(member.feature_names != members[0].feature_names for member in members):
        raise ValueError("members must have the same features in the same order")
    if len({member.calibrators is None for member in members}) > 1:
        raise ValueError("members must be calibrated all or none")


def _parameter(
    values: NDArray[np.float64] | None, shape: tuple[int, ...], *, needed: bool, name: str
) -> NDArray[np.float64] | None:
    if (values is not None) != needed:
        raise ValueError(f"{name} must {'be given' if needed else 'be None'} for this combination")
    if values is None:
        return None
    array = np.array(values, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite and of shape {shape}, found shape {array.shape}")
    return array
