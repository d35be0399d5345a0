"""Options that nothing in a run looks at."""

from __future__ import annotations

from typing import Any

import pytest

from meta_models.config import TrainingConfig
from meta_models.training.unused import unused_options

ONE = "it is of several learners or sets of features, and one learner is fitted to one set of features."
NO_BATCHES = "it is of several batches, and single_model makes none."


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
        ({"ensemble_method": "voting"}, "single_model", [f"--ensemble-method voting has no effect: {NO_BATCHES}"]),
    ],
)
def test_an_option_that_does_nothing_is_told(options: dict[str, Any], strategy: str, expected: list[str]) -> None:
    assert list(unused_options(TrainingConfig(dataset="demo", **options), strategy)) == expected
