"""What the estimators do beyond scikit-learn's checks: groups, splice labels, frames, honesty, pickling."""

from __future__ import annotations

import inspect

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from meta_models.config import TrainingConfig
from meta_models.estimators import GeneBatchEnsembleClassifier, MetaModelClassifier
from meta_models.estimators.rows import code_groups
from meta_models.model import EnsembleMetaModel
from meta_models.persistence import dump_model, load_model
from meta_models.schema import CLASS_NAMES

FEATURES = ["donor_score", "acceptor_score", "neither_score", "other"]
FAST = {"learner_params": {"n_estimators": 10, "learning_rate": 0.3}, "n_folds": 3, "n_jobs": 1}
BOTH = [
    MetaModelClassifier(**FAST),
    GeneBatchEnsembleClassifier(**FAST, max_genes_per_batch=15),
]
each = pytest.mark.parametrize("estimator", BOTH, ids=lambda e: type(e).__name__)


def data(n_genes=45, rows=20, n_classes=3, seed=0):
    """Features (n, 4) that tell the classes 0 to K - 1 (n,), and genes (n,)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n_genes * rows)
    X = rng.normal(size=(len(y), 4)).astype(np.float32)
    X[:, 0] += 1.5 * (y == 1)
    X[:, 1] += 1.5 * (y == 2)
    X[:, 2] += 1.5 * (y == 0)
    return X, y, np.repeat([f"G{g:03d}" for g in range(n_genes)], rows)


@each
def test_groups_are_never_calibrated_on_what_they_were_trained_on(estimator):
    """Each gene has its own random answer and a fingerprint: only a leak could tell the answers."""
    rng = np.random.default_rng(0)
    genes = np.repeat(np.arange(120), 10)
    y = rng.permutation(np.repeat([0, 1], 60))[genes]
    X = np.column_stack([rng.normal(size=120)[genes] for _ in range(3)])
    by_gene = clone(estimator).fit(X, y, groups=genes)
    batch = {"max_genes_per_batch": 400} if "max_genes_per_batch" in estimator.get_params() else {}
    by_row = clone(estimator).set_params(**batch).fit(X, y)
    assert roc_auc_score(y, by_gene.oof_proba_[:, 1]) < 0.65
    assert roc_auc_score(y, by_row.oof_proba_[:, 1]) > 0.75
    # calibration knows it: on genes not trained on, nothing is sure
    assert np.ptp(by_gene.predict_proba(X)[:, 1]) < np.ptp(by_row.predict_proba(X)[:, 1])


@each
def test_out_of_fold_probabilities_are_as_good_as_those_of_an_outer_cross_validation(estimator):
    X, y, genes = data()
    fitted = clone(estimator).fit(X, y, groups=genes)
    outer = cross_val_predict(
        clone(estimator), X, y, groups=genes, params={"groups": genes}, cv=GroupKFold(3), method="predict_proba"
    )
    own = log_loss(y, fitted.oof_proba_)
    assert own == pytest.approx(log_loss(y, outer), abs=0.05)
    assert own < 0.8 * np.log(3)


@each
@pytest.mark.parametrize("labels", [(0, 1, 2), CLASS_NAMES], ids=["numbers", "names"])
def test_models_of_splice_classes_can_be_stored(estimator, labels, tmp_path):
    X, y, genes = data()
    frame = pd.DataFrame(X, columns=FEATURES)
    fitted = clone(estimator).fit(frame, np.array(labels)[y], groups=genes)
    file = tmp_path / "model.pkl"
    file.write_bytes(dump_model(fitted.model_))
    loaded = load_model(file)
    assert loaded.info.genes == tuple(sorted(set(genes)))
    assert loaded.info.base_models == ("main",)
    # the model's columns are neither, donor, acceptor; the estimator's are sorted as all of scikit-learn's
    order = np.argsort(labels)
    np.testing.assert_array_equal(fitted.classes_, np.array(labels)[order])
    np.testing.assert_allclose(loaded.predict_proba(frame)[:, order], fitted.predict_proba(frame))


@each
def test_names_and_numbers_of_splice_classes_give_the_same_model(estimator):
    X, y, genes = data()
    numbers = clone(estimator).fit(X, y, groups=genes)
    names = clone(estimator).fit(X, np.array(CLASS_NAMES)[y], groups=genes)
    assert dump_model(numbers.model_) == dump_model(names.model_)
    assert (np.array(CLASS_NAMES)[numbers.predict(X)] == names.predict(X)).all()


@each
@pytest.mark.parametrize("n_classes", [2, 5])
def test_other_classes_are_sorted_and_not_stored(estimator, n_classes):
    X, y, genes = data(n_classes=n_classes)
    labels = np.array(["e", "d", "c", "b", "a"])[y]
    fitted = clone(estimator).fit(X, labels, groups=genes)
    assert fitted.classes_.tolist() == sorted(set(labels))
    assert fitted.predict_proba(X).shape == (len(X), n_classes)
    assert (fitted.predict(X) == labels).mean() > 1.2 / n_classes
    with pytest.raises(ValueError, match="classes"):
        dump_model(fitted.model_)


def test_groups_that_are_numbers_have_the_names_that_tables_give_them():
    X = np.zeros((3, 1), np.float32)
    floats, integers = (code_groups(np.array([7, 8, 7], dtype), X) for dtype in (float, int))
    assert floats[1] == integers[1] == ("7", "8")
    assert floats[0].tolist() == integers[0].tolist() == [0, 1, 0]


@each
def test_polars_and_pandas_frames_are_the_same(estimator):
    X, y, genes = data()
    pandas = clone(estimator).fit(pd.DataFrame(X, columns=FEATURES), y, groups=genes)
    polars = clone(estimator).fit(pl.DataFrame(X, schema=FEATURES), y, groups=pl.Series(genes))
    assert polars.feature_names_in_.tolist() == FEATURES
    assert dump_model(pandas.model_) == dump_model(polars.model_)
    with pytest.raises(ValueError, match="feature names"):
        pandas.predict(pd.DataFrame(X, columns=FEATURES[::-1]))


@each
def test_rows_of_weight_zero_are_not_there(estimator):
    X, y, genes = data()
    kept = np.random.default_rng(1).random(len(y)) < 0.7
    weighted = clone(estimator).fit(X, y, groups=genes, sample_weight=kept.astype(float))
    without = clone(estimator).fit(X[kept], y[kept], groups=genes[kept])
    assert dump_model(weighted.model_) == dump_model(without.model_)
    assert np.isnan(weighted.oof_proba_[~kept]).all()
    np.testing.assert_array_equal(weighted.oof_proba_[kept], without.oof_proba_)


@each
def test_weights_move_the_probabilities(estimator):
    X, y, genes = data()
    weights = np.where(y == 1, 10.0, 1.0)
    weighted = clone(estimator).fit(X, y, groups=genes, sample_weight=weights).predict_proba(X)
    assert weighted[:, 1].mean() > 0.6
    assert np.average(weighted[:, 1], weights=weights) == pytest.approx(np.average(y == 1, weights=weights), abs=0.05)


@each
def test_a_pickle_predicts_the_same(estimator, tmp_path):
    X, y, genes = data()
    fitted = clone(estimator).fit(X, y, groups=genes)
    joblib.dump(fitted, tmp_path / "estimator.joblib")
    np.testing.assert_array_equal(joblib.load(tmp_path / "estimator.joblib").predict_proba(X), fitted.predict_proba(X))


@each
def test_importances_are_shares_of_the_gain(estimator):
    X, y, genes = data()
    importances = clone(estimator).fit(X, y, groups=genes).feature_importances_
    assert importances.shape == (X.shape[1],)
    assert importances.min() >= 0
    assert importances.sum() == pytest.approx(1)


@each
def test_missing_values_are_told_from_small_ones(estimator):
    X, y, genes = data(n_classes=2)
    X[:, 3] = np.where(y == 1, np.nan, -100.0)
    assert (clone(estimator).fit(X, y, groups=genes).predict(X) == y).all()


def test_members_never_vote_on_their_own_genes():
    X, y, genes = data()
    fitted = clone(BOTH[1]).set_params(calibrate=False).fit(X, y, groups=genes)
    assert isinstance(fitted.model_, EnsembleMetaModel)
    assert fitted.n_members_ == 3
    batches = [set(member.info.genes) for member in fitted.model_.members]
    assert set.union(*batches) == set(genes)
    assert sum(map(len, batches)) == len(set(genes))
    sizes = [np.isin(genes, list(batch)).sum() for batch in batches]
    assert max(map(len, batches)) <= 15
    assert max(sizes) <= 1.2 * np.mean(sizes)
    for at, batch in enumerate(batches):
        rows = np.isin(genes, list(batch))
        np.testing.assert_allclose(
            fitted.oof_proba_[rows], fitted.model_.predict_proba_without(X[rows], at), rtol=1e-5, atol=1e-7
        )


def test_one_batch_is_the_single_model():
    X, y, genes = data()
    one = GeneBatchEnsembleClassifier(**FAST).fit(X, y, groups=genes)
    single = MetaModelClassifier(**FAST).fit(X, y, groups=genes)
    np.testing.assert_array_equal(one.predict_proba(X), single.predict_proba(X))


@pytest.mark.parametrize("rounds", ["cross-validation", "early-stopping", "fixed"])
@each
def test_every_way_to_choose_the_rounds(estimator, rounds):
    X, y, genes = data()
    fitted = (
        clone(estimator)
        .set_params(rounds=rounds, learner_params={**FAST["learner_params"], "early_stopping_rounds": 2})
        .fit(X, y, groups=genes)
    )
    assert (fitted.predict(X) == y).mean() > 0.5


def test_without_calibration_and_with_fixed_rounds_nothing_is_held_out():
    X, y, _ = data()
    fitted = MetaModelClassifier(
        learner_params={"n_estimators": 5}, calibrate=False, rounds="fixed", n_folds=10**6
    ).fit(X, y)
    assert np.isnan(fitted.oof_proba_).all()
    assert (fitted.predict(X) == y).mean() > 0.5


@pytest.mark.parametrize(
    ("parameters", "fit", "words"),
    [
        ({"learner_params": {"max_depth": 0}}, {}, "max_depth"),
        ({"learner_params": {"max_dept": 3}}, {}, "no such option"),
        ({"learner": "xgbost"}, {}, "'xgboost' was meant"),
        ({"rounds": "some"}, {}, "rounds"),
        ({"n_folds": 46}, {}, "needs at least 46 groups"),
        ({}, {"groups": [None] * 900}, "groups must be known"),
        ({}, {"groups": ["a", "b"]}, "inconsistent numbers"),
        ({}, {"sample_weight": -np.ones(900)}, "(?i)negative"),
        ({}, {"sample_weight": np.arange(900) % 1}, "zero"),
    ],
)
def test_what_cannot_be_trained_on_is_a_value_error(parameters, fit, words):
    X, y, genes = data()
    with pytest.raises(ValueError, match=words):
        MetaModelClassifier(**{**FAST, **parameters}).fit(X, y, **{"groups": genes, **fit})


def test_values_that_mean_missing_are_refused():
    X, y, genes = data()
    X[5, 2] = -2e30
    with pytest.raises(ValueError, match="'x2': 1 rows"):
        MetaModelClassifier(**FAST).fit(X, y, groups=genes)


@pytest.mark.parametrize("kind", [MetaModelClassifier, GeneBatchEnsembleClassifier])
def test_defaults_are_those_of_the_command(kind):
    renamed = {"n_jobs": "threads", "random_state": "seed"}
    config = TrainingConfig()
    for name, parameter in inspect.signature(kind).parameters.items():
        default = {"learner": config.learners[0], "learner_params": None}.get(name)
        if default is None and name != "learner_params":
            default = getattr(config, renamed.get(name, name))
        assert parameter.default == default, name


@each
def test_masked_values_are_missing_ones(estimator):
    X, y, genes = data()
    gone = X > 1.5
    by_mask, by_nan = np.ma.masked_array(X, gone), np.where(gone, np.nan, X)
    fitted = clone(estimator).fit(by_mask, y, groups=genes)
    np.testing.assert_array_equal(
        fitted.predict_proba(by_mask), clone(estimator).fit(by_nan, y, genes).predict_proba(by_nan)
    )
    model = fitted.model_
    np.testing.assert_array_equal(model.predict_proba(by_mask), model.predict_proba(by_nan))
    integers = np.ma.masked_array(np.arange(8).reshape(2, 4), [[True, False, False, False]] * 2)
    assert model.predict_proba(integers).shape == (2, 3)


@pytest.mark.parametrize("name", ["y", "groups", "sample_weight"])
@pytest.mark.parametrize("missing", ["masked", "NA", "None", "NaN"])
def test_what_must_be_known_is_asked_for_by_its_name(name, missing):
    X, y, genes = data()
    values = {"y": np.array(["a", "b", "c"])[y], "groups": genes, "sample_weight": np.ones(len(y))}[name]
    one = np.arange(len(y)) == 3
    gap = {
        "masked": lambda: np.ma.masked_array(values, one),
        "NA": lambda: pd.Series(values).convert_dtypes().mask(one),
        "None": lambda: [None if k else v for k, v in zip(one, values.tolist(), strict=True)],
        "NaN": lambda: pd.Series(values, dtype=object).mask(one, np.nan),
    }[missing]()
    given = {"y": y, "groups": genes, "sample_weight": None, name: gap}
    with pytest.raises(ValueError, match=f"{name}.*(known for every row|contains NaN)"):
        MetaModelClassifier(**FAST).fit(X, given["y"], groups=given["groups"], sample_weight=given["sample_weight"])


def test_versions_of_a_gene_are_one_group():
    codes, names = code_groups(["ENSG00000000001.2", "B", "ENSG00000000001.1", "A"], np.zeros((4, 1), np.float32))
    assert codes.tolist() == [2, 1, 2, 0]
    assert names == ("A", "B", "ENSG00000000001.1")


def test_groups_without_a_name_are_refused():
    with pytest.raises(ValueError, match=r"groups must have names; found none in 2 of 4 rows"):
        code_groups(["A", "", " ", "A"], np.zeros((4, 1), np.float32))


def test_an_enormous_weight_is_refused():
    X, y, genes = data()
    weights = np.ones(len(y))
    weights[0] = 1e30
    with pytest.raises(ValueError, match="sample_weight must be at most"):
        MetaModelClassifier(**FAST).fit(X, y, groups=genes, sample_weight=weights)
