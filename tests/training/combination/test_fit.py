"""Combining members."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.metrics import log_loss
from meta_models.training.combination.fit import FittedCombination, cross_fit_combination, fit_combination
from meta_models.training.selection import OUT_OF_BATCH, REFIT, choose_ensemble_cv

N = 3000
ONES = np.ones(N, np.float32)


def simulated(noise: tuple[float, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Members (M, N, 3) that see the truth through more or less noise, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, N).astype(np.uint8)
    members = []
    for sigma in noise:
        logits = 2.0 * np.eye(3)[labels] + sigma * rng.normal(size=(N, 3))
        members.append(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    return np.array(members, np.float32), labels


def config(method: str, *, per_class: bool = False) -> TrainingConfig:
    return TrainingConfig(ensemble_method=method, ensemble_weights_per_class=per_class)


def test_voting_is_the_mean_of_those_that_may_score() -> None:
    members, _ = simulated((1.0, 2.0, 3.0))
    members[1, :10] = np.nan
    combined = FittedCombination("voting")(members)
    np.testing.assert_allclose(combined[:10], members[[0, 2], :10].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(combined[10:], members[:, 10:].mean(axis=0), rtol=1e-6)


def test_weights_find_the_better_member_and_lie_on_the_simplex() -> None:
    members, labels = simulated((0.5, 4.0, 4.0))
    weights = fit_combination(members, labels, ONES, config("weighted")).weights
    assert weights is not None
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    assert (weights >= 0).all()
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])
    assert weights[0, 0] > 0.9


FITTED = {
    "weighted": config("weighted"),
    "by class": config("weighted", per_class=True),
    "stacking": config("stacking"),
}


@pytest.mark.parametrize("name", FITTED)
def test_fitted_combinations_lose_no_more_than_voting(name: str) -> None:
    members, labels = simulated((1.0, 2.0, 3.0))
    losses = [
        log_loss(labels, fit_combination(members, labels, ONES, chosen)(members)).value
        for chosen in (FITTED[name], config("voting"))
    ]
    assert losses[0] < losses[1]


def test_class_weights_fit_no_worse_than_shared_ones() -> None:
    members, labels = simulated((1.0, 2.0, 3.0))
    members[0, :, 1] = 1 / 3  # of no use for donors
    members /= members.sum(axis=2, keepdims=True)
    shared, own = (
        fit_combination(members, labels, ONES, config("weighted", per_class=per_class)) for per_class in (False, True)
    )
    assert log_loss(labels, own(members)).value < log_loss(labels, shared(members)).value - 1e-4
    assert own.weights is not None
    np.testing.assert_allclose(own.weights.sum(axis=0), 1)


@pytest.mark.parametrize("method", ["weighted", "stacking"])
def test_the_rows_of_a_fold_take_no_part_in_its_parameters(method: str) -> None:
    members, labels = simulated((1.0, 2.0))
    folds = np.arange(N).astype(np.int16) % 3
    combined, by_fold = cross_fit_combination(members, labels, ONES, folds, config(method))
    turned = labels.copy()
    turned[folds == 1] = (turned[folds == 1] + 1) % 3
    again, _ = cross_fit_combination(members, turned, ONES, folds, config(method))
    np.testing.assert_array_equal(combined[folds == 1], again[folds == 1])
    assert not np.allclose(combined[folds == 0], again[folds == 0])
    np.testing.assert_array_equal(combined[folds == 2], by_fold[2](members[:, folds == 2]))


def test_rows_of_no_weight_do_not_count() -> None:
    members, labels = simulated((1.0, 2.0))
    heavy = np.where(np.arange(N) < N // 2, 1.0, 1e-9).astype(np.float32)
    half = fit_combination(members[:, : N // 2], labels[: N // 2], ONES[: N // 2], config("weighted"))
    np.testing.assert_allclose(
        fit_combination(members, labels, heavy, config("weighted")).weights, half.weights, atol=1e-3
    )


@pytest.mark.parametrize("method", ["weighted", "stacking"])
def test_fitted_combinations_refuse_out_of_batch(method: str) -> None:
    with pytest.raises(UsageError, match="no row has a prediction of its own member") as error:
        TrainingConfig.from_mapping({"ensemble_method": method, "ensemble_cv": "out-of-batch"})
    assert error.value.exit_code == 2
    assert choose_ensemble_cv(config(method), 5).name == REFIT


def test_how_an_ensemble_is_scored() -> None:
    assert choose_ensemble_cv(TrainingConfig(), 3).name == OUT_OF_BATCH
    assert choose_ensemble_cv(TrainingConfig(), 2).name == REFIT
    assert choose_ensemble_cv(TrainingConfig(split="chromosome"), 5).name == REFIT
    assert choose_ensemble_cv(TrainingConfig(ensemble_cv="out-of-batch"), 2).name == OUT_OF_BATCH
    with pytest.raises(UsageError, match="at least 2 batches"):
        choose_ensemble_cv(TrainingConfig(ensemble_cv="out-of-batch"), 1)
    with pytest.raises(UsageError, match="split chromosome needs ensemble_cv refit"):
        TrainingConfig.from_mapping({"split": "chromosome", "ensemble_cv": "out-of-batch"})
