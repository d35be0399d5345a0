"""What combinations are fitted on: probabilities of members on rows that none of them has seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from meta_models.model.combinations import Combination
from meta_models.schema import SITE_CLASSES
from meta_models.training.calibration.fit import BaseScores
from meta_models.training.combination.composition import Composition

Floats: TypeAlias = NDArray[np.float64]
#: Probabilities (M, n, K) of each member, NaN where a member may not score a row.
Members: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

_CHUNK = 65_536  # rows combined at a time
#: Negatives that every member scores below it are no rivals of any site: searches by average precision leave them out.
_RIVAL = 1e-3


@dataclass(frozen=True)
class Options:
    """How combinations are fitted, beside the method.

    Attributes
    ----------
    per_class : bool
        Weights of its own for each class, where the method can have them.
    optimiser : str
        ``slsqp`` or ``differential-evolution``, of weighted and per-bin.
    seed : int
        Of the latter.
    """

    per_class: bool = False
    optimiser: str = "slsqp"
    seed: int = 0


@dataclass(frozen=True)
class Stack:
    """Scored and labelled rows.

    Attributes
    ----------
    members : ndarray (M, n, K)
        Normalised probabilities, NaN where a member may not score a row.
    labels : ndarray of integers (n,)
    weights : ndarray of float32 (n,)
        What the rows count.
    folds : ndarray of int16 (n,)
        The fold that held each row out.
    bases : BaseScores or None
        The base models' scores, for bins of them.
    composition : Composition or None
        What the sequence around each row is made of, where weights depend on it.
    """

    members: Members
    labels: NDArray[np.integer]
    weights: NDArray[np.float32]
    folds: NDArray[np.int16]
    bases: BaseScores | None = None
    composition: Composition | None = None

    @property
    def shares(self) -> Floats:
        """The weights, summing to 1."""
        return np.asarray(self.weights.astype(np.float64) / self.weights.sum(dtype=np.float64))

    def rows(self, chosen: NDArray[np.bool_]) -> Stack:
        """The rows `chosen` (n,)."""
        return replace(
            self, members=self.members[:, chosen], labels=self.labels[chosen], weights=self.weights[chosen],
            folds=self.folds[chosen], bases=None if self.bases is None else self.bases.rows(chosen),
            composition=None if self.composition is None else self.composition.rows(chosen),
        )  # fmt: skip

    def complete(self) -> Stack:
        """The rows that all members may score."""
        whole = np.asarray(~np.isnan(self.members).any(axis=(0, 2)))
        return self if whole.all() else self.rows(whole)

    def rivals(self) -> Stack:
        """Sites, and what any member thinks might be one: few rows that decide average precision."""
        sites = np.array(SITE_CLASSES)
        chosen = np.isin(self.labels, sites)
        chosen[(self.members[:, :, sites] > _RIVAL).any(axis=(0, 2))] = True
        return self.rows(chosen)

    def values(self, columns: tuple[int, ...]) -> NDArray[np.float32] | None:
        """Values (n, B) of features of these numbers: base scores, or the composition as a whole; None for none."""
        if self.composition is not None and columns == self.composition.columns:
            return self.composition.values
        if not columns or self.bases is None:
            return None
        pairs = zip(self.bases.names, self.bases.columns, strict=True)
        names = {number: name for of_class in pairs for name, number in zip(*of_class, strict=True)}
        return self.bases.frame.select(names[number] for number in columns).to_numpy().astype(np.float32)

    def combined(self, combination: Combination) -> Floats:
        """Combined probabilities (n, K)."""
        result, values = np.empty(self.members.shape[1:]), self.values(combination.columns)
        for start in range(0, len(result), _CHUNK):
            rows = slice(start, start + _CHUNK)
            beside = None if values is None else values[rows]
            result[rows] = combination(self.members[:, rows].astype(np.float64), beside)
        return result
