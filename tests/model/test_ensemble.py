import numpy as np
import pytest
from fitted_models import FEATURES, ensemble, make, rows, single

from meta_models.model import (
    EnsembleMetaModel,
    ModelInfo,
    SingleModel,
    apply_calibrators,
    normalise,
)
from meta_models.model.combinations import Mean, PerBin, Stacking, Weighted
from meta_models.model.ensemble import MAX_DEPTH
from meta_models.persistence.codec import decode, encode

X = rows(300, seed=5)
INFO = ModelInfo(strategy="batch_ensemble", genes=())


def members_by_hand():
    return np.stack([single(seed).predict_both(X)[0] for seed in range(3)])


def test_the_mean_of_the_members_is_the_default():
    model = ensemble()
    np.testing.assert_allclose(model.predict_proba(X), members_by_hand().mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(model.predict_members(X), members_by_hand())
    assert model.n_members == 3


def test_weights_are_per_class():
    weights = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]])
    model = EnsembleMetaModel([single(s) for s in range(3)], info=INFO, combination=Weighted(weights))
    parts = members_by_hand()
    columns = [
        parts[0, :, 0],
        parts[1:, :, 1].mean(axis=0),
        0.25 * parts[0, :, 2] + 0.25 * parts[1, :, 2] + 0.5 * parts[2, :, 2],
    ]
    np.testing.assert_allclose(model.predict_proba(X), normalise(np.column_stack(columns)))


@pytest.mark.parametrize("combination", ["mean", "voting", "weighted", "stacking", "per-bin", "routed"])
def test_probabilities_of_every_combination(combination):
    model = ensemble(combination)
    raw, calibrated = model.predict_both(X)
    np.testing.assert_allclose(raw.sum(axis=1), 1)
    np.testing.assert_array_equal(raw, calibrated)
    assert model.predict_proba(X[:0]).shape == (0, 3)
    assert model.predict_members(X[:0]).shape == (3, 0, 3)


def test_the_ensembles_own_calibrators_see_the_combined_probabilities():
    model = make("ensemble-calibrated")
    raw, calibrated = model.predict_both(X)
    np.testing.assert_allclose(calibrated, apply_calibrators(raw, model.calibrators))
    assert not np.allclose(raw, calibrated)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_a_member_can_be_left_out_of_the_vote(left_out):
    expected = np.delete(members_by_hand(), left_out, axis=0).mean(axis=0)
    np.testing.assert_allclose(ensemble().predict_proba_without(X, left_out), expected)


def test_leaving_out_is_refused_where_it_would_not_be_honest():
    for combination in ("weighted", "stacking"):
        with pytest.raises(ValueError, match="mean or voting"):
            ensemble(combination).predict_proba_without(X, 0)
    with pytest.raises(ValueError, match="left out"):
        ensemble(n_members=1).predict_proba_without(X, 0)
    for index in (-1, 3):
        with pytest.raises(ValueError, match="left out"):
            ensemble().predict_proba_without(X, index)


def test_members_keep_their_genes():
    assert [m.info.genes for m in ensemble().members] == [("g0a", "g0b"), ("g1a", "g1b"), ("g2a", "g2b")]


@pytest.mark.parametrize(
    "arguments",
    [
        {"members": []},
        {"members": [single(), single(1, calibration="platt")]},
        {"combination": Weighted(np.ones((2, 3)))},
        {"combination": Weighted(np.ones((1, 2)))},
        {"combination": Stacking(np.ones((3, 6)), np.ones(3))},
        {"combination": PerBin(np.array([0.5]), np.ones((2, 1, 3)), np.ones((1, 3)), columns=(6,))},
    ],
)
def test_parts_that_do_not_fit_are_refused(arguments):
    with pytest.raises(ValueError):
        EnsembleMetaModel(**{"members": [single()], "info": INFO} | arguments)


def test_members_may_be_calibrated_before_they_are_combined():
    members = [single(seed, calibration="platt") for seed in range(3)]
    model = EnsembleMetaModel(members, info=INFO)
    parts = [member.predict_proba(X) for member in members]
    np.testing.assert_array_equal(model.predict_members(X), parts)
    np.testing.assert_allclose(model.predict_proba(X), np.mean(parts, axis=0), rtol=1e-12)


def test_a_member_reads_columns_of_its_own():
    """Two members that name the same six features in other orders, and a whole that has a seventh."""
    other = SingleModel(single(1).predictor, FEATURES[::-1], info=INFO)
    model = EnsembleMetaModel([single(), other], info=INFO, feature_names=("unread", *FEATURES))
    seven = np.column_stack([np.full(len(X), np.nan, np.float32), X])
    expected = (single().predict_proba(X) + other.predict_proba(X[:, ::-1])) / 2
    np.testing.assert_allclose(model.predict_proba(seven), expected, rtol=1e-12)
    again = decode(encode(model), max_bytes=10_000_000)
    assert again.feature_names == ("unread", *FEATURES)
    assert [m.feature_names for m in again.members] == [FEATURES, FEATURES[::-1]]
    np.testing.assert_array_equal(again.predict_proba(seven), model.predict_proba(seven))
    assert EnsembleMetaModel([single(), other], info=INFO).feature_names == FEATURES
    with pytest.raises(ValueError, match="reads features that are not there: gc_content"):
        EnsembleMetaModel([single(), other], info=INFO, feature_names=FEATURES[:-1])


def test_an_inner_ensemble_reads_columns_of_its_own():
    renamed = SingleModel(single(1).predictor, tuple(f"other {name}" for name in FEATURES), info=INFO)
    inner = EnsembleMetaModel([renamed, renamed], info=INFO)
    model = EnsembleMetaModel([inner, single()], info=INFO)
    assert model.feature_names == (*renamed.feature_names, *FEATURES)
    both = np.column_stack([X, X[::-1]])
    expected = (single(1).predict_proba(X) + single().predict_proba(X[::-1])) / 2
    np.testing.assert_allclose(model.predict_proba(both), expected, rtol=1e-12)
    again = decode(encode(model), max_bytes=10_000_000)
    np.testing.assert_array_equal(again.predict_proba(both), model.predict_proba(both))
    assert again.members[0].feature_names == renamed.feature_names


def test_threads_reach_every_member():
    model = ensemble()
    before = model.predict_proba(X)
    model.set_threads(1)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert '"nthread":"1"' in model.members[2].predictor.boosters[0].save_config()


def test_ensembles_lie_within_ensembles_so_far_and_no_further():
    model = ensemble()
    for depth in range(2, MAX_DEPTH + 1):
        model = EnsembleMetaModel([single(1), model], info=INFO, combination=Weighted(np.array([[0.0] * 3, [1.0] * 3])))
        assert model.depth == depth
    np.testing.assert_allclose(model.predict_proba(X), ensemble().predict_proba(X), rtol=1e-12)
    assert len(model.singles) == 3 + MAX_DEPTH - 1
    with pytest.raises(ValueError, match=f"at most {MAX_DEPTH} ensembles"):
        EnsembleMetaModel([model], info=INFO)


def test_an_inner_ensemble_counts_as_one_member():
    inner = ensemble()
    model = EnsembleMetaModel([single(4), inner], info=INFO, combination=Mean())
    expected = (single(4).predict_proba(X) + inner.predict_proba(X)) / 2
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-12)
