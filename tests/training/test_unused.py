"""Options that nothing in a run looks at."""

from __future__ import annotations

from typing import Any

import pytest

from meta_models.config import TrainingConfig
from meta_models.training.unused import unused_options

ONE = "it is of several learners or sets of features, and one learner is fitted to one set of features."
NO_BATCHES = "it is of several batches, and single_model makes none."
NO_WEIGHTS = "it is of weights, and nothing is combined by weighted or per-bin."
EVOLUTION = {"optimiser": "differential-evolution"}


@pytest.mark.parametrize(
    ("options", "strategy", "expected"),
    [
        ({}, "single_model", []),
        ({"combine": "routed"}, "single_model", [f"--combine routed has no effect: {ONE}"]),
        ({"keep_combination": True}, "batch_ensemble", [f"--keep-combination has no effect: {ONE}"]),
        ({"combine": "routed", "learners": ("xgboost", "logistic")}, "single_model", []),
        ({"combine": "routed", "variants": ("base", "all")}, "single_model", []),
        ({"batch_groups": "chromosome"}, "single_model", [f"--batch-groups chromosome has no effect: {NO_BATCHES}"]),
        ({"batch_groups": "chromosome", "ensemble_method": "stacking"}, "batch_ensemble", []),
        (EVOLUTION, "single_model", [f"--optimiser differential-evolution has no effect: {NO_WEIGHTS}"]),
        (
            {"ensemble_weights_per_class": True, "combine": "greedy", "learners": ("xgboost", "logistic")},
            "batch_ensemble",
            [f"--ensemble-weights-per-class has no effect: {NO_WEIGHTS}"],
        ),
        ({**EVOLUTION, "learners": ("xgboost", "logistic")}, "single_model", []),
        ({**EVOLUTION, "ensemble_method": "per-bin"}, "batch_ensemble", []),
        (
            {"rounds": "early-stopping", "learners": ("logistic", "svm")},
            "single_model",
            ["--rounds early-stopping has no effect: no rounds are chosen for logistic and svm."],
        ),
        ({"rounds": "early-stopping", "learners": ("logistic", "xgboost")}, "single_model", []),
        (
            {"rounds": "cross-validation", "learners": ("tcn",)},
            "single_model",
            ["--rounds cross-validation has no effect: no rounds are chosen for tcn."],
        ),
        (
            {"early_stopping_share": 0.3},
            "single_model",
            ["--early-stopping-share 0.3 has no effect: it is of --rounds early-stopping."],
        ),
        ({"early_stopping_share": 0.3, "rounds": "early-stopping"}, "single_model", []),
        (
            {"calibrate": False, "calib_method": "platt"},
            "single_model",
            ["--calib-method platt has no effect: nothing is calibrated."],
        ),
        ({"ensemble_method": "voting"}, "single_model", [f"--ensemble-method voting has no effect: {NO_BATCHES}"]),
    ],
)
def test_an_option_that_does_nothing_is_told(options: dict[str, Any], strategy: str, expected: list[str]) -> None:
    assert list(unused_options(TrainingConfig(dataset="demo", **options), strategy)) == expected
