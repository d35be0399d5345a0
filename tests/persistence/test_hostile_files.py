"""Nothing in a model file is run, and whatever is wrong with it is said at once."""

import contextlib
import os
import pickle
import socket
import time
import tracemalloc

import pytest
from fitted_models import make
from hostile import CASES

from meta_models.errors import InputError, UnsafeModelFile
from meta_models.persistence import dump_model, load_model

RUNS_CODE = [
    "os.system",
    "os.system, protocol 0",
    "eval",
    "exec",
    "nested reduce",
    "subprocess",
    "numpy runstring",
    "numpy dotted name",
    "our global, dotted",
    "code after our archive",
    "code before our archive",
]
BOMBS = [
    "zip bomb",
    "zip bomb with a lying size",
    "an array of 2^60 values",
    "a billion nulls",
    "deep UBJSON",
    "manifest is deep",
    "a lying UBJSON length",
]


@pytest.fixture
def no_pickle(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the pickle machine was started")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)


@pytest.mark.parametrize("case", CASES)
def test_hostile_files_are_refused_at_once_with_a_reason(case, tmp_path, no_pickle):
    make, reason = CASES[case]
    canary, file = tmp_path / "canary", tmp_path / "model.pkl"
    file.write_bytes(make(canary))
    started = time.perf_counter()
    with pytest.raises(UnsafeModelFile, match=reason) as caught:
        load_model(file)
    assert time.perf_counter() - started < 1
    assert not canary.exists()
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("case", BOMBS)
def test_bombs_take_no_memory(case, tmp_path):
    file = tmp_path / "model.pkl"
    file.write_bytes(CASES[case][0](tmp_path / "canary"))
    tracemalloc.start()
    try:
        with pytest.raises(UnsafeModelFile):
            load_model(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50_000_000


@pytest.mark.parametrize("case", RUNS_CODE)
def test_the_payloads_would_run(case, tmp_path):
    """Otherwise the canary above proves nothing."""
    canary = tmp_path / "canary"
    payload = CASES[case][0](canary)
    with contextlib.suppress(Exception):  # whatever the payload breaks after it ran
        pickle.loads(payload)
    assert canary.exists()


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(UnsafeModelFile, match="a folder"):
        load_model(tmp_path)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_regular_file_is_refused_without_waiting(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pkl"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("model.pkl")
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(InputError):
        load_model(path)


@pytest.mark.parametrize("name", ["absent.pkl", "with\0nul.pkl", "loop.pkl"])
def test_files_that_cannot_be_opened(name, tmp_path):
    (tmp_path / "loop.pkl").symlink_to("loop.pkl")
    with pytest.raises(InputError, match="Check the path"):
        load_model(tmp_path / name)


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    file = tmp_path / "model.pkl"
    with file.open("wb") as handle:
        handle.truncate(2**40)
    with pytest.raises(UnsafeModelFile, match="at most"):
        load_model(file)


def test_the_limit_covers_what_a_file_inflates_to(tmp_path):
    file = tmp_path / "model.pkl"
    file.write_bytes(dump_model(make("single-none")))
    with pytest.raises(UnsafeModelFile, match="limit of"):
        load_model(file, max_bytes=file.stat().st_size)
