"""``meta-models verify-model``: what a file is, or why it is refused; a crash is a refusal."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
from dataclasses import replace

import numpy as np
import pytest
import xgboost as xgb
from fitted_models import FEATURES, ensemble, rebuilt, rows, single

from meta_models.cli import main
from meta_models.errors import InputError, UnsafeModelFile
from meta_models.inference import verify
from meta_models.inference.verify import verify_model
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import EnsembleMetaModel, SingleModel
from meta_models.persistence import dump_model

ways = pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(dump_model(ensemble("mean", "platt")))
    return path


@ways
def test_facts_of_a_sound_file(file, isolated):
    facts = verify_model(file, isolated=isolated)
    assert (facts.kind, facts.members, facts.combination, facts.trees) == ("ensemble", 3, "mean", 3 * 3 * 4)
    assert tuple(facts.features) == FEATURES
    assert tuple(facts.genes) == ensemble("mean", "platt").info.genes
    assert tuple(facts.calibration) == ("platt",) * 3
    assert facts.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "members/002/target_1.ubj" in facts.entries
    assert facts.isolated is isolated


def test_of_a_combination_without_calibrators_those_of_its_members_are_told(tmp_path):
    genes = tuple(sorted({*single(0).info.genes, *single(1).info.genes}))
    info = replace(single().info, genes=genes)
    whole = EnsembleMetaModel([single(0, "platt"), single(1, "isotonic")], info=info)
    path = tmp_path / "model.pkl"
    path.write_bytes(dump_model(whole))
    facts = verify_model(path)
    assert tuple(facts.calibration) == ("platt of members", "isotonic of members")
    assert any("calibration: platt of members, isotonic of members" in line for line in facts.lines())


@pytest.mark.parametrize("flags", [[], ["--isolated"]], ids=["here", "isolated"])
def test_the_command_says_what_the_file_is(file, flags, capsys):
    assert main(["verify-model", str(file.parent / "*.pkl"), *flags]) == 0
    shown = capsys.readouterr().out
    for words in (
        "Sound model file",
        "Members: 3 (xgboost), combined by mean",
        "Features: 6",
        "6 genes",
        "members/000",
    ):
        assert words in shown


class RunsCode:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


HOSTILE = {
    "pickle": lambda canary: pickle.dumps(RunsCode(canary)),
    "cut off": lambda canary: dump_model(single())[:-100],
    "no booster": lambda canary: rebuilt({"members/000/target_1.ubj": b"{" * 100_000}),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("flags", [[], ["--isolated"]], ids=["here", "isolated"])
def test_the_command_refuses_with_the_reason_and_exit_code_3(tmp_path, case, flags, capsys):
    canary, path = tmp_path / "canary", tmp_path / "model.pkl"
    path.write_bytes(HOSTILE[case](canary))
    assert main(["verify-model", str(path), *flags]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(path) in captured.err
    assert not canary.exists()


@ways
def test_no_file_is_no_unsafe_file(tmp_path, isolated):
    with pytest.raises(InputError, match="readable model file") as caught:
        verify_model(tmp_path / "absent.pkl", isolated=isolated)
    assert not isinstance(caught.value, UnsafeModelFile)


@ways
def test_an_altered_file_is_refused(tmp_path, isolated):
    path = tmp_path / "model.pkl"
    path.write_bytes(rebuilt({"calibration/donor/slope.npy": b"no array"}))
    with pytest.raises(UnsafeModelFile, match=r"slope"):
        verify_model(path, isolated=isolated)


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os; os.abort()", "SIGABRT"),
        ("raise SystemExit(7)", "code 7"),
        ("print('no answer')", "code 0"),
        ("import time; time.sleep(60)", "did not end within"),
    ],
)
def test_a_child_that_dies_is_a_refusal(file, monkeypatch, tmp_path, child, reason):
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec {verify.sys.executable} -c "{child}"\n')
    script.chmod(0o700)
    monkeypatch.setattr(verify.sys, "executable", str(script))
    monkeypatch.setattr(verify, "_WALL_SECONDS", 5)
    with pytest.raises(UnsafeModelFile, match=reason):
        verify_model(file, isolated=True)


def in_a_fork(action):
    """Wait status of a child that limits itself and does `action`."""
    child = os.fork()
    if child == 0:
        try:
            verify._limit_this_process()
            action()
        except MemoryError:
            os._exit(71)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


def test_the_limits_hold(monkeypatch):
    monkeypatch.setattr(verify, "CPU_SECONDS", 1)

    def spin():
        while True:
            pass

    assert os.WTERMSIG(in_a_fork(spin)) == signal.SIGXCPU
    assert os.waitstatus_to_exitcode(in_a_fork(lambda: bytearray(50_000_000_000))) == 71


def test_trees_are_counted_not_rounds(tmp_path):
    X, trained = rows(), single()
    options = {"objective": "binary:logistic", "num_parallel_tree": 3, "nthread": 1, "max_depth": 2}
    matrix = xgb.DMatrix(np.nan_to_num(X, nan=-1e30), X[:, 0] > 0.5)
    model = SingleModel(BoosterPredictor([xgb.train(options, matrix, 2)] * 3), FEATURES, info=trained.info)
    (tmp_path / "model.pkl").write_bytes(dump_model(model))
    assert verify_model(tmp_path / "model.pkl").trees == 3 * 3 * 2


def test_a_single_model_has_no_combination(tmp_path):
    path = tmp_path / "single.pkl"
    path.write_bytes(dump_model(single()))
    facts = verify_model(path)
    assert (facts.kind, facts.combination, facts.members) == ("single model", None, 1)
    assert any("Members: 1 (xgboost), 12 trees" in line for line in facts.lines())
