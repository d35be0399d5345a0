from __future__ import annotations

import math

import pytest

from meta_models.metrics import Metric


def test_a_metric_is_a_value_or_a_reason() -> None:
    assert Metric.of(0.5).as_json() == {"value": 0.5, "reason": None}
    assert Metric.null("no donor rows").as_json() == {"value": None, "reason": "no donor rows"}
    with pytest.raises(ValueError, match="either"):
        Metric(None, None)
    with pytest.raises(ValueError, match="either"):
        Metric(0.0, "why")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_metric_is_never_nan_or_infinite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Metric.of(value)
