from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import check_grad

from meta_models.errors import UsageError
from meta_models.metrics import log_loss
from meta_models.model.combinations import Mean, Routed
from meta_models.model.combinations.routed import gated, standardised
from meta_models.training.combination import routed
from meta_models.training.combination.composition import Composition
from meta_models.training.combination.fit import cross_fit, fit_combination
from meta_models.training.combination.stack import Options, Stack

N = 3000


def simulated(*, depends=True, seed=0):
    """Two members: the first is good where the first column is high, the second where it is low, if it `depends`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, N).astype(np.uint8)
    values = rng.normal(size=(N, 2)).astype(np.float32)
    values[rng.random((N, 2)) < 0.05] = np.nan
    side = np.nan_to_num(values[:, 0]) if depends else rng.normal(size=N)
    noise = np.stack([np.where(side > 0, 0.5, 4.0), np.where(side > 0, 4.0, 0.5)])
    logits = 2.0 * np.eye(3)[labels] + noise[:, :, None] * rng.normal(size=(2, N, 3))
    members = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    folds = (np.arange(N) % 3).astype(np.int16)
    composition = Composition((3, 1), values)
    return Stack(members.astype(np.float32), labels, np.ones(N, np.float32), folds, None, composition)


def test_members_count_where_they_are_good():
    found = fit_combination(simulated(), "routed", Options())
    assert isinstance(found, Routed)
    assert found.columns == (3, 1)
    assert found.gate[0, 0] - found.gate[1, 0] > 1
    assert abs(found.gate[0, 1] - found.gate[1, 1]) < 0.2


def test_out_of_fold_it_is_better_than_the_mean_where_columns_tell_and_no_worse_where_they_do_not():
    stack = simulated()
    scores, by_fold = cross_fit(stack, "routed", Options())
    mean = log_loss(stack.labels, stack.combined(Mean())).value
    assert log_loss(stack.labels, scores).value < 0.8 * mean
    assert set(by_fold) == {0, 1, 2}
    stack = simulated(depends=False)
    scores, _ = cross_fit(stack, "routed", Options())
    assert log_loss(stack.labels, scores).value < log_loss(stack.labels, stack.combined(Mean())).value + 0.005


def test_rows_of_a_fold_take_no_part_in_its_gate():
    stack = simulated()
    inside = stack.folds == 0
    turned = replace(stack, labels=np.where(inside, (stack.labels + 1) % 3, stack.labels))
    one, other = (cross_fit(s, "routed", Options())[1][0] for s in (stack, turned))
    np.testing.assert_array_equal(one.gate, other.gate)


def test_the_slope_is_that_of_the_loss(monkeypatch):
    seen = {}

    def caught(function, start, **_):
        seen.update(function=function, start=start)
        return type("Found", (), {"x": start})

    monkeypatch.setattr(routed, "minimize", caught)
    fit_combination(simulated(), "routed", Options())
    at = np.random.default_rng(2).normal(size=len(seen["start"]))
    assert check_grad(lambda x: seen["function"](x)[0], lambda x: seen["function"](x)[1], at) < 1e-5


def test_the_loss_is_that_of_what_is_served():
    stack = simulated()
    found = fit_combination(stack, "routed", Options())
    values = standardised(stack.composition.values, found.centre, found.scale)
    weights = gated(values, found.gate)
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    by_hand = (weights[:, :, None] * stack.members).sum(axis=0)
    np.testing.assert_allclose(stack.combined(found), by_hand, rtol=1e-5)
    np.testing.assert_allclose(found.centre, np.nanmean(stack.composition.values, axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.scale, np.nanstd(stack.composition.values, axis=0), rtol=1e-4)


@pytest.mark.parametrize("composition", [None, Composition((), np.empty((N, 0), np.float32))])
def test_without_columns_that_tell_it_is_refused(composition):
    with pytest.raises(UsageError, match="neither k-mer counts"):
        fit_combination(replace(simulated(), composition=composition), "routed", Options())
