import copy
import pickle

import numpy as np
import polars as pl
import pytest
import xgboost as xgb
from fitted_models import FEATURES, make, rows, single

from meta_models.errors import InputError
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import ModelInfo, SingleModel, apply_calibrators, inputs, normalise

X = rows(300, seed=3)
INFO = ModelInfo(strategy="single_model", genes=())


def boosters(n_features=2, names=None, rounds=2):
    data = np.random.default_rng(0).normal(size=(60, n_features))
    matrix = xgb.DMatrix(data, data[:, 0] > 0, feature_names=names)
    return [xgb.train({"objective": "binary:logistic", "nthread": 1}, matrix, rounds)] * 3


def test_sigmoids_are_those_of_the_boosters_with_missing_values_at_the_sentinel():
    model = single()
    assert np.isnan(X).any()
    filled = np.nan_to_num(X, nan=-1e30)
    expected = np.column_stack([b.predict(xgb.DMatrix(filled)) for b in model.predictor.boosters])
    np.testing.assert_array_equal(model.predict_scores(X), expected.astype(np.float64))


@pytest.mark.parametrize("calibration", ["none", "identity", "platt", "isotonic", "mixed"])
def test_probabilities(calibration):
    model = make(f"single-{calibration}")
    sigmoids = model.predict_scores(X)
    raw, calibrated = model.predict_both(X)
    np.testing.assert_array_equal(raw, normalise(sigmoids))
    expected = raw if model.calibrators is None else apply_calibrators(sigmoids, model.calibrators)
    np.testing.assert_array_equal(calibrated, expected)
    np.testing.assert_array_equal(model.predict_proba(X), calibrated)
    np.testing.assert_array_equal(model.predict(X), calibrated.argmax(axis=1))
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)


def test_the_model_learned_something_and_all_classes_are_predicted():
    labels = np.where(X[:, 0] > 0.5, 1, np.where(X[:, 1] > 0.5, 2, 0))
    assert np.mean(single().predict(X) == labels) > 0.9
    assert set(single().predict(X)) == {0, 1, 2}


def test_what_scikit_learn_users_look_for():
    model = single()
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.feature_names_in_.tolist() == list(FEATURES)
    assert model.feature_names_in_.dtype == object
    assert (model.n_features_in_, model.n_members) == (6, 1)


def test_no_rows_give_no_probabilities():
    raw, calibrated = make("single-platt").predict_both(X[:0])
    assert raw.shape == calibrated.shape == (0, 3)
    assert make("single-platt").predict(X[:0]).shape == (0,)


def test_chunks_change_nothing(monkeypatch):
    whole = single().predict_proba(rows(5000))
    frame = pl.DataFrame(rows(5000), schema=list(FEATURES))
    monkeypatch.setattr(inputs, "CHUNK_VALUES", 1)
    np.testing.assert_array_equal(single().predict_proba(rows(5000)), whole)
    np.testing.assert_array_equal(single().predict_proba(frame), whole)


def test_the_callers_array_is_not_written_to():
    kept = X.copy()
    single().predict_proba(X)
    np.testing.assert_array_equal(X, kept)


def test_columns_are_matched_by_name_in_the_models_own_order():
    frame = pl.DataFrame(X, schema=list(FEATURES))
    np.testing.assert_array_equal(single().predict_proba(frame.select(sorted(FEATURES))), single().predict_proba(X))
    with pytest.raises(InputError, match="gc_content"):
        single().predict_proba(frame.drop("gc_content"))


def test_threads_change_nothing():
    model = copy.deepcopy(single())
    before = model.predict_proba(X)
    model.set_threads(2)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert all('"nthread":"2"' in booster.save_config() for booster in model.predictor.boosters)


@pytest.mark.parametrize(
    ("given", "names"),
    [(boosters()[:2], ["a", "b"]), (boosters(), ["a"]), (boosters(), ["a", "a"]), (boosters(), [])],
)
def test_parts_that_do_not_fit_are_refused(given, names):
    with pytest.raises(ValueError):
        SingleModel(BoosterPredictor(given), names, info=INFO)


def test_boosters_of_unlike_features_are_no_predictor():
    with pytest.raises(ValueError, match="differ in features"):
        BoosterPredictor([*boosters()[:1], *boosters(n_features=3)[:2]])


def test_calibrators_can_be_exchanged():
    model = single().with_calibrators(make("single-platt").calibrators)
    np.testing.assert_array_equal(model.predict_proba(X), make("single-platt").predict_proba(X))
    with pytest.raises(ValueError, match="each class"):
        model.with_calibrators(model.calibrators[:2])


def test_models_can_be_pickled():
    model = make("single-mixed")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "fields", [{"genes": ("b", "a")}, {"genes": ("a", "a")}, {"genes": (), "classes": ("donor", "neither", "acceptor")}]
)
def test_info_refuses_unsorted_genes_and_another_class_order(fields):
    with pytest.raises(ValueError):
        ModelInfo(strategy="s", **fields)


def test_what_it_is_in_a_line():
    assert (
        repr(single())
        == f"<SingleModel: 1 member, {len(FEATURES)} features, {len(single().info.genes)} training genes>"
    )
