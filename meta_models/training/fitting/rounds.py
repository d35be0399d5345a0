"""How many rounds: chosen on genes disjoint from those that the choice is scored on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import FitJob, Fitted
from meta_models.metrics import average_precision
from meta_models.schema import SITE_CLASSES

#: Numbers of rounds that cross-validation compares.
CANDIDATES = 16


@dataclass(frozen=True)
class Rounds:
    """Made by `choose_rounds`.

    Attributes
    ----------
    of_fold : dict of int to int
        Rounds of each fold's fits: the best ones on the *other* folds.
    final : int
        Rounds of the final model: the best ones on all folds.
    candidates : tuple of int
    curve : tuple of float
        Mean average precision of the watched classes (donor and acceptor) over the folds at each candidate.
    """

    of_fold: dict[int, int]
    final: int
    candidates: tuple[int, ...]
    curve: tuple[float, ...]


def candidate_rounds(most: int) -> tuple[int, ...]:
    """Evenly spread numbers of rounds up to `most`."""
    return tuple(sorted({max(1, round(most * k / CANDIDATES)) for k in range(1, CANDIDATES + 1)}))


def choose_rounds(
    jobs: Sequence[FitJob],
    fitted: Mapping[str, Fitted],
    labels: NDArray[np.integer],
    weights: NDArray[np.float32],
    watched: Sequence[int] = SITE_CLASSES,
) -> Rounds:
    """Compare the candidates by the weighted average precision of each fold's held-out rows.

    All classes and folds take like numbers of rounds: early in boosting the scale of the probabilities still moves, and
    scores of different scales cannot be ranked together.

    Parameters
    ----------
    watched : sequence of int
        Classes whose mean average precision is compared.
    """
    folds = sorted({job.fold for job in jobs})
    candidates = fitted[jobs[0].name].stages
    table = np.full((len(folds), len(candidates)), np.nan)
    for row, fold in enumerate(folds):
        scores = np.concatenate([fitted[job.name].scores for job in jobs if job.fold == fold], axis=1)
        held_out = next(job.score for job in jobs if job.fold == fold)
        table[row] = stage_precision(scores, labels[held_out], weights[held_out], watched)
    of_fold = {fold: candidates[_best(np.delete(table, row, axis=0))] for row, fold in enumerate(folds)}
    curve = tuple(float(x) for x in _mean(table))
    return Rounds(of_fold, candidates[_best(table)], candidates, curve)


def stage_precision(
    stack: NDArray[np.float32],
    labels: NDArray[np.integer],
    weights: NDArray[np.float32],
    watched: Sequence[int],
) -> NDArray[np.float64]:
    """Mean AP (n_candidates,) of the watched classes among the scores (n, K, n_candidates), which are normalised.

    NaN where none of them occurs.
    """
    result = np.full(stack.shape[2], np.nan)
    for k in range(stack.shape[2]):
        scores = stack[:, :, k] / stack[:, :, k].sum(1, keepdims=True)
        parts = [average_precision(labels == c, scores[:, c], weights).value for c in watched]
        found = [part for part in parts if part is not None]
        result[k] = np.mean(found) if found else np.nan
    return result


def _mean(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the folds that have a figure; 0 where none has."""
    known = ~np.isnan(table)
    total = np.where(known, table, 0.0).sum(0)
    return np.asarray(total / np.maximum(known.sum(0), 1))


def _best(table: NDArray[np.float64]) -> int:
    """The first of the best candidates; the last where nothing tells, as a batch of one family holds nothing out."""
    return table.shape[1] - 1 if np.isnan(table).all() else int(np.argmax(_mean(table)))
