from __future__ import annotations

import numpy as np
import pytest
from simulated_run import FEATURES, simulated, trained

from meta_models.analysis.attribution.contributions import (
    contributions_to,
    explain,
    importances_of,
    parts_of,
    require_memory,
    spread_sample,
    unexplained,
)
from meta_models.errors import MemoryBudgetError
from meta_models.learners.xgboost.missing import fill_missing
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import EnsembleMetaModel, SingleModel
from meta_models.model.combinations import Voting, Weighted
from meta_models.schema import CLASSES, SpliceClass

ROWS = np.arange(0, 600, 3)


def test_contributions_add_up_to_the_margin() -> None:
    model, features = trained().model, simulated()[1][ROWS]
    explained = explain(parts_of(model), model, ROWS, features)
    for target in CLASSES:
        margin = model.predictor.boosters[target].inplace_predict(fill_missing(features), predict_type="margin")
        total = explained.values[target].sum(axis=1) + explained.bias[target]
        assert np.allclose(total, margin, atol=1e-4)
    assert explained.largest_error < 1e-4
    assert explained.features is features


@pytest.mark.filterwarnings("ignore")
def test_the_installed_shap_and_xgboost_agree() -> None:
    import shap

    model, features = trained().model, fill_missing(simulated()[1][ROWS])
    target = SpliceClass.DONOR
    explainer = shap.TreeExplainer(model.predictor.boosters[target])
    values = explainer.shap_values(features)
    ours = contributions_to(parts_of(model), target, features)
    assert np.allclose(values, ours, atol=1e-4)


class Silent(BoosterPredictor):
    def contributions(self, matrix, *, approximate=False):
        return None


def test_learners_that_explain_nothing_are_named() -> None:
    single = trained().model
    silent = SingleModel(Silent(single.predictor.boosters), single.feature_names, info=single.info, learner="svm")
    model = EnsembleMetaModel([single, silent], info=single.info)
    assert parts_of(model) is None
    assert unexplained(model) == "svm: no contributions of features to the scores are known"
    assert parts_of(single) is not None


def test_an_ensemble_is_the_weighted_sum_of_its_members() -> None:
    single = trained().model
    other = trained(ensemble=True).model.members[0]
    features = simulated()[1][ROWS]
    weights = np.array([[3.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    model = EnsembleMetaModel([single, other], info=single.info, combination=Weighted(weights))
    explained = explain(parts_of(model), model, ROWS, features)
    for target, share in zip(CLASSES, (0.75, 0.5, 1.0), strict=True):
        expected = share * contributions_to(parts_of(single), target, features)
        expected += (1 - share) * contributions_to(parts_of(other), target, features)
        assert np.allclose(explained.values[target], expected, atol=1e-5)
    assert explained.part_importance.shape == (2, 3, len(FEATURES))
    assert explained.largest_error > explained.mean_error > 0
    assert explained.rounding < 1e-4
    odds = np.log(model.predict_proba(features)) - np.log1p(-model.predict_proba(features))
    total = explained.values[1].sum(axis=1) + explained.bias[1]
    assert explained.mean_errors[1] == pytest.approx(np.abs(total - odds[:, 1]).mean(), rel=1e-4)


def test_an_ensemble_of_equal_members_is_its_member() -> None:
    single = trained().model
    features = simulated()[1][ROWS]
    model = EnsembleMetaModel([single, single], info=single.info)
    explained = explain(parts_of(model), model, ROWS, features)
    assert np.allclose(explained.values[1], contributions_to(parts_of(single), SpliceClass.DONOR, features), atol=1e-5)


def test_a_model_without_boosters_has_no_parts() -> None:
    assert parts_of(object()) is None


def test_the_sample_has_every_class_and_many_genes() -> None:
    rng = np.random.default_rng(0)
    genes = np.repeat(np.arange(300), 20)
    labels = np.where(rng.random(6000) < 0.05, rng.integers(1, 3, 6000), 0).astype(np.uint8)
    rows = spread_sample(labels, genes, 300, seed=4)
    assert len(rows) == len(set(rows.tolist())) == 300
    assert np.array_equal(rows, np.sort(rows))
    assert np.bincount(labels[rows]).tolist() == [100, 100, 100]
    negatives = rows[labels[rows] == 0]
    assert len(set(genes[negatives].tolist())) == 100
    assert np.array_equal(rows, spread_sample(labels, genes, 300, seed=4))
    assert not np.array_equal(rows, spread_sample(labels, genes, 300, seed=5))


def test_a_rare_class_leaves_its_places_to_the_others() -> None:
    labels = np.array([0] * 50 + [1] * 50 + [2] * 4, dtype=np.uint8)
    rows = spread_sample(labels, np.arange(104), 60, seed=0)
    assert np.bincount(labels[rows]).tolist() == [28, 28, 4]
    assert len(spread_sample(labels, np.arange(104), 1000, seed=0)) == 104


def test_a_sample_that_does_not_fit_is_refused() -> None:
    require_memory(2000, 100, None)
    require_memory(2000, 100, 10_000_000)
    with pytest.raises(MemoryBudgetError, match=r"Lower --shap-rows"):
        require_memory(2000, 1000, 10_000_000)


def test_approximate_contributions_add_up_and_rank_alike() -> None:
    model, features = trained().model, simulated()[1][ROWS]
    exact, near = (
        contributions_to(parts_of(model), SpliceClass.DONOR, features, approximate=approximate)
        for approximate in (False, True)
    )
    means = [np.abs(values).mean(axis=0) for values in (exact, near)]
    assert np.corrcoef(*means)[0, 1] > 0.95
    assert not np.allclose(exact, near)


def test_weights_of_inner_ensembles_are_multiplied() -> None:
    model = trained().model
    inner = EnsembleMetaModel([model, model], info=model.info, combination=Weighted(np.array([[0.25] * 3, [0.75] * 3])))
    outer = EnsembleMetaModel([model, inner], info=model.info, combination=Weighted(np.array([[0.6] * 3, [0.4] * 3])))
    parts = parts_of(outer)
    assert parts is not None
    np.testing.assert_allclose([part.weights for part in parts], np.array([[0.6], [0.1], [0.3]]) * np.ones(3))


def test_a_member_explains_its_own_columns() -> None:
    """Two models whose features stand beside one another: each gets half of its contributions, in its own columns."""
    one, features = trained().model, simulated()[1][ROWS]
    other = SingleModel(one.predictor, [f"other {name}" for name in one.feature_names], info=one.info)
    model = EnsembleMetaModel([other, one], info=one.info, combination=Voting())
    beside = np.column_stack([features[::-1], features])
    explained = explain(parts_of(model), model, ROWS, beside)
    alone = contributions_to(parts_of(one), SpliceClass.DONOR, features)
    np.testing.assert_allclose(explained.values[1], np.column_stack([alone[::-1], alone]) / 2, atol=1e-5)
    covers = importances_of(parts_of(model), "cover", beside.shape[1])[SpliceClass.DONOR]
    np.testing.assert_allclose(covers, np.tile(one.predictor.importances()["cover"][1], 2) / 2)
