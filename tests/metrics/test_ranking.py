from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_scores import scored
from sklearn import metrics as sk

from meta_models.metrics import (
    RankedFamilies,
    average_precision,
    false_positives_per_megabase,
    precision_at_recall,
    roc_auc,
    top_k_accuracy,
)

SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_with_ties_and_weights(seed: int, *, weighted: bool) -> None:
    t = scored(seed)
    weight = t.weight if weighted else None
    assert average_precision(t.positive, t.score, weight).value == pytest.approx(
        sk.average_precision_score(t.positive, t.score, sample_weight=weight), rel=1e-12
    )
    assert roc_auc(t.positive, t.score, weight).value == pytest.approx(
        sk.roc_auc_score(t.positive, t.score, sample_weight=weight), rel=1e-12
    )


@pytest.mark.parametrize("metric", [average_precision, roc_auc, top_k_accuracy])
def test_integer_weights_equal_replicated_rows(metric) -> None:
    t = scored(3)
    times = t.weight.astype(int)
    repeated = metric(np.repeat(t.positive, times), np.repeat(t.score, times))
    assert metric(t.positive, t.score, t.weight).value == pytest.approx(repeated.value, rel=1e-12)


def test_rows_of_weight_zero_do_not_exist() -> None:
    t = scored(4)
    gone = np.arange(len(t.score)) % 3 == 0
    with_zeros = average_precision(t.positive, t.score, np.where(gone, 0.0, t.weight))
    assert with_zeros == average_precision(t.positive[~gone], t.score[~gone], t.weight[~gone])


tables = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 4)), min_size=2, max_size=30).filter(
    lambda rows: any(p and w for p, _, w in rows) and any(w and not p for p, _, w in rows)
)


@given(tables)
def test_properties(rows: list[tuple[bool, int, int]]) -> None:
    positive, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    figures = [m(positive, score, weight).value for m in (average_precision, roc_auc, top_k_accuracy)]
    assert all(f is not None and -1e-12 <= f <= 1 + 1e-12 for f in figures)
    order = np.random.default_rng(0).permutation(len(score))
    again = [m(positive[order], np.exp(score[order]), 7.5 * weight[order]).value for m in (average_precision, roc_auc)]
    assert again == pytest.approx(figures[:2], rel=1e-9)
    assert figures[0] == pytest.approx(sk.average_precision_score(positive, score, sample_weight=weight), abs=1e-12)
    mirrored = roc_auc(positive, -score, weight).value
    assert mirrored == pytest.approx(1 - figures[1], abs=1e-12)


def test_top_k_is_the_mean_over_all_orders_of_a_tie() -> None:
    positive = np.array([1, 0, 1, 0, 0, 1], bool)
    score = np.array([9.0, 5, 5, 5, 5, 1])
    k = positive.sum()
    tied = [1, 2, 3, 4]
    shares = [positive[[0, *order][:k]].sum() / k for order in itertools.permutations(tied)]
    assert top_k_accuracy(positive, score).value == pytest.approx(np.mean(shares))


def test_top_k_without_ties_counts_sites_among_the_k_best() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(500) < 0.1
    score = rng.random(500) + 0.3 * positive
    best = np.argsort(-score)[: positive.sum()]
    assert top_k_accuracy(positive, score).value == pytest.approx(positive[best].mean())


@pytest.mark.parametrize("recall", [0.1, 0.5, 0.9, 0.95, 1.0])
def test_precision_and_false_positives_at_recall_by_hand(recall: float) -> None:
    t = scored(5)
    found = None
    for threshold in np.unique(t.score)[::-1]:
        called = t.score >= threshold
        true = (t.weight * (called & t.positive)).sum()
        if found is None and true >= recall * (t.weight * t.positive).sum() - 1e-9:
            false = (t.weight * (called & ~t.positive)).sum()
            found = true / (true + false), 1e6 * false / t.weight.sum()
    assert precision_at_recall(t.positive, t.score, recall, t.weight).value == pytest.approx(found[0])
    assert false_positives_per_megabase(t.positive, t.score, recall, t.weight).value == pytest.approx(found[1])


@pytest.mark.parametrize(
    "metric",
    [
        average_precision,
        roc_auc,
        top_k_accuracy,
        lambda p, s, w=None: precision_at_recall(p, s, 0.9, w),
        lambda p, s, w=None: false_positives_per_megabase(p, s, 0.9, w),
    ],
)
@pytest.mark.parametrize(
    ("positive", "weight"), [([0, 0, 0], None), ([1, 1, 0], [0.0, 0, 1]), ([1, 0, 1], [0.0, 0, 0])]
)
def test_null_with_a_reason_without_positives(metric, positive, weight) -> None:
    found = metric(np.array(positive, bool), np.arange(3.0), weight)
    assert found.value is None
    assert found.reason == "no positives with a weight above 0"


def test_null_on_an_empty_table_and_auc_without_negatives() -> None:
    assert average_precision(np.empty(0, bool), np.empty(0)).value is None
    assert roc_auc([True, True], [0.1, 0.2]).reason == "no negatives"
    assert average_precision([True, True], [0.1, 0.2]).value == 1.0


@pytest.mark.parametrize(
    ("positive", "score", "weight", "message"),
    [
        ([True, False], [0.1, np.nan], None, "finite"),
        ([True, False], [0.1, 0.2], [1.0, -1.0], "not negative"),
        ([True, False], [0.1], None, "one length"),
        ([True, False], [0.1, 0.2], [1.0], "shape"),
    ],
)
def test_bad_arrays_are_refused(positive, score, weight, message) -> None:
    with pytest.raises(ValueError, match=message):
        average_precision(positive, score, weight)


def test_families_are_counted_as_often_as_they_are_drawn() -> None:
    t = scored(6)
    ranked = RankedFamilies(t.positive, t.score, t.weight, t.family, t.n_families)
    draws = np.random.default_rng(0).multinomial(t.n_families, np.full(t.n_families, 1 / t.n_families), 20).T
    found = ranked.counts(draws.astype(float))
    for r in range(draws.shape[1]):
        weight = t.weight * draws[t.family, r]
        pairs = {
            "average_precision": average_precision(t.positive, t.score, weight),
            "roc_auc": roc_auc(t.positive, t.score, weight),
            "top_k_accuracy": top_k_accuracy(t.positive, t.score, weight),
        }
        for name, expected in pairs.items():
            assert getattr(found, name)()[r] == pytest.approx(expected.value, rel=1e-12)
        at = false_positives_per_megabase(t.positive, t.score, 0.95, weight)
        assert found.false_positives_per_megabase(0.95)[r] == pytest.approx(at.value)
