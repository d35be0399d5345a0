from __future__ import annotations

import numpy as np
import pytest
from simulated_scores import class_table, scored
from sklearn import metrics as sk

from meta_models.metrics import (
    METRICS,
    Draws,
    RankingStatistic,
    SumStatistic,
    decided,
    family_bootstrap,
    interval_of,
    observed,
    paired_bootstrap,
)
from meta_models.schema import SpliceClass


def test_draws_are_resamples_and_follow_the_seed() -> None:
    draws = Draws.make(30, 50, 1)
    assert draws.counts.shape == (30, 50)
    assert np.all(draws.counts.sum(0) == 30)
    assert np.array_equal(draws.counts, Draws.make(30, 50, 1).counts)
    assert not np.array_equal(draws.counts, Draws.make(30, 50, 2).counts)
    assert draws.counts.mean(1) == pytest.approx(np.ones(30), abs=0.6)


def test_equals_brute_force_with_replicated_rows() -> None:
    t = scored(0)
    draws = Draws.make(t.n_families, 40, 3)
    found = family_bootstrap(
        RankingStatistic(t.positive, t.score, t.weight, t.family, t.n_families), draws, max_values=300
    )
    for r in range(40):
        rows = np.concatenate([np.tile(np.flatnonzero(t.family == f), draws.counts[f, r]) for f in range(t.n_families)])
        y, s, w = t.positive[rows], t.score[rows], t.weight[rows]
        ap = sk.average_precision_score(y, s, sample_weight=w)
        assert found["average_precision"][r] == pytest.approx(ap, rel=1e-12)
        assert found["roc_auc"][r] == pytest.approx(sk.roc_auc_score(y, s, sample_weight=w), rel=1e-12)


def test_block_size_changes_nothing() -> None:
    t = scored(1)
    draws = Draws.make(t.n_families, 25, 0)
    statistic = RankingStatistic(t.positive, t.score, t.weight, t.family, t.n_families)
    small, large = (family_bootstrap(statistic, draws, max_values=m) for m in (1, 10**6))
    for name, values in small.items():
        assert values == pytest.approx(large[name], rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_agree_with_the_registry_on_every_resample(*, weighted: bool) -> None:
    labels, p, w = class_table(0)
    weight = w if weighted else None
    family = np.random.default_rng(1).integers(0, 20, len(labels))
    draws = Draws.make(20, 6, 0)
    sums = family_bootstrap(SumStatistic(labels, p, weight, family, 20), draws)
    ranks = {
        c: family_bootstrap(RankingStatistic(labels == c, p[:, c], weight, family, 20), draws)
        for c in (SpliceClass.DONOR, SpliceClass.ACCEPTOR)
    }
    for r in range(6):
        times = draws.counts[family, r] * (1.0 if weight is None else weight)
        for spec in METRICS.values():
            for target in ranks:
                key = f"{spec.name}/{target.label}" if spec.per_class else spec.name
                values = ranks[target][spec.name] if spec.name in ranks[target] else sums[key]
                assert values[r] == pytest.approx(spec.function(labels, p, times, target).value, rel=1e-9), spec.name


def test_observed_equals_plain_figures() -> None:
    labels, p, _ = class_table(1)
    found = observed(SumStatistic(labels, p, None, np.zeros(len(labels), int), 1))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, decided(p)))
    assert found["log_loss"] == pytest.approx(sk.log_loss(labels, p))


def test_pairing_makes_the_difference_far_narrower_than_its_parts() -> None:
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(60), 50)
    hardness = rng.normal(0, 2, 60)[family]
    positive = rng.random(3000) < 0.1
    score = 2 * positive + hardness + rng.normal(size=3000)
    base, meta = (RankingStatistic(positive, score + extra, None, family, 60) for extra in (0.0, 0.4 * positive))
    found = paired_bootstrap(base, meta, "average_precision", families_with_sites=60, samples=300, seed=0)
    difference = found.difference_interval
    assert difference.lower > 0
    assert found.difference == pytest.approx(found.meta - found.base)
    assert difference.upper - difference.lower < 0.5 * (found.base_interval.upper - found.base_interval.lower)
    again = paired_bootstrap(base, meta, "average_precision", families_with_sites=60, samples=300, seed=0)
    assert again == found
    other = RankingStatistic(positive, score, None, family, 61)
    with pytest.raises(ValueError, match="families"):
        paired_bootstrap(base, other, "average_precision", families_with_sites=60, samples=10, seed=0)


def _family_table(rng: np.random.Generator, families: int) -> tuple[np.ndarray, ...]:
    """Families of 40 rows with a shared shift of the base score: relatives are alike."""
    family = np.repeat(np.arange(families), 40)
    positive = rng.random(len(family)) < 0.15
    shift = rng.normal(0, 0.8, families)[family]
    base = 1.5 * positive + shift + rng.normal(size=len(family))
    meta = 1.8 * positive + 0.6 * shift + rng.normal(size=len(family))
    return family, positive, base, meta


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    _, positive, base, meta = _family_table(rng, 5000)
    truth = sk.average_precision_score(positive, meta) - sk.average_precision_score(positive, base)
    inside = 0
    for seed in range(120):
        family, positive, base, meta = _family_table(rng, 80)
        one, two = (RankingStatistic(positive, s, None, family, 80) for s in (base, meta))
        found = paired_bootstrap(one, two, "average_precision", families_with_sites=80, samples=200, seed=seed)
        inside += found.difference_interval.lower <= truth <= found.difference_interval.upper
    assert 0.88 * 120 <= inside < 120


def test_rows_as_units_would_be_too_sure_where_families_are_alike() -> None:
    rng = np.random.default_rng(5)
    family = np.repeat(np.arange(60), 40)
    positive = rng.random(len(family)) < 0.15
    base = 4 * positive * (rng.random(60) < 0.5)[family] + rng.normal(size=len(family))
    widths = []
    for unit, n in ((family, 60), (np.arange(len(family)), len(family))):
        values = family_bootstrap(RankingStatistic(positive, base, None, unit, n), Draws.make(n, 300, 0))
        found = interval_of(values["average_precision"], n)
        widths.append(found.upper - found.lower)
    assert widths[0] > 1.2 * widths[1]


def test_no_interval_has_a_reason() -> None:
    assert interval_of(np.ones(100), 1).reason == "an interval needs at least 2 families with sites, found 1"
    half = np.where(np.arange(100) < 50, np.nan, 0.5)
    assert interval_of(half, 9).reason == "undefined in 50 of 100 resamples"
    few = np.where(np.arange(100) < 3, np.nan, 0.5)
    assert interval_of(few, 9).lower == 0.5


def test_resamples_without_sites_are_undefined_not_zero() -> None:
    positive = np.array([True, False, False, False])
    statistic = RankingStatistic(positive, [0.9, 0.1, 0.2, 0.3], None, [0, 1, 2, 3], 4)
    values = family_bootstrap(statistic, Draws.make(4, 200, 0))["average_precision"]
    assert 0.2 < np.isnan(values).mean() < 0.45
    assert np.nanmin(values) == 1.0
    assert statistic.families_with_sites == 1
