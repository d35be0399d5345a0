"""Combining members: what each method finds, and that the rows of a fold take no part in it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import polars as pl
import pytest

from meta_models.config import UNFITTED, TrainingConfig
from meta_models.config.combination import Method
from meta_models.errors import UsageError
from meta_models.metrics import log_loss, mean_site_ap
from meta_models.model.combinations import Mean, PerBin, Stacking, Weighted
from meta_models.training.calibration.fit import BaseScores
from meta_models.training.combination.composition import Composition
from meta_models.training.combination.fit import FITS, PLAIN, cross_fit, fit_combination
from meta_models.training.combination.stack import Options, Stack
from meta_models.training.selection import OUT_OF_BATCH, REFIT, choose_ensemble_cv

N = 3000
OPTIONS = Options()
EVOLUTION = Options(optimiser="differential-evolution", seed=1)
FOLDS = (np.arange(N) % 3).astype(np.int16)


def simulated(noise: tuple[float, ...], seed: int = 0) -> Stack:
    """Members that see the truth through more or less noise; a base model that sees it, too."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, N).astype(np.uint8)
    members = []
    for sigma in (*noise, 2.0):
        logits = 2.0 * np.eye(3)[labels] + sigma * rng.normal(size=(N, 3))
        members.append(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    frame = pl.DataFrame(dict(zip("nda", members[-1].T, strict=True)))
    bases = BaseScores(frame, (("n",), ("d",), ("a",)), ((0,), (1,), (2,)))
    composition = Composition((8, 9), rng.normal(size=(N, 2)).astype(np.float32))
    return Stack(np.array(members[:-1], np.float32), labels, np.ones(N, np.float32), FOLDS, bases, composition)


def weights_of(stack: Stack, method: str, options: Options = OPTIONS) -> np.ndarray:
    combination = fit_combination(stack, method, options)
    assert isinstance(combination, Weighted)
    return combination.weights


def test_the_configuration_names_every_method() -> None:
    assert {*get_args(Method), "mean"} == {*FITS, *PLAIN}
    assert set(UNFITTED) == set(PLAIN)


def test_the_mean_is_that_of_those_that_may_score() -> None:
    stack = simulated((1.0, 2.0, 3.0))
    stack.members[1, :10] = np.nan
    combined = stack.combined(Mean())
    np.testing.assert_allclose(combined[:10], stack.members[[0, 2], :10].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(combined[10:], stack.members[:, 10:].mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("method", "options"), [("weighted", OPTIONS), ("weighted", EVOLUTION), ("greedy", OPTIONS), ("best", OPTIONS)]
)
def test_weights_find_the_better_member_and_lie_on_the_simplex(method: str, options: Options) -> None:
    weights = weights_of(simulated((0.5, 4.0, 4.0)), method, options)
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])
    assert weights[0, 0] > 0.7


def test_weights_are_those_of_least_log_loss_on_a_grid() -> None:
    stack = simulated((1.0, 1.5))
    own = stack.members[:, np.arange(N), stack.labels].astype(np.float64)
    grid = np.linspace(0, 1, 1001)
    losses = [-np.log(w * own[0] + (1 - w) * own[1]).mean() for w in grid]
    assert weights_of(stack, "weighted")[0, 0] == pytest.approx(grid[int(np.argmin(losses))], abs=2e-3)


def among_easy_negatives(stack: Stack, weight: float) -> Stack:
    """`stack` beside as many negatives that all members are sure of, and which count `weight` each."""
    sure = np.tile(np.array([1 - 2e-4, 1e-4, 1e-4], np.float32), (len(stack.members), N, 1))
    weights = np.concatenate([stack.weights, np.full(N, weight, np.float32)])
    return replace(
        stack, members=np.concatenate([stack.members, sure], axis=1), weights=weights, folds=np.tile(stack.folds, 2),
        labels=np.concatenate([stack.labels, np.zeros(N, np.uint8)]), bases=None, composition=None,
    )  # fmt: skip


@pytest.mark.parametrize("per_class", [False, True])
def test_weights_are_of_least_log_loss_where_sites_are_rare(per_class: bool) -> None:
    stack = simulated((1.0, 1.5))
    found, rare = (
        weights_of(s, "weighted", Options(per_class=per_class)) for s in (stack, among_easy_negatives(stack, 1e5))
    )
    np.testing.assert_allclose(rare, found, atol=5e-3)
    assert found[0, 0] > 0.6  # and not where the search sets out


def test_stacking_is_held_back_by_its_ridge_alike_however_much_negatives_count() -> None:
    stack = simulated((1.0, 1.5))
    fitted = [fit_combination(among_easy_negatives(stack, weight), "stacking", OPTIONS) for weight in (1.0, 1e4)]
    sizes = [np.abs(s.coef[1:]).max() for s in fitted if isinstance(s, Stacking)]
    assert sizes[1] > 0.5 * sizes[0]


def test_stacking_is_the_softmax_of_a_line_in_log_odds() -> None:
    stack = simulated((1.0, 1.5))
    fitted = fit_combination(stack, "stacking", OPTIONS)
    assert isinstance(fitted, Stacking)
    by_member = fitted.coef.reshape(3, 2, 3)
    np.testing.assert_allclose(by_member.sum(axis=2), 0, atol=1e-12)  # what all classes gain alike changes nothing
    odds = np.log(stack.members[:, :, 1:] / stack.members[:, :, :1]).astype(np.float64)
    margins = np.einsum("kmc,mnc->nk", by_member[:, :, 1:], odds) + fitted.intercept
    expected = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(stack.combined(fitted), expected, rtol=1e-5)


def test_greedy_selection_is_the_one_that_every_step_shows_to_be_best() -> None:
    """Against a plain implementation: all that can be added, by average precision."""
    stack = simulated((1.0, 1.2, 3.0))
    members, taken, best = stack.members.astype(np.float64), list[int](), (-1.0, list[int]())
    for _ in range(25):
        steps = {m: round(mean_site_ap(stack.labels, members[[*taken, m]].mean(axis=0)), 6) for m in range(3)}  # type: ignore[arg-type]
        top = max(steps.values())
        ties = [m for m in steps if steps[m] == top]
        taken.append(next((m for m in ties if m in taken), ties[0]))
        best = max(best, (top, list(taken)), key=lambda found: found[0])
    expected = np.bincount(best[1], minlength=3) / len(best[1])
    np.testing.assert_allclose(weights_of(stack, "greedy")[:, 0], expected)


@pytest.mark.parametrize("method", FITS)
def test_fitted_combinations_lose_no_more_than_the_mean(method: str) -> None:
    stack = simulated((0.8, 2.0, 3.0))
    combined, mean = (stack.combined(fit_combination(stack, name, OPTIONS)) for name in (method, "mean"))
    assert mean_site_ap(stack.labels, combined) > mean_site_ap(stack.labels, mean)  # type: ignore[operator]


def test_class_weights_fit_no_worse_than_shared_ones() -> None:
    stack = simulated((1.0, 2.0, 3.0))
    stack.members[0, :, 1] = 1 / 3  # of no use for donors
    stack.members[:] /= stack.members.sum(axis=2, keepdims=True)
    shared, own = (fit_combination(stack, "weighted", Options(per_class=per_class)) for per_class in (False, True))
    losses = [log_loss(stack.labels, stack.combined(found)).value for found in (shared, own)]
    assert losses[1] < losses[0] - 1e-4  # type: ignore[operator]
    assert isinstance(own, Weighted)
    np.testing.assert_allclose(own.weights.sum(axis=0), 1)


def test_blending_is_stacking_on_the_first_fold() -> None:
    stack = simulated((1.0, 2.0))
    blended, stacked = (
        fit_combination(stack, "blending", OPTIONS), fit_combination(stack.rows(FOLDS == 0), "stacking", OPTIONS),
    )  # fmt: skip
    assert isinstance(blended, Stacking)
    assert isinstance(stacked, Stacking)
    np.testing.assert_array_equal(blended.coef, stacked.coef)


def test_bins_hold_enough_sites_and_weights_are_shrunk_towards_all_rows() -> None:
    stack = simulated((1.0, 2.0))
    bases = stack.bases
    assert bases is not None
    high = bases.frame.select(pl.max_horizontal("d", "a")).to_series().to_numpy() > 0.6
    stack.members[0, high] = stack.members[1, high] = 1 / 3
    stack.members[1, high] = 0.9 * np.eye(3)[stack.labels[high]] + 0.1 / 3  # only there the second is the better one
    combination = fit_combination(stack, "per-bin", OPTIONS)
    assert isinstance(combination, PerBin)
    assert combination.columns == (1, 2)
    assert combination.weights[-1, 1, 0] > combination.overall[1, 0]
    sites = np.isin(stack.labels, (1, 2))
    counts = np.bincount(np.searchsorted(combination.edges, _largest(bases)[sites]))
    assert counts.min() >= 99  # quantiles are values that occur: the bin that ends there has it
    few = fit_combination(stack.rows(np.arange(N) < 200), "per-bin", OPTIONS)
    assert isinstance(few, PerBin)
    assert len(few.edges) == 0
    assert stack.combined(combination).shape == (N, 3)


def _largest(bases: BaseScores) -> np.ndarray:
    return bases.frame.select(pl.max_horizontal("d", "a").cast(pl.Float32)).to_series().to_numpy()


def test_bins_need_a_base_model() -> None:
    stack = replace(simulated((1.0, 2.0)), bases=None)
    with pytest.raises(UsageError, match="scores of a base model among the features"):
        fit_combination(stack, "per-bin", OPTIONS)


@pytest.mark.parametrize("method", FITS)
def test_the_rows_of_a_fold_take_no_part_in_its_parameters(method: str) -> None:
    stack = simulated((1.0, 1.3))
    combined, by_fold = cross_fit(stack, method, OPTIONS)
    turned = stack.labels.copy()
    turned[FOLDS == 1] = (turned[FOLDS == 1] + 1) % 3
    again, turned_by_fold = cross_fit(replace(stack, labels=turned), method, OPTIONS)
    np.testing.assert_array_equal(combined[FOLDS == 1], again[FOLDS == 1])
    for name, values in by_fold[1].to_arrays().items():
        np.testing.assert_array_equal(values, turned_by_fold[1].to_arrays()[name])
    if method != "best":
        assert not np.allclose(combined[FOLDS == 0], again[FOLDS == 0])
    np.testing.assert_array_equal(combined[FOLDS == 2], stack.rows(FOLDS == 2).combined(by_fold[2]))


@pytest.mark.parametrize("method", FITS)
def test_the_same_rows_give_the_same_parameters(method: str) -> None:
    first, second = (fit_combination(simulated((1.0, 2.0)), method, EVOLUTION).to_arrays() for _ in range(2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


def test_rows_that_a_member_may_not_score_are_left_out_of_the_fit() -> None:
    stack = simulated((1.0, 2.0))
    stack.members[0, : N // 2] = np.nan
    for method in FITS:
        fitted = fit_combination(stack, method, OPTIONS)
        assert np.isfinite(stack.combined(fitted)).all()
    whole = fit_combination(stack.rows(np.arange(N) >= N // 2), "weighted", OPTIONS)
    assert isinstance(whole, Weighted)
    np.testing.assert_array_equal(weights_of(stack, "weighted"), whole.weights)


def test_rows_of_no_weight_do_not_count() -> None:
    stack = simulated((1.0, 2.0))
    heavy = np.where(np.arange(N) < N // 2, 1.0, 1e-9).astype(np.float32)
    half = weights_of(stack.rows(np.arange(N) < N // 2), "weighted")
    np.testing.assert_allclose(weights_of(replace(stack, weights=heavy), "weighted"), half, atol=1e-3)


@pytest.mark.parametrize("method", ["weighted", "stacking", "greedy", "per-bin", "best"])
def test_fitted_combinations_refuse_out_of_batch(method: str) -> None:
    with pytest.raises(UsageError, match="no row has a prediction of its own member") as error:
        TrainingConfig.from_mapping({"ensemble_method": method, "ensemble_cv": "out-of-batch"})
    assert error.value.exit_code == 2
    assert choose_ensemble_cv(TrainingConfig.from_mapping({"ensemble_method": method}), 5).name == REFIT


def test_how_an_ensemble_is_scored() -> None:
    assert choose_ensemble_cv(TrainingConfig(), 3).name == OUT_OF_BATCH
    assert choose_ensemble_cv(TrainingConfig(ensemble_method="voting"), 3).name == OUT_OF_BATCH
    assert choose_ensemble_cv(TrainingConfig(), 2).name == REFIT
    assert choose_ensemble_cv(TrainingConfig(split="chromosome"), 5).name == REFIT
    assert choose_ensemble_cv(TrainingConfig(ensemble_cv="out-of-batch"), 2).name == OUT_OF_BATCH
    with pytest.raises(UsageError, match="at least 2 batches"):
        choose_ensemble_cv(TrainingConfig(ensemble_cv="out-of-batch"), 1)
    with pytest.raises(UsageError, match="split chromosome needs ensemble_cv refit"):
        TrainingConfig.from_mapping({"split": "chromosome", "ensemble_cv": "out-of-batch"})


def test_the_mean_of_former_configurations_stays_the_mean() -> None:
    former = TrainingConfig().model_dump(mode="json")
    for name in ("combine", "optimiser", "keep_combination"):
        del former[name]
    assert TrainingConfig.from_mapping({**former, "ensemble_method": "voting"}).ensemble_method == "mean"
    assert TrainingConfig.from_mapping({"ensemble_method": "voting"}).ensemble_method == "voting"
