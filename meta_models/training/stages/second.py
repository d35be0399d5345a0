"""A second stage: rows that the models of the first miss most, out of fold, count more; kept where other folds gain.

How hard a row is says the model of the fold that held it out. For fold k only the rows that it trains on are weighted,
and whether its second model is taken is decided by the other folds, as with numbers of rounds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import FitJob
from meta_models.metrics import mean_site_ap
from meta_models.model.calibrators import normalise
from meta_models.result import Note
from meta_models.schema import SpliceClass
from meta_models.training.fitting.fit_table import ChangeJob
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.task import TrainingTask

logger = logging.getLogger(__name__)
#: Trains the folds and the final model of a task, where each job is changed before it is trained.
TrainRound = Callable[[TrainingTask, Folds, ChangeJob], FittedProblem]
Floats = NDArray[np.float64]
_LEAST = 1e-9


@dataclass(frozen=True)
class Staged:
    """Returned by `train_second`: the fits that were chosen, fold by fold, and what a reader should know."""

    fit: FittedProblem
    note: Note


def train_second(task: TrainingTask, folds: Folds, first: FittedProblem, train: TrainRound, share: float) -> Staged:
    """Train again with the `share` of hardest rows weighing more, and take for each fold what is better on the others.

    Parameters
    ----------
    first : FittedProblem
        Trained with the weights of the task.
    """
    given = task.training_weights
    weights = np.ones(task.dataset.n_rows, np.float32) if given is None else given
    losses = row_losses(first.scores(), task.positions.labels)

    of_fold: dict[int, NDArray[np.float32]] = {}

    def heavier(job: FitJob) -> FitJob:
        if job.fold not in of_fold:  # one array for the jobs of all classes
            hard = hardest(losses, job.train, share)
            of_fold[job.fold] = np.where(hard, weights * np.float32(task.config.second_stage_weight), weights)
        return replace(job, name=f"second-{job.name}", weights=of_fold[job.fold])

    second = train(task, folds, heavier)
    numbers = [job.fold for job in first.first_of_fold]
    values = [_precision(task, folds, fit, numbers) for fit in (first, second)]
    chosen = {fold: better(values, numbers, fold) for fold in (*numbers, FINAL)}
    fits = (first, second)
    fitted = {job.name: fits[chosen[job.fold]].fitted[job.name] for job in (*first.held_out, *first.final)}
    return Staged(replace(first, fitted=fitted), _note(values, chosen, share))


def row_losses(scores: Floats, labels: NDArray[np.integer]) -> Floats:
    """Log-loss (n,) of each row from its scores (n, K) out of fold."""
    probabilities = normalise(scores, zeros_mean=SpliceClass.NEITHER)
    return np.asarray(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _LEAST)))


def hardest(losses: Floats, train: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Which rows (n,) are of the `share` of those trained on with the largest losses; at least one."""
    rows = np.flatnonzero(train)
    count = max(1, round(share * len(rows)))
    found = np.zeros(len(losses), bool)
    found[rows[np.argsort(-losses[rows], kind="stable")[:count]]] = True
    return found


def better(values: Sequence[dict[int, float]], numbers: Sequence[int], left_out: int) -> int:
    """The stage (0 or 1) of the higher mean precision on all folds but `left_out`; the first where they are equal."""
    others = [fold for fold in numbers if fold != left_out]
    return int(np.argmax([np.mean([value[fold] for fold in others]) for value in values]))


def _precision(task: TrainingTask, folds: Folds, fit: FittedProblem, numbers: Sequence[int]) -> dict[int, float]:
    """Mean AP of donor and acceptor of each fold, weighted, before calibration; 0 where it is not known."""
    scores, labels = normalise(fit.scores(), zeros_mean=SpliceClass.NEITHER), task.positions.labels
    weights = task.positions.weights
    held_out = {fold: folds.held_out(fold) for fold in numbers}
    return {k: mean_site_ap(labels[rows], scores[rows], weights[rows]) or 0.0 for k, rows in held_out.items()}


def _note(values: Sequence[dict[int, float]], chosen: dict[int, int], share: float) -> Note:
    first, second = (np.mean(list(value.values())) for value in values)
    taken = sum(stage for fold, stage in chosen.items() if fold != FINAL)
    text = (
        f"A second stage weighted the {100 * share:g} % of rows of the largest loss out of fold: mean AP of donor and "
        f"acceptor of the folds {first:.4f} -> {second:.4f} (uncalibrated); {taken} of {len(chosen) - 1} folds and "
        f"{'the final model' if chosen[FINAL] else 'not the final model'} took it, each as the other folds say."
    )
    logger.info("%s", text)
    return Note("info", text)
