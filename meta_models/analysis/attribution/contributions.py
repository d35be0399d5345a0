"""Contributions of the features to the log-odds of a model, as its learner gives them, on a fair sample of rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.errors import MemoryBudgetError
from meta_models.learners.seam import Predictor
from meta_models.model import EnsembleMetaModel, FittedModel, SingleModel
from meta_models.model.calibrators import logit
from meta_models.schema import CLASSES, SpliceClass

EXPLAINED_VALUE_BYTES = 40  # a feature value of a SHAP row: value, contributions to three classes, copies in tables
SAMPLED_VALUE_BYTES = 8  # a feature value of a row behind one-feature average precision

if TYPE_CHECKING:
    from meta_models.result import TrainingResult

log = logging.getLogger(__name__)

#: Rows explained at a time: bounds memory and paces the progress messages.
CHUNK_ROWS = 500
Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """A predictor of a model and the weight of its contributions for each class, (3,).

    Attributes
    ----------
    columns : ndarray of int (F_part,)
        Features of the whole model that it reads, in its order.
    """

    predictor: Predictor
    weights: NDArray[np.float64]
    columns: NDArray[np.intp]


@dataclass(frozen=True)
class Contributions:
    """SHAP values of some rows; returned by :func:`explain`.

    Attributes
    ----------
    rows : (n,) int64
        Rows of the out-of-fold table.
    features : (n, F) float32
        Their feature values, missing as NaN.
    values : (3, n, F) float32
        Contribution of each feature to the margin (log-odds) of each class; weighted sum over the members.
    bias : (3,) float64
        Expected margin of each class.
    part_importance : (M, 3, F) float64
        Mean absolute contribution in each member.
    largest_errors, mean_errors : (3,) float64
        Distance between bias plus contributions and the model's log-odds of each class: rounding for a single model;
        for an ensemble also calibration of the members, and what combining probabilities differs from adding margins.
    rounding : float
        Largest distance between bias plus contributions and the weighted log-odds of the members, which is what they
        add up to.
    """

    rows: NDArray[np.int64]
    features: Floats32
    values: Floats32
    bias: NDArray[np.float64]
    part_importance: NDArray[np.float64]
    largest_errors: NDArray[np.float64]
    mean_errors: NDArray[np.float64]
    rounding: float

    @property
    def largest_error(self) -> float:
        """The largest of all classes."""
        return float(self.largest_errors.max())

    @property
    def mean_error(self) -> float:
        """The mean over the classes."""
        return float(self.mean_errors.mean())

    def importance(self) -> NDArray[np.float64]:
        """Mean absolute contribution of each feature to each class, (3, F)."""
        return np.asarray(np.abs(self.values).mean(axis=1, dtype=np.float64))


def parts_of(model: object) -> tuple[Part, ...] | None:
    """The predictors behind `model` with their weights; None where one of them has no contributions."""
    if not isinstance(model, FittedModel):
        return None
    parts = tuple(_weighted_parts(model, np.ones(3), np.arange(len(model.feature_names))))
    return parts if all(_gives(part.predictor) for part in parts) else None


def _weighted_parts(model: FittedModel, weights: NDArray[np.float64], columns: NDArray[np.intp]) -> Iterator[Part]:
    """The predictors of a model that counts `weights` (3,) and reads `columns`: of a member, its share of both."""
    if isinstance(model, SingleModel):
        yield Part(model.predictor, weights, columns[-model.predictor.n_inputs :])
    elif isinstance(model, EnsembleMetaModel):
        shares = model.combination.shares(model.n_members, len(CLASSES))
        for member, share, own in zip(model.members, shares, model.columns, strict=True):
            yield from _weighted_parts(member, weights * share, columns[own])


def unexplained(model: object) -> str:
    """The learners behind `model` that give no contributions, in words."""
    singles = model.singles if isinstance(model, FittedModel) else ()
    silent = dict.fromkeys(single.learner for single in singles if not _gives(single.predictor))
    return f"{', '.join(silent) or 'the model'}: no contributions of features to the scores are known"


def _gives(predictor: Predictor) -> bool:
    return predictor.contributions(np.empty((0, predictor.n_inputs), np.float32)) is not None


def parts_by_fold(result: TrainingResult) -> dict[int, tuple[Part, ...]]:
    """What is behind the out-of-fold scores of each fold; empty where it was not kept."""
    if result.explained_fold_models:
        found = {int(fold): parts_of(model) for fold, model in result.explained_fold_models.items()}
        return {fold: parts for fold, parts in found.items() if parts is not None}
    everyone = parts_of(result.model)
    if everyone is None or result.ensemble is None or not result.ensemble.out_of_batch:
        return {}
    others = {member: everyone[:member] + everyone[member + 1 :] for member in range(len(everyone))}
    return {member: _sharing_all(parts) for member, parts in others.items() if parts}


def _sharing_all(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """`parts` with weights that add up to one for each class."""
    total = np.sum([part.weights for part in parts], axis=0)
    return tuple(replace(part, weights=part.weights / total) for part in parts)


def spread_sample(labels: NDArray[np.uint8], genes: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of a sample with a third of each class, as far as there are rows, from as many genes as possible.

    Parameters
    ----------
    labels : (n,) uint8
    genes : (n,) int64
        Gene number of each row.

    Returns
    -------
    (min(size, n),) int64
        Sorted.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    turn = _turn_within(labels[order].astype(np.int64) * (genes.max(initial=0) + 1) + genes[order])
    order = order[np.argsort(turn, kind="stable")]
    queues = [order[labels[order] == target.value] for target in CLASSES]
    quotas = _quotas([len(queue) for queue in queues], size)
    chosen = np.concatenate([queue[:quota] for queue, quota in zip(queues, quotas, strict=True)])
    return np.asarray(np.sort(chosen), dtype=np.int64)


def _turn_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each element how many of its group stand before it."""
    by_group = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[by_group], prepend=-1))
    lengths = np.diff(starts, append=len(groups))
    turn = np.empty(len(groups), dtype=np.int64)
    turn[by_group] = np.arange(len(groups)) - np.repeat(starts, lengths)
    return turn


def _quotas(available: Sequence[int], size: int) -> list[int]:
    """Shares of `size` as even as `available` allows."""
    quotas, left = [0] * len(available), size
    for place, k in enumerate(sorted(range(len(available)), key=lambda k: available[k])):
        quotas[k] = min(available[k], left // (len(available) - place))
        left -= quotas[k]
    return quotas


def sampled_bytes(rows: int, features: int, config: TrainingConfig) -> int:
    """Predicted bytes of the feature values that importance and contributions look at, and of what they make of them.

    The rows that are explained and those behind one-feature average precision are held at the same time.
    """
    explained = EXPLAINED_VALUE_BYTES * min(rows, config.shap_rows)
    return features * (explained + SAMPLED_VALUE_BYTES * min(rows, config.importance_rows))


def require_memory(n_rows: int, n_features: int, budget: int | None) -> None:
    """Refuse a sample whose contributions would not fit.

    Raises
    ------
    MemoryBudgetError
        If values, contributions and a copy for the table take more than `budget` bytes.
    """
    needed = 4 * n_rows * n_features * (1 + 2 * len(CLASSES))
    if budget is not None and needed > budget:
        raise MemoryBudgetError(
            f"SHAP must fit into the memory budget of {budget / 1e9:.2f} GB",
            f"{n_rows:,} rows of {n_features:,} features take {needed / 1e9:.2f} GB",
            "Lower --shap-rows",
        )


def explain(parts: Sequence[Part], model: FittedModel, rows: NDArray[np.int64], features: Floats32) -> Contributions:
    """Contributions of `features` (n, F) to each class; see :class:`Contributions`."""
    values = np.zeros((len(CLASSES), *features.shape), dtype=np.float32)
    bias = np.zeros(len(CLASSES))
    importance = np.zeros((len(parts), len(CLASSES), features.shape[1]))
    for m, part in enumerate(parts):
        for start, chunk in _contributions(part, features):
            for target in CLASSES:
                own = chunk[:, target, :-1]
                values[target][start : start + len(own), part.columns] += _weighted(own, part.weights[target])
                importance[m, target, part.columns] += np.abs(own).sum(axis=0, dtype=np.float64)
            last_bias = chunk[0, :, -1].astype(np.float64)
        bias += last_bias * part.weights
        log.info("explained %d rows by member %d of %d", len(rows), m + 1, len(parts))
    total = values.sum(axis=2, dtype=np.float64).T + bias
    error, rounding = np.abs(total - _log_odds(model, features)), np.abs(total - _margins(parts, features))
    return Contributions(
        rows, features, values, bias, importance / max(len(rows), 1), error.max(axis=0), error.mean(axis=0),
        float(rounding.max()),
    )  # fmt: skip


def _margins(parts: Sequence[Part], features: Floats32) -> NDArray[np.float64]:
    """The weighted log-odds (n, 3) of the members, before they are calibrated."""
    found = [part.predictor.log_odds(features[:, part.columns]) * part.weights for part in parts]
    return np.asarray(np.sum(found, axis=0))


def contributions_to(
    parts: Sequence[Part], target: SpliceClass, features: Floats32, *, approximate: bool = False
) -> Floats32:
    """Contributions (n, F) of `features` to the margin of one class.

    With `approximate`, by walking each tree once (Saabas 2014): many times faster, and nearly the same ranking of
    features; single rows may differ.
    """
    values = np.zeros(features.shape, dtype=np.float32)
    for part in parts:
        for start, chunk in _contributions(part, features, approximate=approximate):
            values[start : start + len(chunk), part.columns] += _weighted(chunk[:, target, :-1], part.weights[target])
    return values


def _weighted(values: Floats32, weight: float) -> Floats32:
    return values if weight == 1 else values * np.float32(weight)


def _contributions(part: Part, features: Floats32, *, approximate: bool = False) -> Iterator[tuple[int, Floats32]]:
    """Start and contributions (m, 3, F_part + 1), the bias last, of consecutive chunks of rows."""
    for start in range(0, len(features), CHUNK_ROWS):
        own = features[start : start + CHUNK_ROWS, part.columns]
        values = part.predictor.contributions(own, approximate=approximate)
        if values is None:
            raise AssertionError("parts have contributions")
        yield start, values.astype(np.float32)


def _log_odds(model: FittedModel, matrix: Floats32) -> NDArray[np.float64]:
    """What the contributions should add up to, (n, 3)."""
    if isinstance(model, SingleModel):
        return model.predictor.log_odds(matrix)
    return logit(model.scores_of(matrix))


def importances_of(parts: Sequence[Part], kind: str, n_features: int) -> Mapping[SpliceClass, NDArray[np.float64]]:
    """Importances (n_features,) of a kind by class, weighted over the parts; empty where a part has none of them."""
    found = [part.predictor.importances().get(kind) for part in parts]
    total = np.zeros((len(CLASSES), n_features))
    for part, values in zip(parts, found, strict=True):
        if values is None:
            return {}
        total[:, part.columns] += values * part.weights[:, None]
    return {k: total[k] for k in CLASSES}
