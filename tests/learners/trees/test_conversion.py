"""Converted trees say what the library that grew them says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from learner_cases import make_rows
from scipy.special import expit, logit

from meta_models.learners.registry import LEARNERS
from meta_models.learners.trees.binned import BinnedTreeLearner, Part, Task
from meta_models.learners.trees.bins import Bins, make_bins
from meta_models.learners.trees.conversion import Tree, constant_tree, converted, just_above
from meta_models.learners.xgboost.check import check_booster


def stump(threshold: float) -> Tree:
    return Tree(
        left=np.array([2, -1, -1]), right=np.array([1, -1, -1]), feature=np.array([1, 0, 0]),
        below=np.full(3, threshold, np.float32), value=np.array([0.0, 2.0, -1.0]), count=np.array([0.0, 3.0, 1.0]),
    )  # fmt: skip


def test_a_stump_whose_children_stand_the_wrong_way_round() -> None:
    predictor = converted([stump(0.5)], 2, prior=0.2)
    scores = predictor.scores(np.array([[0, 0.4], [0, 0.5], [0, np.nan]], np.float32))
    np.testing.assert_allclose(scores[:, 0], expit(logit(0.2) + np.array([-1, 2, -1])), rtol=1e-6)
    (payload,) = predictor.files().values()
    assert check_booster(payload, n_features=2) == 1
    # mean of -1 (1 row) and 2 (3 rows) is 1.25; 1 x 2.25^2 + 3 x .75^2
    np.testing.assert_allclose(predictor.importances()["gain"], [[0, 6.75]], rtol=1e-6)
    np.testing.assert_allclose(predictor.importances()["cover"], [[0, 4]], rtol=1e-6)
    contributions = predictor.contributions(np.array([[0, 0.4]], np.float32))[0, 0]
    np.testing.assert_allclose(contributions, [0, -2.25, logit(0.2) + 1.25], rtol=1e-5, atol=1e-6)


def test_trees_side_by_side_are_one_round() -> None:
    together = converted([stump(0.5), constant_tree(0.25)], 2, side_by_side=True)
    assert together.boosters[0].num_boosted_rounds() == 1
    assert together.facts() == {"trees": 2}
    assert converted([stump(0.5), constant_tree()], 2).boosters[0].num_boosted_rounds() == 2


@pytest.mark.parametrize("threshold", [0.1, 0.5, -0.1, 1e-35, 0.0, 16777216.5, -5e29, 3.0000001])
def test_just_above_keeps_every_float32_on_its_side(threshold: float) -> None:
    above = just_above(np.array([threshold]))[0]
    near = np.float32(threshold)
    values = np.array([np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))])
    np.testing.assert_array_equal(values < above, values.astype(np.float64) <= threshold)


class Spy:
    """Keeps what a library's fit returned."""

    def __init__(self, fit: Any) -> None:
        self.fit, self.found = fit, None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.found = self.fit(*args, **kwargs)
        return self.found


def grown(name: str, **options: Any) -> tuple[Any, Task, Bins, np.ndarray]:
    rows = make_rows()
    learner, bins = LEARNERS[name], make_bins(rows.sample)
    assert isinstance(learner, BinnedTreeLearner)
    codes, number = bins.codes(rows.matrix), np.arange(450)
    nobody = Part(np.arange(0), np.zeros(0, bool), np.zeros(0))
    task = Task(
        codes, np.array([len(edges) + 1 for edges in bins.edges]),
        Part(number, rows.labels[:450] == 1, np.random.default_rng(0).uniform(0.5, 1.5, 450)), nobody,
        stopping=False, rounds=20, prior=0.1, features=np.arange(6), constraints=(), seed=1, threads=1,
    )  # fmt: skip
    return learner.grow(task, learner.Config(**options)), task, bins, rows.matrix


def margins(result: Any, bins: Bins, matrix: np.ndarray, *, side_by_side: bool = False) -> np.ndarray:
    trees = [tree.on_values(bins) for tree in result.trees]
    predictor = converted(trees, matrix.shape[1], prior=result.prior, side_by_side=side_by_side)
    return logit(predictor.scores(matrix)[:, 0])


def test_lightgbm(monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("lightgbm")
    spy = Spy(library.train)
    monkeypatch.setattr(library, "train", spy)
    result, task, bins, matrix = grown("lightgbm", subsample=1)
    expected = spy.found.predict(task.codes.astype(np.float64), raw_score=True) + logit(task.prior)
    np.testing.assert_allclose(margins(result, bins, matrix), expected, atol=2e-5)
    assert [tree.count.sum() for tree in result.trees] == [450] * 20


def test_lightgbm_on_an_opencl_device_grows_the_trees_of_the_processor() -> None:
    """A processor is a device, too: ``pip install pocl-binary-distribution``, OCL_ICD_VENDORS a folder with the path of
    its library in a file ``pocl.icd``.
    """
    library = pytest.importorskip("lightgbm")
    try:
        result, _, bins, matrix = grown("lightgbm", subsample=1, colsample=1, opencl=True)
    except library.basic.LightGBMError as error:
        pytest.skip(str(error))
    expected, *_ = grown("lightgbm", subsample=1, colsample=1)
    np.testing.assert_allclose(margins(result, bins, matrix), margins(expected, bins, matrix), atol=1e-4)


def test_lightgbm_is_told_to_use_opencl(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(Exception):
        pass

    def train(parameters: dict[str, Any], *_: Any, **__: Any) -> None:
        raise Asked(parameters["device_type"])

    monkeypatch.setattr(pytest.importorskip("lightgbm"), "train", train)
    with pytest.raises(Asked, match="gpu"):
        grown("lightgbm", opencl=True)


def test_catboost(monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("catboost")
    spy = Spy(library.CatBoost)
    monkeypatch.setattr(library, "CatBoost", spy)
    result, task, bins, matrix = grown("catboost")
    expected = spy.found.predict(task.codes.astype(np.float32))
    np.testing.assert_allclose(margins(result, bins, matrix), expected, atol=2e-5)


def test_random_forest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over trees of the log-odds of the leaf's share of all rows trained on, drawn to the prior by one row."""
    import sklearn.ensemble

    spy = Spy(sklearn.ensemble.RandomForestClassifier)
    monkeypatch.setattr(sklearn.ensemble, "RandomForestClassifier", spy)
    result, task, bins, matrix = grown("random_forest", n_trees=15)
    codes, part = task.codes.astype(np.float32), task.train
    odds = []
    for member in spy.found.estimators_:
        alike = member.apply(codes)[:, None] == member.apply(codes[part.rows])
        odds.append(logit((alike @ (part.weights * part.truth) + task.prior) / (alike @ part.weights + 1)))
    np.testing.assert_allclose(margins(result, bins, matrix, side_by_side=True), np.mean(odds, 0), atol=2e-5)
