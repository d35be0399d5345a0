"""Checkpoints: reused only where nothing changed, and with the reason said."""

import errno
import json
import logging
import math
import multiprocessing

import pytest

from meta_models.errors import WriteError
from meta_models.run_folder import UnitHit, UnitMiss, UnitStore

FILES = {"model.ubj": b"\x00booster", "oof.npy": b"\x01" * 500}
PARTS = {"seed": 0, "features": ["a", "b"], "inputs": {"x.parquet": "ab12"}}


@pytest.fixture
def store(tmp_path):
    return UnitStore(tmp_path / "units")


@pytest.fixture
def key(store):
    return store.key(PARTS)


def reason(found) -> str:
    assert isinstance(found, UnitMiss)
    return found.reason


def test_key_depends_on_content_and_not_on_order(store, key):
    assert store.key(dict(reversed(PARTS.items()))) == key
    assert store.key({**PARTS, "seed": 1}).sha256 != key.sha256
    assert store.key({**PARTS, "features": ["b", "a"]}).sha256 != key.sha256
    assert len(key.sha256) == 64
    with pytest.raises(ValueError):
        store.key({"rate": math.nan})


def test_put_and_get(store, key, caplog):
    caplog.set_level(logging.INFO)
    assert reason(store.get("batch_00", key)) == "there is none yet"
    store.put("batch_00", key, FILES, timing={"fit": 1.5, "score": 0.5})
    hit = store.get("batch_00", key)
    assert isinstance(hit, UnitHit)
    assert {name: hit.read(name) for name in hit.hashes} == FILES
    assert store.names() == ("batch_00",)
    assert store.timing("batch_00") == {"fit": 1.5, "score": 0.5}
    assert "Unit batch_00 is computed: there is none yet" in caplog.text
    assert "Unit batch_00 is reused: finished earlier" in caplog.text


def test_other_key_says_what_changed(store, key):
    store.put("b", key, FILES)
    assert reason(store.get("b", store.key({**PARTS, "seed": 1}))) == "changed since: seed"
    more = store.key({"seed": 0, "features": ["a"], "versions": {}})
    assert reason(store.get("b", more)) == "changed since: features, inputs, versions"


@pytest.mark.parametrize("file", [*FILES, "unit.json"])
@pytest.mark.parametrize("bit", [0, 7])
def test_every_flipped_bit_is_found_or_harmless(store, key, file, bit):
    store.put("b", key, FILES)
    path = store.folder / "b" / file
    data = path.read_bytes()
    misses = 0
    for at in range(0, len(data), max(1, len(data) // 150)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        found = store.get("b", key)
        if isinstance(found, UnitHit):
            assert {name: found.read(name) for name in found.hashes} == FILES
        else:
            misses += 1
            assert found.reason
    assert misses >= (len(data[:: max(1, len(data) // 150)]) if file != "unit.json" else 1)


def test_altered_file_is_named(store, key):
    store.put("b", key, FILES)
    (store.folder / "b" / "oof.npy").write_bytes(b"\x01" * 499 + b"\x00")
    assert reason(store.get("b", key)).startswith("its file oof.npy was altered")
    (store.folder / "b" / "oof.npy").unlink()
    assert reason(store.get("b", key)).startswith("its file oof.npy cannot be read")


def test_without_the_commit_mark_there_is_no_unit(store, key):
    store.put("b", key, FILES)
    (store.folder / "b" / "unit.json").unlink()
    assert reason(store.get("b", key)) == "it was started but not finished"
    assert store.names() == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2}', "{\x00", "\udcff"])
def test_damaged_commit_mark(store, key, text):
    store.put("b", key, FILES)
    (store.folder / "b" / "unit.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "unit.json" in reason(store.get("b", key))


def test_commit_mark_may_not_point_outside(store, key, tmp_path):
    store.put("b", key, FILES)
    path = store.folder / "b" / "unit.json"
    commit = json.loads(path.read_text())
    commit["files"]["../../secret"] = "00"
    path.write_text(json.dumps(commit))
    assert "damaged" in reason(store.get("b", key))


def test_a_unit_that_cannot_be_written_leaves_the_earlier_one(store, key, monkeypatch):
    store.put("b", key, FILES)

    def fail(path):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("meta_models.run_folder.units.flush", fail)
    with pytest.raises(WriteError, match="No space"):
        store.put("b", key, {"other": b"1"})
    assert store.get("b", key).hashes.keys() == FILES.keys()
    assert [path.name for path in store.folder.iterdir()] == ["b"]


def put_many(folder, content, start):
    store = UnitStore(folder)
    start.wait()
    for number in range(30):
        store.put("b", store.key(PARTS), {f"{content}-{k}.bin": content.encode() * 1000 for k in range(number % 3 + 1)})


def test_two_writers_of_one_unit_leave_that_of_one_of_them(store, key):
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    writers = [context.Process(target=put_many, args=(store.folder, content, start)) for content in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    hit = store.get("b", key)
    assert isinstance(hit, UnitHit)
    contents = {hit.read(file) for file in hit.hashes}
    assert contents in ({b"x" * 1000}, {b"y" * 1000})
    assert store.names() == ("b",)
    assert [path.name for path in store.folder.iterdir()] == ["b"]


def test_file_changed_between_look_up_and_reading(store, key):
    hit = store.put("b", key, FILES)
    (store.folder / "b" / "oof.npy").write_bytes(b"")
    with pytest.raises(WriteError, match="as it was written"):
        hit.read("oof.npy")


def test_equal_units_are_byte_identical_but_for_the_timing(store, key, tmp_path):
    other = UnitStore(tmp_path / "other")
    store.put("b", key, FILES, timing={"total": 1.0})
    other.put("b", other.key(PARTS), dict(reversed(FILES.items())), timing={"total": 2.0})
    for name in (*FILES, "unit.json"):
        assert (store.folder / "b" / name).read_bytes() == (other.folder / "b" / name).read_bytes()


@pytest.mark.parametrize("text", ["", "[]", '{"a": "b"}'])
def test_damaged_timing_is_no_timing(store, key, text):
    store.put("b", key, FILES, timing={"total": 1.0})
    (store.folder / "b" / "timing.json").write_text(text)
    assert store.timing("b") == {}
    assert isinstance(store.get("b", key), UnitHit)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 200, "a\n"])
def test_names_that_are_refused(store, key, name):
    with pytest.raises(ValueError):
        store.get(name, key)
    with pytest.raises(ValueError):
        store.put("b", key, {name: b""})


def test_remove_and_clear(store, key):
    store.put("a", key, FILES)
    store.put("b", key, FILES)
    store.remove("a")
    assert store.names() == ("b",)
    store.clear()
    store.clear()
    assert not store.folder.exists()


def test_moved_files_make_the_same_unit_as_put_ones(store, key, tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    moved = store.move("fold-1", key, {name: tmp_path / name for name in FILES})
    assert not any((tmp_path / name).exists() for name in FILES)
    found = store.get("fold-1", key)
    assert isinstance(found, UnitHit)
    assert found.hashes == moved.hashes == store.put("fold-2", key, FILES).hashes
    assert all(found.read(name) == data for name, data in FILES.items())


def test_a_file_that_cannot_be_moved_makes_no_unit(store, key, tmp_path):
    with pytest.raises(WriteError, match="must be writable"):
        store.move("fold-1", key, {"absent": tmp_path / "absent"})
    assert isinstance(store.get("fold-1", key), UnitMiss)
