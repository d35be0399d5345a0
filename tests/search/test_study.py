"""The loop of a search, over scores that a test makes up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from meta_models.learners.seam import LearnerConfig
from meta_models.search.fold_scores import FoldScore
from meta_models.search.options import TuneConfig
from meta_models.search.space import LearnerSpace, read_space
from meta_models.search.study import Budget, search
from meta_models.search.trials import Trial, TrialState

pytest.importorskip("optuna", reason="needs the extra 'search': Optuna is absent")


@dataclass
class Scorer:
    """Scores by the depth; keeps what it was asked; fails for some depths; may be killed."""

    fails_at: int = -1
    killed_after: int = 10**9
    seconds: float = 1.0
    asked: list[tuple[str, int]] = field(default_factory=list)

    def score(self, learner: str, section: LearnerConfig, fold: int) -> FoldScore:
        if len(self.asked) >= self.killed_after:
            raise KeyboardInterrupt
        self.asked.append((learner, fold))
        depth = getattr(section, "max_depth", 0)
        if depth == self.fails_at:
            return FoldScore(None, "it cannot be", self.seconds)
        return FoldScore(0.5 + depth / 20 + fold / 100, "", self.seconds)


@pytest.fixture
def spaces() -> dict[str, LearnerSpace]:
    return read_space(TuneConfig.from_mapping({"learners": ["xgboost", "logistic"]}))


def ran(spaces: dict[str, LearnerSpace], scorer: Scorer, **budget: object) -> tuple[Trial, ...]:
    return search(spaces, scorer, Budget(**{"trials": 20, "n_folds": 4, "seed": 0, **budget}), lambda _: None)  # type: ignore[arg-type]


def test_default_options_come_first_and_are_never_given_up(spaces: dict[str, LearnerSpace]) -> None:
    trials = ran(spaces, Scorer())
    assert len(trials) == 20
    assert [(t.learner, dict(t.values)) for t in trials[:2]] == [(n, s.default) for n, s in spaces.items()]
    assert [t.state for t in trials[:2]] == [TrialState.COMPLETE] * 2
    assert [t.number for t in trials] == list(range(20))


def test_a_trial_below_the_others_gets_two_folds_only(spaces: dict[str, LearnerSpace]) -> None:
    trials = ran(spaces, Scorer())
    given_up = [t for t in trials if t.state is TrialState.PRUNED]
    assert given_up
    assert all(2 <= len(t.folds) < 4 for t in given_up)
    assert not [t for t in ran(spaces, Scorer(), pruning=False) if t.state is TrialState.PRUNED]


def test_a_search_that_was_killed_asks_what_it_would_have_asked(spaces: dict[str, LearnerSpace]) -> None:
    whole = ran(spaces, Scorer())
    told: list[Sequence[Trial]] = []
    with pytest.raises(KeyboardInterrupt):
        search(spaces, Scorer(killed_after=25), Budget(20, 4, 0), lambda trials: told.append(tuple(trials)))
    assert tuple(told[-1]) == whole[: len(told[-1])]
    assert ran(spaces, Scorer()) == whole


def test_a_trial_that_fails_does_not_cost_the_others(spaces: dict[str, LearnerSpace]) -> None:
    trials = ran(spaces, Scorer(fails_at=6))
    failed = [t for t in trials if t.state is TrialState.FAILED]
    assert trials[0] in failed  # the default depth is 6
    assert {t.reason for t in failed} == {"it cannot be"}
    assert len(trials) == 20


def test_hours_end_a_search_but_not_before_the_defaults(spaces: dict[str, LearnerSpace]) -> None:
    assert len(ran(spaces, Scorer(), seconds=0.5)) == 2
    trials = ran(spaces, Scorer(), seconds=20.0, pruning=False)
    assert len(trials) == 5  # four folds of a second each
    assert trials == ran(spaces, Scorer(), pruning=False)[:5]
