import json
import logging
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb
from fitted_models import FEATURES, MODELS, entries, make, rows, single

from meta_models.errors import UnsafeModelFile
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import EnsembleMetaModel, ModelInfo, SingleModel
from meta_models.persistence import MODEL_FORMAT, _restore_model, archive, dump_model, envelope, load_model

X = rows(100, seed=9)
FIXTURES = Path(__file__).parent / "fixtures"


def stored(model, tmp_path):
    file = tmp_path / "model.pkl"
    file.write_bytes(dump_model(model))
    return file


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_as_it_was(name, tmp_path):
    model = make(name)
    file = stored(model, tmp_path)
    for again in (
        load_model(file),
        pickle.loads(file.read_bytes()),
        _restore_model(envelope.unwrap(file.read_bytes())),
    ):
        assert type(again) is type(model)
        np.testing.assert_array_equal(again.predict_both(X), model.predict_both(X))
        assert again.feature_names == model.feature_names
        assert again.info == model.info
        assert dump_model(again) == file.read_bytes()


def test_members_come_back_in_their_order_with_their_genes(tmp_path):
    model = make("ensemble-stacking")
    again = load_model(stored(model, tmp_path))
    assert isinstance(again, EnsembleMetaModel)
    assert [m.info for m in again.members] == [m.info for m in model.members]
    assert again.combination.kind == "stacking"
    np.testing.assert_array_equal(again.predict_members(X), model.predict_members(X))


def test_bytes_do_not_depend_on_the_process():
    names = ["single-isotonic", "ensemble-weighted"]
    program = (
        "import sys, fitted_models as f, meta_models.persistence as p;"
        "sys.stdout.buffer.write(b''.join(p.dump_model(f.make(name)) for name in sys.argv[1:]))"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", program, *names]
    other = subprocess.run(command, capture_output=True, check=True, env=environment).stdout
    assert other == b"".join(dump_model(make(name)) for name in names)


def test_other_tools_can_look_inside(tmp_path):
    with zipfile.ZipFile(stored(make("single-platt"), tmp_path)) as file:
        assert file.testzip() is None
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert file.namelist() == sorted(file.namelist())
        listing = json.loads(file.read("model.json"))
        payload = file.read("members/000/target_1.ubj")
    assert listing["feature_names"] == list(FEATURES)
    assert listing["format_version"] == MODEL_FORMAT
    booster = xgb.Booster()
    booster.load_model(bytearray(payload))
    assert booster.num_boosted_rounds() == 4


@pytest.mark.parametrize("kind", ["single", "ensemble"])
def test_files_of_format_1_are_read_for_ever(kind):
    golden = json.loads((FIXTURES / "format_1.json").read_text())
    X = np.array(golden["X"], np.float32)
    for model in (
        load_model(FIXTURES / f"format_1_{kind}.pkl"),
        pickle.loads((FIXTURES / f"format_1_{kind}.pkl").read_bytes()),
    ):
        raw, calibrated = model.predict_both(X)
        np.testing.assert_allclose(raw, golden[kind]["raw"], atol=1e-6)
        np.testing.assert_allclose(calibrated, golden[kind]["calibrated"], atol=1e-6)
        assert list(model.info.genes) == golden[kind]["genes"]
        assert model.info.format_version == 1


def test_the_pickle_names_what_it_has_always_named():
    data = dump_model(make("single-none"))
    assert data.startswith(b"\x80\x04\x8c\x17meta_models.persistence\x8c\x0e_restore_model\x93\x8e")
    assert data.endswith(b"\x85R.")


def test_a_foreign_pickle_is_opened_only_on_request(tmp_path, caplog):
    file = tmp_path / "old.pkl"
    file.write_bytes(pickle.dumps(single()))
    with pytest.raises(UnsafeModelFile, match="allow_pickle"):
        load_model(file)
    with caplog.at_level(logging.WARNING, logger="meta_models"):
        again = load_model(file, allow_pickle=True)
    np.testing.assert_array_equal(again.predict_proba(X), single().predict_proba(X))
    assert "can run any code" in caplog.text


@pytest.mark.parametrize("data", [pickle.dumps([1]), b"", b"\x80\x04", b"cabsent\nname\n."])
def test_a_foreign_pickle_that_holds_no_model(data, tmp_path):
    file = tmp_path / "old.pkl"
    file.write_bytes(data)
    with pytest.raises(UnsafeModelFile):
        load_model(file, allow_pickle=True)


def test_our_own_file_is_not_unpickled_even_if_that_is_allowed(tmp_path, monkeypatch):
    file = stored(single(), tmp_path)
    monkeypatch.setattr(pickle, "loads", None)
    np.testing.assert_array_equal(load_model(file, allow_pickle=True).predict_proba(X), single().predict_proba(X))


def deleted_nodes():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(500, 2))
    matrix = xgb.DMatrix(data, data[:, 0] + rng.normal(size=500) > 0)
    settings = {"objective": "binary:logistic", "tree_method": "exact", "gamma": 2.0, "nthread": 1}
    return xgb.train(settings, matrix, 10)


def other_objective():
    return xgb.train({"objective": "reg:squarederror", "nthread": 1}, xgb.DMatrix(np.eye(2), [0, 1]), 1)


@pytest.mark.parametrize(("make_booster", "reason"), [(deleted_nodes, "deleted"), (other_objective, "objective")])
def test_what_could_not_be_read_again_is_not_written(make_booster, reason):
    model = SingleModel(BoosterPredictor([make_booster()] * 3), ["a", "b"], info=ModelInfo(strategy="s", genes=()))
    with pytest.raises(ValueError, match=reason):
        dump_model(model)


@pytest.mark.parametrize("provenance", [{"x": float("nan")}, {"x": "\ud800"}])
def test_provenance_must_be_plain_json(provenance):
    model = SingleModel(single().predictor, FEATURES, info=ModelInfo("s", (), provenance=provenance))
    with pytest.raises(ValueError):
        dump_model(model)


def test_only_fitted_models_are_written():
    with pytest.raises(TypeError, match="dict"):
        dump_model({})


def test_names_of_all_kinds_survive(tmp_path):
    names = ["x[1]<2", "π", "a b", 'quote"', "\n", "../x"]
    model = SingleModel(single().predictor, names, info=ModelInfo("s", ("g,1", "gène")))
    again = load_model(stored(model, tmp_path))
    assert again.feature_names_in_.tolist() == names
    assert again.info.genes == ("g,1", "gène")


def test_a_bit_that_flips_is_noticed_or_changes_nothing(tmp_path):
    """Of a compressed entry some bits may flip and it still says the same: padding, and repeats told in another way."""
    whole = dump_model(make("single-platt"))
    data, file, harmless = bytearray(whole), tmp_path / "model.pkl", 0
    positions = range(0, len(data), 13)
    for position in positions:
        data[position] ^= 16
        file.write_bytes(data)
        try:
            assert dump_model(load_model(file)) == whole
        except UnsafeModelFile:
            pass
        else:
            harmless += 1
        data[position] ^= 16
    assert harmless < len(positions) / 50


def test_a_ratio_that_would_look_like_a_bomb_is_stored():
    """Thousands of trees of one leaf are as compressible as a bomb."""
    data = archive.write({"a.ubj": bytes(2_000_000), "b.ubj": bytes(1000)})
    container = archive.Archive(data, max_bytes=10**7)
    assert container.read("a.ubj") == bytes(2_000_000)
    assert container.entries["a.ubj"].compressed == 2_000_000
    assert container.entries["b.ubj"].compressed < 100


def test_entries_are_what_the_design_says():
    assert sorted(entries(dump_model(make("ensemble-weighted")))) == [
        "combination/weights.npy",
        *(f"members/00{m}/target_{k}.ubj" for m in range(3) for k in range(3)),
        "model.json",
    ]
