"""Draws: known probabilities, exact weights, larger draws hold smaller ones, estimates without bias."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import reduce
from hashlib import blake2b
from operator import add

import numpy as np
import pytest

from meta_models.build.blocks.sampling import (
    LEAST_PROBABILITY,
    SamplingOptions,
    SamplingPlan,
    StrataCounts,
    count_strata,
    highest_scores,
    plan_sampling,
    strata,
    uniform,
)
from meta_models.errors import UsageError

OPTIONS = SamplingOptions(rows=6000)
GENES = 40
LENGTH = 3000


def gene(number: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Labels and highest scores of a gene; one position of a hundred is a site."""
    rng = np.random.default_rng(number)
    labels = rng.integers(1, 3, LENGTH) * (rng.random(LENGTH) < 0.01)
    return f"gene_{number}", labels.astype(np.int8), (10 ** rng.uniform(-6, 0, LENGTH) ** 1).astype(np.float32)


def plan(options: SamplingOptions = OPTIONS) -> SamplingPlan:
    counts = [count_strata(labels, highest, options.edges) for _, labels, highest in map(gene, range(GENES))]
    return plan_sampling(reduce(add, counts), options)


@pytest.fixture(scope="module")
def sparse() -> SamplingPlan:
    """Scores of 1e-6 to 1 with even logarithms keep a third of all; so only the highest fifth is kept here."""
    return plan(replace(OPTIONS, rows=40_000, keep_above=0.05))


def test_highest_scores_are_of_any_model() -> None:
    one, two = np.array([[0.1, 0.2], [0.3, 0.0]], np.float32), np.array([[0.0, 0.15], [0.0, 0.4]], np.float32)
    assert highest_scores([one, two]).tolist() == pytest.approx([0.2, 0.4])


def test_a_score_on_an_edge_lies_above_it() -> None:
    scores = np.array([0, 9.9e-5, 1e-4, 1e-3, 0.004999, 0.005, 1], np.float32)
    assert strata(scores, OPTIONS.edges).tolist() == [0, 0, 1, 2, 2, 3, 3]


def test_edges_end_with_the_kept_scores() -> None:
    assert SamplingOptions().edges == (1e-4, 1e-3, 5e-3)
    assert SamplingOptions(keep_above=0.1).edges == (1e-4, 1e-3, 5e-3, 5e-2, 0.1)
    assert SamplingOptions(keep_above=1e-5).edges == (1e-5,)


def test_counts_are_of_negatives_by_stratum() -> None:
    labels, highest = np.array([0, 1, 0, 2, 0]), np.array([0, 0, 0.5, 0.5, 2e-4], np.float32)
    assert count_strata(labels, highest, OPTIONS.edges) == StrataCounts(2, (1, 1, 0, 1))
    usable = np.array([True, True, False, False, True])
    assert count_strata(labels, highest, OPTIONS.edges, usable=usable) == StrataCounts(1, (1, 1, 0, 0))


def test_probabilities_are_solved_for_the_rows() -> None:
    counts = StrataCounts(100, (100_000, 10_000, 1_000, 500))
    made = plan_sampling(counts, SamplingOptions(rows=100 + 500 + 3000))
    # 100,000 r / 16 + 10,000 r / 4 + 1,000 r = 9,750 r = 3,000
    assert made.probabilities == pytest.approx((3000 / 9750 / 16, 3000 / 9750 / 4, 3000 / 9750, 1))
    assert made.expected_rows == pytest.approx(3600)
    full = plan_sampling(counts, SamplingOptions(rows=100 + 500 + 1000 + 10_000 + 40_000))
    assert full.probabilities == pytest.approx((0.4, 1, 1, 1))


def test_negatives_per_site_give_the_rows() -> None:
    made = plan_sampling(StrataCounts(100, (100_000, 10_000, 1_000, 500)), SamplingOptions(negatives_per_site=20))
    assert made.expected_rows == pytest.approx(2100)


@pytest.mark.parametrize("rows", [1, 150, 700, 5_000, 111_600, 10**9])
def test_probabilities_stay_within_bounds(rows: int) -> None:
    made = plan_sampling(StrataCounts(100, (100_000, 10_000, 1_000, 500)), SamplingOptions(rows=rows))
    assert all(LEAST_PROBABILITY <= p <= 1 for p in made.probabilities)
    assert list(made.probabilities) == sorted(made.probabilities)
    if 711 <= rows <= 111_600:
        assert made.expected_rows == pytest.approx(rows)
    assert made.largest_weight <= 1000


def test_empty_strata_are_no_obstacle() -> None:
    for negatives in ((0, 0, 0, 0), (0, 0, 0, 10), (0, 50, 0, 0), (1000, 0, 0, 0)):
        made = plan_sampling(StrataCounts(5, negatives), SamplingOptions(rows=30))
        assert made.expected_rows <= max(30, 5 + negatives[-1]) + 1e-9
    assert plan_sampling(StrataCounts(5, (90, 5)), SamplingOptions(rows=50, keep_above=1e-5)).probabilities == (
        40 / 90,
        1,
    )


def test_every_position_can_be_kept() -> None:
    made = plan(SamplingOptions(all_positions=True))
    _, labels, highest = gene(0)
    rows, weights = made.draw("gene_0", labels, highest)
    assert rows.tolist() == list(range(LENGTH))
    assert set(weights) == {1.0}


def test_sites_and_high_scores_are_kept_and_weights_are_exact(sparse: SamplingPlan) -> None:
    for name, labels, highest in map(gene, range(5)):
        rows, weights = sparse.draw(name, labels, highest)
        certain = (labels > 0) | (highest >= 0.05)
        assert set(np.flatnonzero(certain)) <= set(rows)
        pi = np.where(certain, 1, np.array(sparse.probabilities)[strata(highest, sparse.edges)])
        assert weights.tolist() == (1 / pi[rows]).tolist()
        assert np.all(np.diff(rows) > 0)


def test_a_larger_draw_holds_the_smaller_one() -> None:
    small, large = plan(SamplingOptions(rows=45_000)), plan(SamplingOptions(rows=60_000))
    for name, labels, highest in map(gene, range(5)):
        few, many = (set(made.draw(name, labels, highest)[0]) for made in (small, large))
        assert few < many


def test_rows_of_a_gene_do_not_depend_on_others_or_on_masked_positions(sparse: SamplingPlan) -> None:
    name, labels, highest = gene(3)
    rows, _ = sparse.draw(name, labels, highest)
    usable = np.arange(LENGTH) % 2 == 0
    assert sparse.draw(name, labels, highest, usable=usable)[0].tolist() == rows[rows % 2 == 0].tolist()
    half = LENGTH // 2
    assert sparse.draw(name, labels[:half], highest[:half])[0].tolist() == rows[rows < half].tolist()


def test_masked_positions_are_never_rows(sparse: SamplingPlan) -> None:
    labels, highest = np.array([0, 255, 1, 255, 2], np.uint8), np.ones(5, np.float32)
    assert sparse.draw("gene", labels, highest)[0].tolist() == [0, 2, 4]
    assert count_strata(labels, highest, OPTIONS.edges) == StrataCounts(2, (0, 0, 0, 1))


def test_draws_have_the_expected_size_and_no_bias(sparse: SamplingPlan) -> None:
    genes = [gene(number) for number in range(GENES)]
    drawn = [sparse.draw(*one) for one in genes]
    pi = np.array(sparse.probabilities)
    variance = (np.array(sparse.counts.negatives) * pi * (1 - pi)).sum()
    assert abs(sum(len(rows) for rows, _ in drawn) - sparse.expected_rows) < 4 * variance**0.5
    spread = (np.array(sparse.counts.negatives) * (1 - pi) / pi).sum() ** 0.5
    assert abs(sum(weights.sum() for _, weights in drawn) - GENES * LENGTH) < 4 * spread


def test_numbers_are_even_and_differ_by_seed_gene_and_place() -> None:
    u = uniform(0, "gene", 200_000)
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.bincount((u * 20).astype(int), minlength=20)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 44  # chi-square of 19 degrees of freedom: p = .001
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01
    assert abs(np.corrcoef(u, uniform(1, "gene", 200_000))[0, 1]) < 0.01
    assert abs(np.corrcoef(u, uniform(0, "gene2", 200_000))[0, 1]) < 0.01


def test_numbers_are_those_of_every_version() -> None:
    """A table that is built again later holds the same rows: SplitMix64 from the hash of seed and gene."""
    mask, state, expected = 2**64 - 1, int.from_bytes(blake2b(b"0\tgene", digest_size=8).digest(), "little"), []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        expected.append(((z ^ z >> 31) >> 11) / 2**53)
    assert uniform(0, "gene", 3).tolist() == expected


def test_the_plan_goes_into_the_description(sparse: SamplingPlan) -> None:
    told = json.loads(json.dumps(sparse.to_json()))
    assert [stratum["from"] for stratum in told["strata"]] == [0, 1e-4, 1e-3, 5e-3, 0.05]
    assert told["strata"][-1]["below"] is None
    assert told["strata"][-1]["probability"] == 1
    assert told["sites"] == sparse.counts.sites


@pytest.mark.parametrize(
    ("options", "message"),
    [({"rows": 0}, "--rows"), ({"negatives_per_site": -1.0}, "--negatives"), ({"keep_above": 0.0}, "--keep-above")],
)
def test_options_without_meaning_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SamplingOptions(**options)  # type: ignore[arg-type]
