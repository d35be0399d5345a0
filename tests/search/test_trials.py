"""Trials: which are given up, which one wins, and the table of them."""

from __future__ import annotations

import polars as pl
import pytest

from meta_models.search.trials import Trial, TrialState, counts, gives_up, start_of, trial_table, winner_of

COMPLETE, PRUNED, FAILED = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED


def trial(
    number: int, *folds: float, state: TrialState = COMPLETE, learner: str = "xgboost", **values: object
) -> Trial:
    return Trial(number, learner, values, state, folds)  # type: ignore[arg-type]


def test_a_trial_below_the_median_of_the_means_so_far_is_given_up() -> None:
    ended = [trial(k, 0.5 + k / 10, 0.5, 0.9) for k in range(5)]  # means after two folds: .5 .55 .6 .65 .7
    assert gives_up(ended, [0.6, 0.59])
    assert not gives_up(ended, [0.6, 0.6])
    assert not gives_up(ended, [0.6, 0.61])


def test_one_fold_alone_and_few_trials_give_nothing_up() -> None:
    ended = [trial(k, 0.9, 0.9) for k in range(5)]
    assert not gives_up(ended, [0.1])
    assert not gives_up(ended[:4], [0.1, 0.1])
    assert not gives_up([*ended[:4], trial(9, 0.9, 0.9, state=PRUNED)], [0.1, 0.1])


def test_the_best_complete_trial_wins_and_the_first_of_equals() -> None:
    trials = [trial(0, 0.5, 0.7), trial(1, 0.6, 0.6), trial(2, 0.9, state=PRUNED), trial(3, 0.1, 0.2)]
    assert winner_of(trials) is trials[0]
    assert winner_of([trial(0, state=FAILED)]) is None
    assert counts(trials) == "4 trials: 3 complete, 1 pruned, 0 failed"
    assert counts(trials[:1]).startswith("1 trial: ")


def test_a_search_starts_from_the_best_learner_whatever_their_order() -> None:
    good, bad = trial(0, 0.9, 0.8), trial(1, 0.7, 0.6)
    assert start_of([good, bad, trial(2, 0.95, 0.95)], 2) == good
    assert start_of([bad, good, trial(2, 0.95, 0.95)], 2) == good
    assert start_of([trial(0, state=FAILED), bad], 1).state is FAILED


def test_the_table_has_a_row_a_trial_and_a_column_an_option() -> None:
    failed = Trial(2, "knn", {"k": 7}, FAILED, (), "no memory")
    trials = [trial(0, 0.5, 0.7, max_depth=3), trial(1, 0.4, state=PRUNED, max_depth=4), failed]
    table = trial_table(trials, 2)
    assert table.columns == [
        "trial", "learner", "state", "value", "fold_0", "fold_1", "xgboost.max_depth", "knn.k", "reason",
    ]  # fmt: skip
    assert table["value"].to_list() == [pytest.approx(0.6), 0.4, None]
    assert table["fold_1"].to_list() == [0.7, None, None]
    assert table["xgboost.max_depth"].to_list() == [3, 4, None]
    assert table["reason"].to_list() == [None, None, "no memory"]


def test_an_option_of_several_types_is_text_and_numbers_stay_numbers() -> None:
    table = trial_table([trial(0, 0.5, a=1, b="x"), trial(1, 0.5, a=0.5, b=None), trial(2, 0.5, a=2, b=3)], 1)
    assert table["xgboost.a"].dtype == pl.Float64
    assert table["xgboost.b"].to_list() == ["x", None, "3"]
