"""The statistics and draws behind the screening, each against a plain reference."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from screening_tables import synthetic
from sklearn.metrics import average_precision_score, roc_auc_score

from meta_models.schema import PROTECTED_GROUPS
from meta_models.training.screening import ScreeningSample, choose_screening_genes
from meta_models.training.screening.addition import BaseReference
from meta_models.training.screening.column import (
    Rows,
    TieGroups,
    binned_ap,
    linear_correlation,
    missing_counts,
    one_feature_ap,
    pattern_ap,
    quantile_bins,
    rank_correlation,
    zero_counts,
)
from meta_models.training.screening.sample import quarters

TARGETS = ((1,), (2,), (1, 2))


@pytest.fixture(scope="module")
def sample() -> ScreeningSample:
    return synthetic(genes=20)


def ties_of(values: np.ndarray, sample: ScreeningSample) -> TieGroups:
    rows = Rows.of(sample, quarters(sample, 0) // 2)
    return TieGroups.of(values.astype(np.float32), rows)


def column(sample: ScreeningSample) -> np.ndarray:
    """Ties, zeros, nulls and a relation to the label."""
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=len(sample.labels)) + 0.5 * (sample.labels == 1), 1)
    return np.where(rng.random(len(values)) < 0.1, np.nan, np.where(rng.random(len(values)) < 0.1, 0.0, values))


def test_groups_are_the_same_however_they_are_found(sample: ScreeningSample, monkeypatch: pytest.MonkeyPatch) -> None:
    values = column(sample)
    looked_up = ties_of(values, sample)
    monkeypatch.setattr("meta_models.training.screening.column._FEW_VALUES", 0)
    sorted_out = ties_of(values, sample)
    for name in ("values", "sizes", "group", "counts"):
        np.testing.assert_array_equal(getattr(looked_up, name), getattr(sorted_out, name))
    assert looked_up.group.max() == looked_up.n_values  # the group of the nulls
    assert looked_up.n_values == len(np.unique(values[~np.isnan(values)].astype(np.float32)))


def test_correlations_are_those_of_numpy_and_sklearn(sample: ScreeningSample) -> None:
    values = column(sample)
    given_rows = ~np.isnan(values)
    ties = ties_of(values, sample)
    x = values[given_rows].astype(np.float32)
    for t, classes in enumerate(TARGETS):
        y = np.isin(sample.labels[given_rows], classes)
        assert linear_correlation(ties)[t] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-7)
        assert rank_correlation(ties)[t] == pytest.approx(2 * roc_auc_score(y, x) - 1)


def test_pattern_ap_is_that_of_the_better_direction(sample: ScreeningSample) -> None:
    values = column(sample)
    ties = ties_of(values, sample)
    patterns = (
        (np.isnan(values), missing_counts(ties), slice(None)),
        (values == 0, zero_counts(ties), ~np.isnan(values)),
    )
    for marked, counts, rows in patterns:
        for t, classes in enumerate(TARGETS):
            y = np.isin(sample.labels[rows], classes)
            best = max(average_precision_score(y, s) for s in (marked[rows], ~marked[rows]))
            assert pattern_ap(*counts)[t] == pytest.approx(best)


def test_statistics_without_meaning_are_nan(sample: ScreeningSample) -> None:
    n = len(sample.labels)
    for values in (np.ones(n), np.full(n, np.nan)):
        ties = ties_of(values, sample)
        assert np.isnan(linear_correlation(ties)).all()
        assert np.isnan(pattern_ap(*missing_counts(ties))).all()
    no_donor = dataclasses.replace(sample, labels=np.where(sample.labels == 1, 0, sample.labels).astype(np.uint8))
    ties = ties_of(column(sample), no_donor)
    for statistic in (linear_correlation, rank_correlation, one_feature_ap):
        assert np.isnan(statistic(ties)).tolist() == [True, False, False]


def test_one_feature_ap_of_noise_is_chance_and_of_a_folded_leak_high(sample: ScreeningSample) -> None:
    rng = np.random.default_rng(3)
    n = len(sample.labels)
    share = [np.isin(sample.labels, classes).mean() for classes in TARGETS]
    assert one_feature_ap(ties_of(rng.normal(size=n), sample)) == pytest.approx(share, abs=0.05)
    folded = rng.choice([-1, 1], n) * np.where(sample.labels > 0, 0.0, 1.0) + rng.normal(0, 0.05, n)
    assert abs(linear_correlation(ties_of(folded, sample))[2]) < 0.1
    assert one_feature_ap(ties_of(folded, sample))[2] > 0.95


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
@settings(deadline=None, max_examples=50)
def test_binned_ap_is_average_precision(rows: list[tuple[int, bool]]) -> None:
    score, y = (np.array(v, dtype=float) for v in zip(*rows, strict=True))
    ap = binned_ap(score, y, np.ones(len(y)))
    if y.sum() == 0:
        assert np.isnan(ap)
    else:
        assert ap == pytest.approx(average_precision_score(y, score))


def test_quarters_keep_families_whole_and_share_the_sites() -> None:
    sample = synthetic()
    quarter = quarters(sample, 0)
    for family in np.unique(sample.families):
        assert len(np.unique(quarter[sample.families == family])) == 1
    sites = np.bincount(quarter[sample.labels > 0], minlength=4)
    assert sites.min() > 0.7 * sites.max()


def test_what_is_scored_was_not_fitted_on() -> None:
    """With labels shuffled, base scores are at chance and a column of noise adds nothing."""
    sample = synthetic()
    shuffled = dataclasses.replace(sample, labels=np.random.default_rng(0).permutation(sample.labels))
    base = np.flatnonzero([g in PROTECTED_GROUPS for g in sample.groups])
    judge = BaseReference(shuffled, base, quarters(shuffled, 0), resamples=50, seed=0, threads=1)
    assert judge.ap[2] == pytest.approx((sample.labels > 0).mean(), abs=0.03)
    values = np.random.default_rng(1).normal(size=len(sample.labels)).astype(np.float32)
    ties = ties_of(values, shuffled)
    assert max(a.closed for a in judge.addition(values, quantile_bins(ties)[ties.group])) < 0.02


def test_addition_of_a_copy_of_a_base_score_is_nothing_and_of_the_label_nearly_all() -> None:
    sample = synthetic()
    base = np.flatnonzero([g in PROTECTED_GROUPS for g in sample.groups])
    judge = BaseReference(sample, base, quarters(sample, 0), resamples=50, seed=0, threads=1)
    for values, low, high in ((sample.features[:, 0], -0.2, 0.2), (sample.labels.astype(np.float32), 0.9, 1.0)):
        ties = ties_of(values, sample)
        for added in judge.addition(values, quantile_bins(ties)[ties.group]):
            assert low < added.closed < high
            assert added.low < added.closed < added.high


@pytest.mark.parametrize(
    ("n_genes", "share", "minimum", "wanted"),
    [(1000, 0.1, 50, 100), (93, 0.1, 50, 50), (20, 0.1, 50, 20), (1005, 0.1, 1, 101)],
)
def test_draw_has_the_size_asked_for(n_genes: int, share: float, minimum: int, wanted: int) -> None:
    drawn = choose_screening_genes(np.arange(n_genes, dtype=np.int32), share, minimum, 0)
    assert len(drawn) == wanted
    assert np.array_equal(drawn, np.unique(drawn))


def test_draw_follows_the_seed_and_is_spread() -> None:
    families = np.arange(1000, dtype=np.int32)
    a, b, c = (choose_screening_genes(families, 0.1, 50, seed) for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert np.bincount(a // 100, minlength=10).tolist() == [10] * 10


def test_draw_takes_whole_families() -> None:
    families = np.random.default_rng(0).integers(0, 400, 1000).astype(np.int32)
    drawn = choose_screening_genes(families, 0.1, 50, 0)
    cut = [f for f in np.unique(families[drawn]) if not np.isin(np.flatnonzero(families == f), drawn).all()]
    assert len(cut) <= 1


def test_draw_from_large_families_leaves_most_families_alone() -> None:
    families = (np.arange(9280) % 93).astype(np.int32)
    drawn = choose_screening_genes(families, 0.1, 50, 0)
    assert len(drawn) == 928
    assert len(np.unique(families[drawn])) == 10
