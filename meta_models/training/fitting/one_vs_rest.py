"""Boosters of one class against the rest: on all but a fold, for honest scores and rounds, and then on all rows.

What is trained, and with how many rounds, is settled here for every strategy that cross-validates and for the
scikit-learn estimators; where the features are and how jobs are run is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.learners.base import BoosterJob, FittedBooster
from meta_models.schema import CLASS_NAMES, SITE_CLASSES
from meta_models.training.fitting.folds import Folds, stop_rows
from meta_models.training.fitting.rounds import Rounds, candidate_rounds, choose_rounds

FINAL = -1
#: Trains jobs under a title; the results by the name of the job.
Train = Callable[[Sequence[BoosterJob], str], dict[str, FittedBooster]]


@dataclass(frozen=True)
class Problem:
    """Labelled rows without their features.

    Attributes
    ----------
    labels : ndarray of integers (n_rows,)
        Number of the class of each row.
    weights : ndarray of float32 (n_rows,)
        What each row counts where rounds are compared.
    folds : Folds
        What is held out together.
    classes : tuple of str
        Names of the classes, in the order of their numbers.
    watched : sequence of int
        Classes whose average precision decides between numbers of rounds.
    constraints : sequence of tuple of int, (K,)
        What the features may do to the score of each class, as in `BoosterJob`; empty: anything.
    """

    labels: NDArray[np.integer]
    weights: NDArray[np.float32]
    folds: Folds
    config: TrainingConfig
    classes: tuple[str, ...] = CLASS_NAMES
    watched: Sequence[int] = SITE_CLASSES
    constraints: Sequence[tuple[int, ...]] = ()

    def constrained(self, target: int) -> tuple[int, ...]:
        """What the features may do to the score of a class."""
        return self.constraints[target] if self.constraints else ()

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.labels)


@dataclass(frozen=True)
class FittedProblem:
    """Returned by `fit_one_vs_rest`.

    Attributes
    ----------
    held_out, final : list of BoosterJob
        Jobs of the folds, and of the model on all rows; a fold's jobs stand together, in the order of the classes.
    fitted : dict of str to FittedBooster
        By the name of the job.
    """

    problem: Problem
    held_out: list[BoosterJob]
    final: list[BoosterJob]
    fitted: dict[str, FittedBooster]

    @property
    def first_of_fold(self) -> list[BoosterJob]:
        """One job for each fold."""
        return self.held_out[:: len(self.problem.classes)]

    def of_fold(self, fold: int) -> list[FittedBooster]:
        """The boosters of a fold, or of `FINAL`, in the order of the classes."""
        return [self.fitted[job.name] for job in (*self.held_out, *self.final) if job.fold == fold]

    def scores(self) -> NDArray[np.float64]:
        """Score (n_rows, K) of each row by the boosters that never saw its group, after their last snapshot."""
        scores = np.full((self.problem.n_rows, len(self.problem.classes)), np.nan)
        for job in self.held_out:
            scores[job.score, job.target] = self.fitted[job.name].scores[:, -1]
        if np.isnan(scores).any():
            raise AssertionError("a row was not scored out of fold")
        return scores


def fit_one_vs_rest(problem: Problem, train: Train, *, held_out: Sequence[int] | None = None) -> FittedProblem:
    """Train on all but each of the folds, choose the rounds by that, and train on all rows.

    Parameters
    ----------
    held_out : sequence of int, optional
        Folds that are held out in turn; all by default. With none, all `n_estimators` rounds are taken.

    Raises
    ------
    InputError
        If rows that only decide when to stop cannot be split off.
    """
    config = problem.config
    folds = range(problem.folds.n_folds) if held_out is None else held_out
    jobs = held_out_jobs(problem, folds)
    rounds = dict.fromkeys(range(len(problem.classes)), config.n_estimators)
    if not jobs or config.rounds == "fixed":  # nothing to wait for: all at once, the longest first
        final = whole_jobs(problem, rounds)
        return FittedProblem(problem, jobs, final, train([*final, *jobs], "Training"))
    fitted = train(jobs, "Cross-validating")
    if config.rounds == "cross-validation":
        chosen = choose_rounds(jobs, fitted, problem.labels, problem.weights, problem.watched)
        fitted = cut_to(jobs, fitted, chosen)
        rounds = dict.fromkeys(rounds, chosen.final)
    else:
        rounds = final_rounds(jobs, fitted)
    final = whole_jobs(problem, rounds)
    return FittedProblem(problem, jobs, final, fitted | train(final, "Training the final model"))


def held_out_jobs(problem: Problem, folds: Sequence[int]) -> list[BoosterJob]:
    """A job for each fold and class; stop rows, if any, come out of the fold's training rows."""
    config = problem.config
    snapshots = candidate_rounds(config.n_estimators) if config.rounds == "cross-validation" else ()
    jobs = []
    for fold in folds:
        held_out = problem.folds.held_out(fold)
        stop = stop_rows(problem.folds, problem.labels, ~held_out, config)
        train = ~held_out & ~stop
        jobs += [
            BoosterJob(
                f"fold-{fold}-{name}",
                fold,
                target,
                train,
                stop,
                held_out,
                config.n_estimators,
                snapshots,
                constraints=problem.constrained(target),
            )
            for target, name in enumerate(problem.classes)
        ]
    return jobs


def whole_jobs(problem: Problem, rounds: Mapping[int, int]) -> list[BoosterJob]:
    """A job for each class on all rows."""
    nothing, everything = np.zeros(problem.n_rows, bool), np.ones(problem.n_rows, bool)
    return [
        BoosterJob(
            f"final-{name}",
            FINAL,
            target,
            everything,
            nothing,
            nothing,
            rounds[target],
            constraints=problem.constrained(target),
        )
        for target, name in enumerate(problem.classes)
    ]


def final_rounds(jobs: Sequence[BoosterJob], fitted: Mapping[str, FittedBooster]) -> dict[int, int]:
    """The median of the rounds that the folds' boosters of each class stopped at."""
    targets = sorted({int(job.target) for job in jobs})
    return {t: int(np.median([fitted[job.name].rounds for job in jobs if job.target == t])) for t in targets}


def cut_to(jobs: Sequence[BoosterJob], fitted: Mapping[str, FittedBooster], rounds: Rounds) -> dict[str, FittedBooster]:
    """The folds' boosters with the rounds chosen for them, and their scores after these rounds."""
    cut = {}
    for job in jobs:
        chosen = rounds.of_fold[job.fold]
        at = fitted[job.name].snapshots.index(chosen)
        cut[job.name] = replace(
            fitted[job.name], rounds=chosen, snapshots=(chosen,), scores=fitted[job.name].scores[:, at : at + 1]
        )
    return cut
