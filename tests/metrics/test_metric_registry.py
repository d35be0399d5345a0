from __future__ import annotations

import numpy as np
import pytest
from simulated_scores import class_table

from meta_models.metrics import METRICS
from meta_models.schema import SpliceClass


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_gives_a_figure_and_knows_its_direction(name: str) -> None:
    spec = METRICS[name]
    assert spec.name == name
    labels, good, w = class_table(0, n=2000, strength=3)
    poor = 0.9 * class_table(1, n=2000, strength=0)[1] ** 3
    figures = [spec.function(labels, p, w, SpliceClass.DONOR).value for p in (good, poor)]
    assert None not in figures
    assert (figures[0] > figures[1]) == spec.higher_is_better


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_null_with_a_reason_where_there_is_nothing(name: str) -> None:
    spec = METRICS[name]
    found = spec.function(np.empty(0, int), np.empty((0, 3)), None, SpliceClass.ACCEPTOR)
    assert found.value is None
    assert found.reason


def test_registry_order_and_keys() -> None:
    assert next(iter(METRICS)) == "average_precision"
    assert {"log_loss", "brier_score", "macro_f1", "top_k_accuracy"} <= set(METRICS)
