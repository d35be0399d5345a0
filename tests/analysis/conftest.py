"""The simulated run as fixtures."""

from __future__ import annotations

import pytest
from simulated_run import context_of, trained

from meta_models.analysis.framework.base import AnalysisContext
from meta_models.result import TrainingResult


@pytest.fixture
def result() -> TrainingResult:
    return trained()


@pytest.fixture
def context(result: TrainingResult) -> AnalysisContext:
    return context_of(result)
