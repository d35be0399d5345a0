"""The versions that a fit depends on."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from meta_models.config import TrainingConfig
from meta_models.learners.registry import LEARNERS
from meta_models.training.fitting.unit_codec import library_versions


@pytest.mark.parametrize("learner", ["logistic", "svm", "sgd"])
def test_the_library_that_finds_the_coefficients_is_among_them(learner: str) -> None:
    assert library_versions(TrainingConfig(learners=[learner]))["scipy"] == version("scipy")


def test_the_package_that_a_learner_comes_from_is_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainingConfig(learners=["knn"])
    assert "learner knn" not in library_versions(config)
    monkeypatch.setattr(LEARNERS, "package", {"knn": "neighbours 1.2"}.get)
    assert library_versions(config)["learner knn"] == "neighbours 1.2"
