import numpy as np
import pytest
import xgboost as xgb
from fitted_models import single

from meta_models.learners.xgboost import check as booster_check
from meta_models.learners.xgboost.check import MalformedBooster, check_booster
from meta_models.learners.xgboost.chunk_source import ChunkSource
from meta_models.learners.xgboost.ubjson import MalformedUbjson, parse

SETTINGS = [
    {},
    {"max_depth": 16},
    {"max_depth": 1},
    {"grow_policy": "lossguide", "max_leaves": 40, "max_depth": 0},
    {"tree_method": "approx"},
    {"tree_method": "exact"},
    {"gamma": 2.0},
    {"subsample": 0.5, "colsample_bytree": 0.5},
    {"scale_pos_weight": 3.0},
    {"max_delta_step": 1.0, "min_child_weight": 20.0},
    {"base_score": 0.3},
    {"monotone_constraints": (1, 0, -1, 0, 0)},
    {"num_parallel_tree": 3},
]


def table(missing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 5)).astype(np.float32)
    X[:, 3], X[:, 4] = rng.integers(0, 3, 600), 0
    y = (X[:, 0] > 0.7) | (rng.random(600) < 0.05)
    if missing != "none":
        X[rng.random(X.shape) < 0.2] = np.nan if missing == "nan" else -1e30
    return xgb.DMatrix(X, y)


@pytest.mark.parametrize("missing", ["none", "nan", "sentinel"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_boosters_that_xgboost_trains_pass(settings, missing):
    matrix = table(missing)
    settings = {"objective": "binary:logistic", "nthread": 1, **settings}
    booster = xgb.train(settings, matrix, 12, evals=[(matrix, "t")], early_stopping_rounds=3, verbose_eval=False)
    rounds, together = booster.num_boosted_rounds(), settings.get("num_parallel_tree", 1)
    assert check_booster(bytes(booster.save_raw("ubj")), n_features=5) == rounds * together
    assert check_booster(bytes(booster[: rounds // 2].save_raw("ubj")), n_features=5) == rounds // 2 * together


@pytest.mark.parametrize("external", [False, True])
def test_boosters_from_quantised_pages_pass(external, tmp_path):
    """As the strategies train: from chunks, in memory or with pages on disk."""
    rng = np.random.default_rng(0)
    chunks = [rng.normal(size=(400, 5)).astype(np.float32) for _ in range(3)]
    source = ChunkSource(lambda number: iter(chunks), tmp_path if external else None)
    matrix = (xgb.ExtMemQuantileDMatrix if external else xgb.QuantileDMatrix)(source, max_bin=16)
    matrix.set_info(label=np.concatenate(chunks)[:, 0] > 0.5)
    booster = xgb.train({"objective": "binary:logistic", "nthread": 1, "max_bin": 16, "gamma": 1.0}, matrix, 4)
    assert check_booster(bytes(booster.save_raw("ubj")), n_features=5) == 4


def test_a_booster_of_other_features_is_refused():
    with pytest.raises(MalformedBooster, match="num_feature must be 7"):
        check_booster(bytes(single().predictor.boosters[0].save_raw("ubj")), n_features=7)


def test_names_in_the_booster_are_refused():
    booster = xgb.train({"objective": "binary:logistic", "nthread": 1},
                        xgb.DMatrix(np.eye(2), [0, 1], feature_names=["a", "b"]), 1)  # fmt: skip
    with pytest.raises(MalformedBooster, match="feature_names"):
        check_booster(bytes(booster.save_raw("ubj")), n_features=2)


def test_depth_is_bounded(monkeypatch):
    booster = xgb.train({"objective": "binary:logistic", "nthread": 1, "max_depth": 5}, table("none"), 3)
    payload = bytes(booster.save_raw("ubj"))
    monkeypatch.setattr(booster_check, "MAX_DEPTH", 5)
    assert check_booster(payload, n_features=5) == 3
    monkeypatch.setattr(booster_check, "MAX_DEPTH", 4)
    with pytest.raises(MalformedBooster, match="deeper than 4"):
        check_booster(payload, n_features=5)


@pytest.mark.parametrize("version", [[3, 2], [3, 2, 0, 0], [3, 2, 10_000], [3, -1, 0], [3, 2, "0"]])
def test_a_version_is_three_small_numbers(version):
    with pytest.raises(MalformedBooster, match="version must be three numbers"):
        booster_check._check_version(version)
    booster_check._check_version([3, 2, 9_999])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sum_hessian", -1.0, "sum_hessian must not be negative"),
        ("split_indices", 5, "split_indices must be below 5"),
        ("split_indices", -1, "split_indices must be below 5"),
        ("base_weights", np.inf, "base_weights must be finite"),
    ],
)
def test_values_of_nodes_are_in_range(name, value, words):
    booster = xgb.train({"objective": "binary:logistic", "nthread": 1, "max_depth": 2}, table("none"), 1)
    tree = parse(bytes(booster.save_raw("ubj")))["learner"]["gradient_booster"]["model"]["trees"][0]
    booster_check._check_nodes([tree], 5)
    changed = {**tree, name: tree[name].copy()}
    changed[name][0] = value
    with pytest.raises(MalformedBooster, match=words):
        booster_check._check_nodes([changed], 5)


@pytest.mark.parametrize("length", [b"L\0\0\0\0\0\0\0\4", b"L\x7f\xff\xff\xff\xff\xff\xff\xff", b"i\xff"])
def test_a_text_that_is_longer_than_the_data_is_refused(length):
    assert parse(b"S" + LENGTH_3 + b"abc") == "abc"
    with pytest.raises(MalformedUbjson, match="length"):
        parse(b"S" + length + b"abc")


LENGTH_3 = b"L\0\0\0\0\0\0\0\3"


def test_values():
    assert parse(b"{" + LENGTH_3 + b"abci\xff}") == {"abc": -1}
    assert parse(b"[#" + LENGTH_3 + b"TFZ") == [True, False, None]
    assert parse(b"[$l#" + LENGTH_3 + b"\0\0\0\1\xff\xff\xff\xff\0\0\0\2").tolist() == [1, -1, 2]
    assert parse(b"S" + LENGTH_3 + b"abc") == "abc"
    assert parse(b"d\x3f\x80\0\0") == 1.0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"N",
        b"i",
        b"[i\1]",
        b"[#i\1i\1",
        b"[$S#" + LENGTH_3,
        b"[$l#" + LENGTH_3 + b"abc",
        b"S" + LENGTH_3 + b"ab",
        b"S" + LENGTH_3 + b"\xff\xff\xff",
        b"SL\xff\xff\xff\xff\xff\xff\xff\xff",
        b"{" + LENGTH_3 + b"abcT" + LENGTH_3 + b"abcT}",
        b"TT",
    ],
)
def test_what_xgboost_does_not_write_is_refused(data):
    with pytest.raises(MalformedUbjson):
        parse(data)


def test_every_prefix_of_a_booster_is_refused():
    payload = bytes(single().predictor.boosters[0].save_raw("ubj"))
    for end in range(0, len(payload), 97):
        with pytest.raises(MalformedBooster):
            check_booster(payload[:end], n_features=6)
