from __future__ import annotations

import numpy as np
import pytest
from simulated_scores import scored
from sklearn import metrics as sk

from meta_models.metrics import average_precision, pr_curve_points, roc_auc, roc_curve_points


def test_all_points_equal_scikit_learn() -> None:
    t = scored(0)
    roc = roc_curve_points(t.positive, t.score, t.weight, max_points=10_000)
    fpr, tpr, threshold = sk.roc_curve(t.positive, t.score, sample_weight=t.weight, drop_intermediate=False)
    assert np.allclose(roc.x, fpr)
    assert np.allclose(roc.y, tpr)
    assert np.array_equal(roc.threshold, threshold)
    precision, recall, _ = sk.precision_recall_curve(t.positive, t.score, sample_weight=t.weight)
    pr = pr_curve_points(t.positive, t.score, t.weight, max_points=10_000)
    assert np.allclose(pr.x[1:], recall[:-1][::-1])
    assert np.allclose(pr.y[1:], precision[:-1][::-1])
    assert (pr.x[0], pr.y[0]) == (0.0, pr.y[1])


@pytest.mark.parametrize("share", [0.002, 0.3])
def test_thinning_keeps_the_area(share: float) -> None:
    t = scored(1, n=60_000, levels=10**9, share=share)
    roc = roc_curve_points(t.positive, t.score, t.weight, max_points=500)
    pr = pr_curve_points(t.positive, t.score, t.weight, max_points=500)
    for curve in (roc, pr):
        assert len(curve.x) <= 502
        assert curve.all_points > 10_000
        assert np.all(np.diff(curve.x) >= 0)
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(roc_auc(t.positive, t.score, t.weight).value, abs=2e-3)
    area = np.sum(np.diff(pr.x) * pr.y[1:])
    assert area == pytest.approx(average_precision(t.positive, t.score, t.weight).value, abs=4e-3)


def test_no_curve_has_a_reason() -> None:
    assert roc_curve_points([False], [0.5], max_points=10).reason == "no positives with a weight above 0"
    assert roc_curve_points([True], [0.5], max_points=10).reason == "no negatives"
    assert pr_curve_points([], [], max_points=10).reason == "no positives with a weight above 0"
    assert len(pr_curve_points([], [], max_points=10).x) == 0


def test_max_points_is_checked() -> None:
    with pytest.raises(ValueError, match="max_points"):
        pr_curve_points([True, False], [0.1, 0.2], max_points=1)
