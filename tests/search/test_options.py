"""What a search takes of the options of training."""

from __future__ import annotations

from typing import Any

import pytest

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.search.options import NOT_SEARCHED, TuneConfig


def test_the_winner_is_trained_with_what_is_left_of_the_options() -> None:
    config = TuneConfig.from_mapping({"dataset": "a", "out_dir": "b", "n_folds": 3, "trials": 7, "resume": True})
    kept = TrainingConfig.from_mapping(config.for_training)
    assert (kept.dataset, kept.n_folds, kept.out_dir, kept.resume) == ("a", 3, None, False)
    assert config.for_trials.strategy == "single_model"


def test_options_that_have_no_place_in_a_search_are_fields_of_training() -> None:
    assert set(NOT_SEARCHED) <= set(TrainingConfig.model_fields)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rounds": "cross-validation"}, "all folds of a trial at once"),
        ({"learners": ["xgboost", "logistic"], "trials": 1}, "trials must be 2 or more"),
        (
            {"learner": "tcn", "whole_genes": "off"},
            "whole_genes must not be off: a learner of genes is judged on every",
        ),
        ({"learner": "auto"}, "learners must be named"),
        ({"max_features": 10}, "max_features is an option of train"),
        ({"strategy": "batch_ensemble"}, "strategy is an option of train"),
        ({"eval_dataset": "x"}, "eval_dataset is an option of train"),
        ({"tune_share": 0.9}, "tune-share"),
        ({"trials": 0}, "trials"),
        ({"hours": 0}, "hours"),
        ({"hours": -1}, "hours"),
        ({"trails": 3}, "there is no such option"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        TuneConfig.from_mapping(options)


def test_the_options_of_a_search_are_a_section() -> None:
    assert TuneConfig.sections_of()["search"] == ("trials", "hours", "space", "tune_share", "pruning")
    assert TuneConfig.from_mapping({"search": {"trials": 7}}).trials == 7
