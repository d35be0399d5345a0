import logging
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from fitted_models import FEATURES, ensemble, make, rows, single

from meta_models.errors import InputError, UnsafeModelFile
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.persistence import dump_model

X = rows(50, seed=1)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "model_multiclass.pkl").write_bytes(dump_model(make("single-platt")))
    return tmp_path


def logged(caplog, path, **options):
    with caplog.at_level(logging.INFO, logger="meta_models.inference"):
        model = load_model_with_ensemble_support(path, **options)
    return model, [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "path"])
def test_a_single_model(run, caplog, kind):
    model, lines = logged(caplog, kind(run / "model_multiclass.pkl"))
    assert lines == ["[EnsembleLoader] Detected standard single model"]
    frame = pl.DataFrame(X, schema=list(FEATURES))
    np.testing.assert_array_equal(model.predict_proba(frame), make("single-platt").predict_proba(X))
    assert model.predict(frame).shape == (50,)
    assert model.classes_.tolist() == [0, 1, 2]


def test_an_ensemble(tmp_path, caplog):
    (tmp_path / "model_multiclass_all_genes.pkl").write_bytes(dump_model(ensemble()))
    model, lines = logged(caplog, tmp_path / "model_multiclass*.pkl")
    assert lines == [
        "[EnsembleLoader] Detected multi-batch ensemble model",
        "[EnsembleLoader] Batch models: 3, total genes: 6, combination method: mean",
    ]
    np.testing.assert_array_equal(model.predict_proba(X), ensemble().predict_proba(X))


def test_verbose_says_more(run, caplog):
    _, lines = logged(caplog, run / "*.pkl", verbose=True)
    assert any("Features: 6, calibration: platt, platt, platt" in line for line in lines)
    assert any("Training genes: 2" in line for line in lines)


def test_verbose_is_heard_where_logging_is_not_set_up(run):
    load = "from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support as load"
    code = f"{load}\nload({str(run / '*.pkl')!r})\nload({str(run / '*.pkl')!r}, verbose=True)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.startswith("[EnsembleLoader] Detected standard single model\n[EnsembleLoader] Features: 6")
    assert done.stderr.count("Detected") == 1


def test_a_pattern_needs_exactly_one_match(run):
    (run / "model_multiclass_all_genes.pkl").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        load_model_with_ensemble_support(run / "model_multiclass*.pkl")
    for name in ("model_multiclass.pkl", "model_multiclass_all_genes.pkl"):
        assert str(run / name) in str(caught.value)
    with pytest.raises(InputError, match="Found none"):
        load_model_with_ensemble_support(run / "absent*.pkl")


def test_a_path_that_exists_is_no_pattern(tmp_path):
    file = tmp_path / "model[1].pkl"
    file.write_bytes(dump_model(single()))
    assert load_model_with_ensemble_support(file).n_features_in_ == 6


@pytest.mark.parametrize("name", ["absent.pkl", "."])
def test_what_is_no_file(run, name):
    with pytest.raises(InputError):
        load_model_with_ensemble_support(run / name)


def test_a_foreign_pickle_is_opened_only_on_request(tmp_path):
    import pickle

    file = tmp_path / "old.pkl"
    file.write_bytes(pickle.dumps(single()))
    with pytest.raises(UnsafeModelFile):
        load_model_with_ensemble_support(file)
    model = load_model_with_ensemble_support(file, allow_pickle=True)
    np.testing.assert_array_equal(model.predict_proba(X), single().predict_proba(X))


@pytest.mark.parametrize("loader", ["meta_models.inference.ensemble_model_loader", "meta_models; meta_models.load"])
def test_importing_the_loader_imports_nothing_heavy(loader):
    program = (
        f"import sys, {loader};"
        "heavy = {'xgboost', 'sklearn', 'matplotlib', 'shap', 'scipy', 'pandas'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False,
                          env={"PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert done.returncode == 0, done.stderr
