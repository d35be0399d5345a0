import numpy as np
import pytest
import xgboost as xgb
from fitted_models import rows, single

from meta_models.learners.xgboost import merged
from meta_models.learners.xgboost.merged import MergedBoosters
from meta_models.learners.xgboost.missing import MISSING


def trained(share: float, rounds: int, seed: int, trees: int = 1) -> xgb.Booster:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 5)).astype(np.float32)
    y = (rng.random(400) < share * np.exp(X[:, seed])).astype(np.float32)
    settings = {
        "objective": "binary:logistic",
        "max_depth": 3,
        "nthread": 1,
        "num_parallel_tree": trees,
        "subsample": 0.5,
    }
    return xgb.train(settings, xgb.DMatrix(X, y), rounds)


@pytest.fixture
def merged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged, "_WORTH_MERGING", 0)


@pytest.mark.usefixtures("merged_at_once")
@pytest.mark.parametrize("trees", [1, 4])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_merged_boosters_say_what_each_says_alone(count: int, trees: int) -> None:
    """Rare and frequent classes, boosters of different lengths, values that are missing."""
    boosters = [trained(0.01 + 0.1 * k, 3 + 5 * k, k % 5, trees) for k in range(count)]
    X = np.random.default_rng(9).normal(size=(1000, 5)).astype(np.float32)
    X[::3, 1] = MISSING
    alone = np.column_stack([booster.inplace_predict(X) for booster in boosters])
    np.testing.assert_array_equal(MergedBoosters(boosters).sigmoids(X), alone.astype(np.float64))


def test_boosters_are_merged_once_many_rows_were_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(9).normal(size=(100, 5)).astype(np.float32)
    monkeypatch.setattr(merged, "_WORTH_MERGING", 2 * X.size)
    boosters = MergedBoosters([trained(0.1, 4, k) for k in range(3)])
    alone = [boosters.sigmoids(X), boosters.sigmoids(X)]
    assert "_merged" not in vars(boosters)
    together = boosters.sigmoids(X)
    assert "_merged" in vars(boosters)
    for scores in alone:
        np.testing.assert_array_equal(scores, together)


@pytest.mark.usefixtures("merged_at_once")
def test_threads_may_be_set_before_and_after_the_first_use() -> None:
    X = rows(50)
    model = single()
    model.set_threads(1)
    first = model.predict_scores(X)
    model.set_threads(2)
    np.testing.assert_array_equal(model.predict_scores(X), first)
