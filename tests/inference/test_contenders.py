"""Positions scored by the models of their folds, and by all that is compared with them."""

from __future__ import annotations

import numpy as np
from fitted_models import FEATURES, rows, single

from meta_models.inference.contenders import FoldScorer, layer_columns
from meta_models.model import FittedModel, ModelInfo, SingleModel
from meta_models.model.combinations import PerBin, Weighted
from meta_models.result import CALIBRATED, RAW
from meta_models.standings import Contenders

X = rows(120, seed=9)
FOLD = np.tile([0, 1, 1], 40).astype(np.int16)
INFO = ModelInfo(strategy="single_model", genes=())


def by_fold(one: FittedModel, other: FittedModel) -> np.ndarray:
    both = np.stack([m.predict_proba(X[:, [FEATURES.index(n) for n in m.feature_names]]) for m in (one, other)])
    return both[FOLD, np.arange(len(X))]


def test_a_model_that_is_compared_with_none_is_scored_alone() -> None:
    models = {0: single(0, "platt"), 1: single(1, "platt")}
    scorer = FoldScorer(models, Contenders({"xgboost": models}))
    assert scorer.prefixes == (RAW, CALIBRATED)
    assert scorer.of("xgboost") == CALIBRATED
    layers = scorer.score(FOLD, X)
    np.testing.assert_allclose(layers[1], by_fold(models[0], models[1]), rtol=1e-6)
    assert not np.allclose(layers[0], layers[1])


def test_members_and_combinations_stand_beside_it() -> None:
    """The second member names its features in another order; bins are of the donor score."""
    turned = {k: SingleModel(single(k + 2).predictor, FEATURES[::-1], info=INFO) for k in (0, 1)}
    first = {0: single(0), 1: single(1)}
    weights = Weighted(np.array([[0.25] * 3, [0.75] * 3]))
    bins = PerBin(np.array([0.4]), np.array([[[1.0] * 3, [0.0] * 3], [[0.0] * 3, [1.0] * 3]]), np.ones((2, 3)), (1,))
    ways = {"weighted": {0: weights, 1: weights}, "per-bin": {0: bins, 1: bins}}
    scorer = FoldScorer(first, Contenders({"a": first, "b": turned}, ways, ("gc_content", "donor_score")))
    assert scorer.prefixes == (RAW, CALIBRATED, "a", "b", "weighted", "per-bin")
    layers = dict(zip(scorer.prefixes, scorer.score(FOLD, X), strict=True))
    one, other = by_fold(first[0], first[1]), by_fold(turned[0], turned[1])
    np.testing.assert_allclose(layers["a"], one, rtol=1e-6)
    np.testing.assert_allclose(layers["b"], other, rtol=1e-6)
    np.testing.assert_allclose(layers["weighted"], 0.25 * one + 0.75 * other, rtol=1e-5)
    low = X[:, FEATURES.index("donor_score")] <= 0.4
    np.testing.assert_allclose(layers["per-bin"], np.where(low[:, None], one, other), rtol=1e-5)
    names = [series.name for series in layer_columns(scorer.prefixes, scorer.score(FOLD, X))]
    assert names[3:9] == ["calibrated_neither", "calibrated_donor", "calibrated_acceptor", "a_neither", "a_donor",
                          "a_acceptor"]  # fmt: skip
