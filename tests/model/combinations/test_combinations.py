"""Every kind of combination, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.model.calibrators import normalise
from meta_models.model.combinations import (
    COMBINATIONS,
    Combination,
    Mean,
    PerBin,
    Routed,
    Stacking,
    Voting,
    Weighted,
    bins_of,
    log_probabilities,
)

TWO = np.array([[[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]], [[0.1, 0.8, 0.1], [0.25, 0.25, 0.5]]])
NAN = np.nan
RNG = np.random.default_rng(3)
KINDS: dict[str, Combination] = {
    "mean": Mean(),
    "voting": Voting(),
    "weighted": Weighted(np.array([[1.0, 0.0, 2.0], [3.0, 1.0, 2.0]])),
    "stacking": Stacking(RNG.normal(size=(3, 6)), RNG.normal(size=3)),
    "per-bin": PerBin(np.array([0.5]), RNG.random((2, 2, 3)), RNG.random((2, 3)), columns=(4, 7)),
    "routed": Routed(np.array([0.5, 0.5]), np.array([0.1, 0.2]), RNG.normal(size=(2, 3)), columns=(4, 7)),
}
OTHERS = np.array([[0.4, 0.5], [0.1, 0.9]], np.float32)


def combined(kind: str, members: np.ndarray) -> np.ndarray:
    combination = KINDS[kind]
    return combination(members, OTHERS if combination.columns else None)


def test_there_is_one_of_every_kind() -> None:
    assert list(KINDS) == list(COMBINATIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_combination_comes_back_from_its_arrays(kind: str) -> None:
    combination = KINDS[kind]
    arrays = combination.to_arrays()
    assert tuple(arrays) == combination.names
    again = COMBINATIONS[kind].from_arrays(arrays)
    assert again.columns == combination.columns
    np.testing.assert_array_equal(again(TWO, OTHERS), combination(TWO, OTHERS))
    with pytest.raises(ValueError, match="are needed"):
        COMBINATIONS[kind].from_arrays({**arrays, "more": np.ones(1)})


@pytest.mark.parametrize("kind", KINDS)
def test_rows_sum_to_one_and_do_not_depend_on_one_another(kind: str) -> None:
    both = combined(kind, TWO)
    np.testing.assert_allclose(both.sum(axis=1), 1)
    alone = KINDS[kind](TWO[:, 1:], OTHERS[1:])
    np.testing.assert_allclose(alone, both[1:], rtol=1e-12)


@pytest.mark.parametrize("kind", ["mean", "voting", "weighted", "per-bin", "routed"])
def test_a_member_that_may_not_score_a_row_leaves_it_to_the_others(kind: str) -> None:
    members = TWO.copy()
    members[1, 0] = NAN
    found = combined(kind, members)
    np.testing.assert_allclose(found[1], combined(kind, TWO)[1], rtol=1e-12)
    np.testing.assert_allclose(found[0], TWO[0, 0], rtol=1e-6)


def test_stacking_takes_the_mean_of_the_others_for_a_member_that_may_not_score() -> None:
    members = np.concatenate([TWO, TWO[:1]])
    logs = log_probabilities(np.where(np.arange(3)[:, None, None] == 1, NAN, members))
    np.testing.assert_allclose(logs[0], np.log([0.7, 0.2, 0.1] * 3))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_nobody_may_score_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="no member may score"):
        combined(kind, np.full_like(TWO, NAN))


def test_the_mean_is_the_mean() -> None:
    np.testing.assert_allclose(Mean()(TWO), [[0.4, 0.5, 0.1], [0.375, 0.275, 0.35]])


def test_voting_is_the_mean_of_log_odds() -> None:
    odds = np.sqrt(0.7 / 0.3 * 0.1 / 0.9), np.sqrt(0.2 / 0.8 * 0.8 / 0.2), 0.1 / 0.9
    expected = np.array([o / (1 + o) for o in odds])
    np.testing.assert_allclose(Voting()(TWO)[0], expected / expected.sum())


def test_a_member_that_is_certain_does_not_make_infinities() -> None:
    members = np.array([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])
    for kind in KINDS:
        assert np.isfinite(KINDS[kind](members, OTHERS[:1])).all()


def test_weights_are_of_a_class() -> None:
    raw = [(0.7 + 3 * 0.1) / 4, 0.8, (0.1 + 0.1) / 2]
    np.testing.assert_allclose(KINDS["weighted"](TWO)[0], np.array(raw) / sum(raw))
    np.testing.assert_allclose(KINDS["weighted"].shares(2, 3), [[0.25, 0, 0.5], [0.75, 1, 0.5]])


def test_equal_weights_are_the_mean() -> None:
    np.testing.assert_allclose(Weighted(np.full((2, 3), 5.0))(TWO), Mean()(TWO))


def test_members_of_no_weight_can_be_left_out() -> None:
    members = np.concatenate([TWO, TWO[::-1]])
    combination = Weighted(np.array([[0.0] * 3, [1.0, 0.0, 2.0], [0.0] * 3, [3.0, 1.0, 2.0]]))
    kept, fewer = combination.trimmed(4)
    assert kept == (1, 3)
    np.testing.assert_array_equal(fewer(members[[1, 3]]), combination(members))


def test_stacking_is_the_softmax_of_a_linear_map_of_log_probabilities() -> None:
    stacking = Stacking(np.concatenate([np.eye(3) / 2] * 2, axis=1), np.zeros(3))
    np.testing.assert_allclose(stacking(TWO), normalise(np.sqrt(TWO[0] * TWO[1])))
    np.testing.assert_allclose(stacking.shares(2, 3), 0.5)
    np.testing.assert_allclose(log_probabilities(TWO)[:, 5], np.log(TWO[1, :, 2]))


def test_bins_are_closed_above_and_missing_values_have_one_of_their_own() -> None:
    values = np.array([[0.1, 0.2], [0.1, 0.5], [0.6, 0.1], [NAN, 0.9]])
    np.testing.assert_array_equal(bins_of(values, np.array([0.2, 0.5])), [0, 1, 2, 3])


def test_each_bin_has_its_weights() -> None:
    first, second = np.array([[1.0] * 3, [0.0] * 3]), np.array([[0.0] * 3, [1.0] * 3])
    combination = PerBin(np.array([0.5]), np.stack([first, second]), np.ones((2, 3)), columns=(0, 1))
    np.testing.assert_allclose(combination(TWO, OTHERS), [TWO[0, 0], TWO[1, 1]])
    missing = np.array([[NAN, 0.1], [0.2, NAN]])
    np.testing.assert_allclose(combination(TWO, missing), Mean()(TWO))
    with pytest.raises(ValueError, match="values of its columns"):
        combination(TWO)


@pytest.mark.parametrize(
    "weights", [np.ones(3), -np.ones((2, 3)), np.full((2, 3), NAN), np.zeros((2, 3)), np.ones((0, 3))]
)
def test_weights_that_are_none(weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match="weights"):
        Weighted(weights)


@pytest.mark.parametrize(
    "change",
    [
        {"edges": np.array([0.5, 0.5])},
        {"edges": np.array([NAN])},
        {"weights": np.ones((3, 2, 3))},
        {"overall": np.ones((3, 3))},
        {"columns": np.array([])},
        {"columns": np.array([-1.0])},
        {"columns": np.array([0.5])},
    ],
)
def test_bins_that_do_not_fit_together(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError):
        PerBin.from_arrays({**KINDS["per-bin"].to_arrays(), **change})


@pytest.mark.parametrize("kind", ["weighted", "stacking", "per-bin"])
def test_parameters_of_other_members_are_refused(kind: str) -> None:
    KINDS[kind].check(2, 3)
    for shape in ((3, 3), (2, 4)):
        with pytest.raises(ValueError):
            KINDS[kind].check(*shape)


def test_routed_weights_follow_the_columns() -> None:
    routed = Routed(np.array([0.5]), np.array([0.1]), np.array([[np.log(2.0), 0.0], [0.0, 0.0]]), columns=(5,))
    members = np.repeat(TWO[:, :1], 3, axis=1)
    found = routed(members, np.array([[0.5], [0.6], [np.nan]], np.float32))
    equal, two_to_one = TWO[:, 0].mean(axis=0), (2 * TWO[0, 0] + TWO[1, 0]) / 3
    np.testing.assert_allclose(found, [equal, two_to_one, equal], rtol=1e-6)
    np.testing.assert_allclose(routed.shares(2, 3), 0.5)


def test_routed_weights_of_genes_unlike_all_of_training_are_held_back() -> None:
    routed = Routed(np.zeros(1), np.ones(1), np.array([[1.0, 0.0], [0.0, 0.0]]), columns=(5,))
    far, at_the_edge = routed(TWO, np.array([[1e9], [3.0]], np.float32)), routed(TWO, np.array([[3.0], [3.0]]))
    np.testing.assert_allclose(far[0], at_the_edge[0])


@pytest.mark.parametrize(
    "change",
    [
        {"scale": np.zeros(2)},
        {"gate": np.zeros((2, 2))},
        {"centre": np.full(2, np.inf)},
        {"columns": np.array([1.5, 2.0])},
        {"columns": np.array([-1.0, 2.0])},
        {"columns": np.array([3.0])},
    ],
)
def test_arrays_that_are_no_gate_are_refused(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="must"):
        Routed.from_arrays({**KINDS["routed"].to_arrays(), **change})


def test_routing_needs_its_columns() -> None:
    with pytest.raises(ValueError, match="needs the values of its columns"):
        KINDS["routed"](TWO)
