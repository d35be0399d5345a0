"""Fits of one class against the rest, or of all at once: on all but a fold, for honest scores, and then on all rows.

What is trained, and with how many rounds, is settled here for every strategy that cross-validates and for the
scikit-learn estimators; where the features are and how jobs are run is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.learners.continued import join_served
from meta_models.learners.seam import FitJob, Fitted, Learner, Predictor
from meta_models.schema import CLASS_NAMES, SITE_CLASSES
from meta_models.training.fitting.folds import Folds, stop_rows
from meta_models.training.fitting.rounds import Rounds, candidate_rounds, choose_rounds

FINAL = -1
#: Trains jobs under a title; the results by the name of the job.
Train = Callable[[Sequence[FitJob], str], dict[str, Fitted]]


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
        What the features may do to the score of each class, as in `FitJob`; empty: anything.
    """

    labels: NDArray[np.integer]
    weights: NDArray[np.float32]
    folds: Folds
    config: TrainingConfig
    classes: tuple[str, ...] = CLASS_NAMES
    watched: Sequence[int] = SITE_CLASSES
    constraints: Sequence[tuple[int, ...]] = ()

    @property
    def learner(self) -> Learner:
        """What is fitted."""
        return self.config.learner

    @property
    def targets(self) -> tuple[tuple[int, ...], ...]:
        """The classes of each job of a fold: one against the rest, or all at once."""
        everything = tuple(range(len(self.classes)))
        return tuple((k,) for k in everything) if self.learner.traits.targets == "each" else (everything,)

    def constrained(self, targets: tuple[int, ...]) -> tuple[int, ...]:
        """What the features may do to the score of the class of a job."""
        return self.constraints[targets[0]] if self.constraints and len(targets) == 1 else ()

    def name(self, part: str, targets: tuple[int, ...]) -> str:
        """Name of a job."""
        return f"{part}-{self.classes[targets[0]]}" if len(targets) == 1 else part

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.labels)


@dataclass(frozen=True)
class FittedProblem:
    """Returned by `fit_one_vs_rest`.

    Attributes
    ----------
    held_out, final : list of FitJob
        Jobs of the folds, and of the model on all rows; a fold's jobs stand together, in the order of the classes.
    fitted : dict of str to Fitted
        By the name of the job.
    """

    problem: Problem
    held_out: list[FitJob]
    final: list[FitJob]
    fitted: dict[str, Fitted]

    @property
    def first_of_fold(self) -> list[FitJob]:
        """One job for each fold."""
        return self.held_out[:: len(self.problem.targets)]

    def of_fold(self, fold: int) -> list[Fitted]:
        """The fits of a fold, or of `FINAL`, in the order of the classes."""
        return [self.fitted[job.name] for job in (*self.held_out, *self.final) if job.fold == fold]

    def predictor(self, fold: int) -> Predictor:
        """The predictor of all classes of a fold, or of `FINAL`."""
        return join_served(self.problem.learner, [fitted.predictor for fitted in self.of_fold(fold)])

    def scores(self) -> NDArray[np.float64]:
        """Score (n_rows, K) of each row by the fits that never saw its group, after their last stage."""
        scores = np.full((self.problem.n_rows, len(self.problem.classes)), np.nan)
        for job in self.held_out:
            scores[np.flatnonzero(job.score)[:, None], np.array(job.targets)] = self.fitted[job.name].scores[:, :, -1]
        if np.isnan(scores).any():
            raise AssertionError("a row was not scored out of fold")
        return scores


def fit_one_vs_rest(problem: Problem, train: Train, *, held_out: Sequence[int] | None = None) -> FittedProblem:
    """Train on all but each of the folds, choose the rounds by that, and train on all rows.

    Parameters
    ----------
    held_out : sequence of int, optional
        Folds that are held out in turn; all by default. With none, all rounds are taken.

    Raises
    ------
    InputError
        If rows that only decide when to stop cannot be split off.
    """
    folds = range(problem.folds.n_folds) if held_out is None else held_out
    jobs, how = held_out_jobs(problem, folds), way_of_rounds(problem)
    if not jobs or how == "fixed":  # nothing to wait for: all at once, the longest first
        final = whole_jobs(problem)
        return FittedProblem(problem, jobs, final, train([*final, *jobs], "Training"))
    fitted = train(jobs, "Cross-validating")
    if how == "cross-validation":
        chosen = choose_rounds(jobs, fitted, problem.labels, problem.weights, problem.watched)
        fitted = cut_to(jobs, fitted, chosen)
        rounds = dict.fromkeys(problem.targets, chosen.final)
    else:
        rounds = final_rounds(jobs, fitted)
    final = whole_jobs(problem, rounds)
    return FittedProblem(problem, jobs, final, fitted | train(final, "Training the final model"))


def way_of_rounds(problem: Problem) -> str:
    """How the number of rounds is come to, as ``config.rounds``; fixed where the learner cannot do otherwise."""
    traits, wanted = problem.learner.traits, problem.config.rounds
    possible = {"cross-validation": traits.stages, "early-stopping": traits.stopping, "fixed": True}
    return wanted if possible[wanted] else "fixed"


def held_out_jobs(problem: Problem, folds: Sequence[int]) -> list[FitJob]:
    """A job for each fold and target; stop rows, if any, come out of the fold's training rows."""
    how, most = way_of_rounds(problem), problem.config.rounds_limit
    stages = candidate_rounds(most) if how == "cross-validation" else ()
    jobs = []
    for fold in folds:
        held_out = problem.folds.held_out(fold)
        stop = np.zeros(problem.n_rows, bool)
        if how == "early-stopping":
            stop = stop_rows(problem.folds, problem.labels, ~held_out, problem.config)
        train = ~held_out & ~stop
        jobs += [
            FitJob(
                problem.name(f"fold-{fold}", targets), fold, targets, train, stop, held_out,
                stages, constraints=problem.constrained(targets),
            )
            for targets in problem.targets
        ]  # fmt: skip
    return jobs


def whole_jobs(problem: Problem, rounds: Mapping[tuple[int, ...], int] | None = None) -> list[FitJob]:
    """A job for each target on all rows, with the `rounds` that were chosen for it, or all."""
    nothing, everything = np.zeros(problem.n_rows, bool), np.ones(problem.n_rows, bool)
    return [
        FitJob(
            problem.name("final", targets), FINAL, targets, everything, nothing, nothing,
            () if rounds is None else (rounds[targets],), constraints=problem.constrained(targets),
        )
        for targets in problem.targets
    ]  # fmt: skip


def one_of_each_fold(problem: Problem, held_out: Sequence[int] | None = None) -> list[FitJob]:
    """A job of each fold that is held out (all by default) and one of the final model: their rows, not their rounds."""
    folds = range(problem.folds.n_folds) if held_out is None else held_out
    step = len(problem.targets)
    return [*held_out_jobs(problem, folds)[::step], *whole_jobs(problem)[::step]]


def final_rounds(jobs: Sequence[FitJob], fitted: Mapping[str, Fitted]) -> dict[tuple[int, ...], int]:
    """The median of the rounds that the folds' fits of each target stopped at."""
    targets = sorted({job.targets for job in jobs})
    return {t: int(np.median([fitted[job.name].rounds for job in jobs if job.targets == t])) for t in targets}


def cut_to(jobs: Sequence[FitJob], fitted: Mapping[str, Fitted], rounds: Rounds) -> dict[str, Fitted]:
    """The folds' fits with the rounds chosen for them, and their scores after these rounds."""
    cut = {}
    for job in jobs:
        chosen, whole = rounds.of_fold[job.fold], fitted[job.name]
        at = whole.stages.index(chosen)
        cut[job.name] = replace(
            whole, predictor=whole.predictor.at_stage(chosen), rounds=chosen, stages=(chosen,),
            scores=whole.scores[:, :, at : at + 1],
        )  # fmt: skip
    return cut
