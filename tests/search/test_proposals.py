"""What Optuna proposes depends on the trials before and the seed alone."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from meta_models.errors import UsageError
from meta_models.search.options import TuneConfig
from meta_models.search.proposals import importances, propose, require_optuna
from meta_models.search.space import Choices, LearnerSpace, read_space
from meta_models.search.trials import Trial, TrialState

pytest.importorskip("optuna", reason="needs the extra 'search': Optuna is absent")


@pytest.fixture
def spaces() -> dict[str, LearnerSpace]:
    return read_space(TuneConfig.from_mapping({"learners": ["xgboost", "logistic"]}))


def asked(spaces: dict[str, LearnerSpace], n: int, seed: int = 0) -> list[Trial]:
    """Trials whose value is higher the nearer the depth is to 5, and those of the other learner are low."""
    trials: list[Trial] = []
    for number in range(n):
        learner, values = propose(spaces, trials, seed)
        value = 0.9 - abs(int(values["max_depth"] or 0) - 5) / 10 if learner == "xgboost" else 0.3
        trials.append(Trial(number, learner, values, TrialState.COMPLETE, (value, value)))
    return trials


def test_the_same_seed_asks_the_same_and_another_seed_others(spaces: dict[str, LearnerSpace]) -> None:
    first = asked(spaces, 16)
    assert asked(spaces, 16) == first
    assert asked(spaces, 16, seed=1) != first
    assert propose(spaces, first[:11], 0) == (first[11].learner, first[11].values)


def test_values_lie_in_their_ranges_and_good_ones_are_asked_more(spaces: dict[str, LearnerSpace]) -> None:
    trials = asked(spaces, 45)
    for trial in trials:
        domains = {p.name: p.domain for p in spaces[trial.learner].parameters}
        assert set(trial.values) == set(domains)
        assert all(domains[name].contains(value) for name, value in trial.values.items())
    late = trials[30:]
    assert sum(trial.learner == "xgboost" for trial in late) > len(late) / 2
    depths = [int(t.values["max_depth"] or 0) for t in late if t.learner == "xgboost"]
    assert np.mean(np.abs(np.array(depths) - 5)) < 1.2


def test_pruned_failed_and_default_trials_outside_of_the_range_are_told_as_far_as_they_can(
    spaces: dict[str, LearnerSpace],
) -> None:
    known = asked(spaces, 3)
    pruned = Trial(3, "xgboost", spaces["xgboost"].default, TrialState.PRUNED, (0.2,))
    failed = Trial(4, "xgboost", spaces["xgboost"].default, TrialState.FAILED, ())
    outside = Trial(5, "xgboost", {"max_depth": 16}, TrialState.COMPLETE, (0.9, 0.9))
    learner, values = propose(spaces, [*known, pruned, failed, outside], 0)
    assert learner in spaces
    assert values


def test_an_option_that_does_not_count_has_no_value(tmp_path: Any) -> None:
    (tmp_path / "space.yaml").write_text("lightgbm: {loss: [logistic, focal]}")
    config = TuneConfig.from_mapping({"learner": "lightgbm", "space": tmp_path / "space.yaml"})
    spaces = read_space(config)
    found = [propose(spaces, [], seed)[1] for seed in range(12)]
    assert {values["loss"] for values in found} == {"logistic", "focal"}
    assert all(("focal_gamma" in values) == (values["loss"] == "focal") for values in found)
    assert isinstance(spaces["lightgbm"].parameters[0].domain, object)
    assert any(isinstance(p.domain, Choices) for p in spaces["lightgbm"].parameters)


def test_the_option_that_decides_is_the_most_important(spaces: dict[str, LearnerSpace]) -> None:
    trials = asked({"xgboost": spaces["xgboost"]}, 40)
    found = importances(spaces["xgboost"], trials)
    assert next(iter(found)) == "max_depth"
    assert sum(found.values()) == pytest.approx(1)
    assert importances(spaces["xgboost"], trials) == found
    assert importances(spaces["xgboost"], trials[:5]) == {}
    assert importances(spaces["logistic"], trials) == {}


def test_without_optuna_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r"needs Optuna.*'\.\[search\]'"):
        require_optuna()
