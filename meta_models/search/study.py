"""The search itself: propose, score fold by fold, give up what is below the others, until trials or time are over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from meta_models.learners.seam import LearnerConfig
from meta_models.search.fold_scores import FoldScore
from meta_models.search.proposals import propose
from meta_models.search.space import LearnerSpace, Value
from meta_models.search.trials import Trial, TrialState, gives_up

logger = logging.getLogger(__name__)


class Scorer(Protocol):
    """Scores a trial in a fold; within its block."""

    def __enter__(self) -> Scorer: ...

    def __exit__(self, *error: object) -> None: ...

    def score(self, learner: str, section: LearnerConfig, fold: int) -> FoldScore:
        """That of `learner` with the options `section` in `fold`."""


@dataclass(frozen=True)
class Budget:
    """How long a search goes on.

    Attributes
    ----------
    seconds : float or None
        Of fits, those of earlier commands included, after which no further trial is begun.
    """

    trials: int
    n_folds: int
    seed: int
    pruning: bool = True
    seconds: float | None = None


def search(
    spaces: Mapping[str, LearnerSpace], scorer: Scorer, budget: Budget, tell: Callable[[Sequence[Trial]], None]
) -> tuple[Trial, ...]:
    """All trials, in their order: the default options of each learner, then what Optuna proposes.

    The same seed gives the same trials, and a search that was killed gives those that it would have given.

    Parameters
    ----------
    tell : callable
        Is told all trials so far after each.
    """
    trials: list[Trial] = []
    defaults = [(name, space.default) for name, space in spaces.items()]
    while len(trials) < budget.trials:
        number = len(trials)
        given = number < len(defaults)
        if not given and budget.seconds is not None and sum(t.seconds for t in trials) >= budget.seconds:
            logger.info("The hours are over: %d of %d trials", number, budget.trials)
            break
        learner, values = defaults[number] if given else propose(spaces, trials, budget.seed)
        prune = budget.pruning and not given
        trials.append(_tried(number, spaces[learner], values, scorer, budget, trials if prune else ()))
        _log(trials[-1], budget.trials)
        tell(trials)
    return tuple(trials)


def _tried(
    number: int,
    space: LearnerSpace,
    values: Mapping[str, Value],
    scorer: Scorer,
    budget: Budget,
    ended: Sequence[Trial],
) -> Trial:
    folds: list[float] = []
    seconds, section = 0.0, space.section(values)
    for fold in range(budget.n_folds):
        found = scorer.score(space.learner, section, fold)
        seconds += found.seconds
        if found.value is None:
            return Trial(number, space.learner, values, TrialState.FAILED, tuple(folds), found.reason, seconds)
        folds.append(found.value)
        if fold + 1 < budget.n_folds and gives_up(ended, folds):
            return Trial(number, space.learner, values, TrialState.PRUNED, tuple(folds), "", seconds)
    return Trial(number, space.learner, values, TrialState.COMPLETE, tuple(folds), "", seconds)


def _log(trial: Trial, of: int) -> None:
    options = ", ".join(f"{name} {value}" for name, value in trial.values.items())
    value = trial.reason if trial.value is None else f"{trial.value:.4f} after {len(trial.folds)} folds"
    how = f"{trial.learner} {trial.state.value}, {value} ({options})"
    logger.info("Trial %d (%d of %d): %s", trial.number, trial.number + 1, of, how)
