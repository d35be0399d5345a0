import numpy as np
import pytest

from meta_models.model.sketches import FeatureSketch, effective_rows, sketch_feature, weighted_quantiles

RNG = np.random.default_rng(0)


def sketch(values, weights=None, genes=None):
    values = np.asarray(values, np.float32)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    return sketch_feature(values, "float", weights=weights, genes=np.arange(len(values)) if genes is None else genes)


def test_bins_hold_equal_shares_and_nothing_lies_outside():
    found = sketch(RNG.normal(size=20_000))
    assert found.shares[0] == found.shares[-1] == 0
    np.testing.assert_allclose(found.shares[1:10], 0.1, atol=1e-3)
    assert sum(found.shares) == pytest.approx(1, abs=1e-4)
    assert found.median == pytest.approx(0, abs=0.05)
    assert found.spread == pytest.approx(2 * 1.645, abs=0.1)


def test_weights_count_as_repeated_rows():
    values, times = RNG.normal(size=300), RNG.integers(1, 5, 300)
    assert sketch(values, times).shares == sketch(np.repeat(values, times)).shares
    assert sketch(values, times).edges == sketch(np.repeat(values, times)).edges


@pytest.mark.parametrize("values", [np.zeros(50), RNG.integers(0, 3, 500), RNG.random(5)], ids=["one", "counts", "few"])
def test_few_values_have_few_bins(values):
    found = sketch(values)
    assert len(found.edges) <= len(np.unique(values)) + 1
    occupied = np.bincount(found.bins(np.asarray(values, np.float32)), minlength=len(found.shares)) > 0
    assert (occupied == (np.asarray(found.shares) > 0)).all()


def test_missing_values_are_a_share_of_their_own():
    values = np.array([1, np.nan, 3, np.nan], np.float32)
    assert sketch(values, [1, 3, 1, 3]).missing == pytest.approx(0.75)
    nothing = sketch(np.full(4, np.nan))
    assert (nothing.missing, nothing.edges, nothing.median) == (1.0, (), None)


def test_values_outside_training_have_bins_of_their_own():
    found = sketch(RNG.random(1000) + 1)
    assert found.bins(np.array([0.5, 2.5])).tolist() == [0, len(found.shares) - 1]


def test_rows_of_a_gene_that_are_alike_count_once():
    genes = np.repeat(np.arange(20), 50)
    weights = np.ones(1000)
    assert effective_rows(weights, genes, np.repeat(RNG.integers(0, 9, 20), 50)) == pytest.approx(20)
    assert effective_rows(weights, genes, RNG.integers(0, 9, 1000)) > 500
    assert effective_rows(weights, np.arange(1000), RNG.integers(0, 9, 1000)) == pytest.approx(1000)
    heavy = np.where(genes == 0, 1e6, 1.0)
    assert effective_rows(heavy, genes, np.repeat(RNG.integers(0, 9, 20), 50)) == pytest.approx(1, abs=0.01)


def test_weighted_quantiles_are_values_of_the_sample():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0])
    assert weighted_quantiles(values, weights, (0.0, 0.1, 0.11, 0.9, 0.91, 1.0)).tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    "change",
    [
        {"edges": (2.0, 1.0)},
        {"edges": (0.0, np.inf)},
        {"shares": (0.5, 0.5)},
        {"shares": (-0.5, 1.0, 0.5)},
        {"missing": 2.0},
    ],
)
def test_a_sketch_that_does_not_fit_together_is_refused(change):
    values = {"edges": (1.0, 2.0), "shares": (0.0, 1.0, 0.0), "missing": 0.0, **change}
    with pytest.raises(ValueError, match="sketch"):
        FeatureSketch(dtype="float", median=1.5, spread=0.1, effective_rows=5.0, **values)
