"""The limits of a model file: at each of them a file is written and read, one step beyond it is refused."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitted_models import FEATURES, entries, make, rebuilt, single
from hostile import BOOSTER
from ubj_writer import length, written

from meta_models.errors import UnsafeModelFile
from meta_models.learners.xgboost import ubjson
from meta_models.learners.xgboost.ubjson import MalformedUbjson, parse
from meta_models.model import EnsembleMetaModel, ModelInfo, PlattCalibrator, SingleModel
from meta_models.model.calibrators import BlendCalibrator
from meta_models.persistence import archive, codec, dump_model, envelope, load_model, manifest
from meta_models.persistence.arrays import from_npy, to_npy
from meta_models.persistence.model_file import open_model_file

# ---- UBJSON


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"i\xfe", -2),
        (b"U\xfe", 254),
        (b"I\xff\xfe", -2),
        (b"l\xff\xff\xff\xfe", -2),
        (b"L\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
        (b"d\x3f\xc0\0\0", 1.5),
        (b"D\x3f\xf8\0\0\0\0\0\0", 1.5),
    ],
)
def test_scalars(data: bytes, value: float) -> None:
    assert parse(data) == value
    with pytest.raises(MalformedUbjson, match="cut off"):
        parse(data[:-1])
    with pytest.raises(MalformedUbjson, match="1 bytes follow"):
        parse(data + b"Z")


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "i4", "i8", "f4", "f8"])
def test_typed_arrays(dtype: str) -> None:
    values = np.array([0, 1, 2, 100], dtype)
    found = parse(written(values))
    assert isinstance(found, np.ndarray)
    assert found.dtype.kind == values.dtype.kind
    assert found.dtype.itemsize == values.dtype.itemsize
    np.testing.assert_array_equal(found, values)
    assert isinstance(parse(written(values[:0])), np.ndarray)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"N", "unknown marker b'N' at byte 0"),
        (b"[$Z#" + length(1) + b"Z", "unknown type of array before byte 4"),
        (b"[$i" + length(1) + b"\0", "without length at byte 4"),
        (b"[Z]", "without length at byte 2"),
        (b"[#i\1Z", "a length was due at byte 2"),
        (b"[#" + length(-1), "a length of -1 at byte 11 of 11"),
        (b"[#" + length(2) + b"Z", "a length of 2 at byte 11 of 12"),
        (b"S" + length(1) + b"\xff", "not UTF-8 before byte 11"),
        (b"{" + length(1) + b"aZ", "a length was due|cut off"),
        (b"{" + length(1) + b"aZ" + length(1) + b"aZ}", "key 'a' stands twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedUbjson, match=reason):
        parse(data)


def test_an_array_may_reach_the_end_and_hold_nothing() -> None:
    assert parse(b"[#" + length(1) + b"Z") == [None]
    assert parse(b"[#" + length(0)) == []
    assert parse(b"S" + length(0)) == ""
    assert parse(b"{}") == {}


@pytest.mark.parametrize("beyond", [0, 1])
def test_as_many_values_as_the_bytes_can_mean(monkeypatch: pytest.MonkeyPatch, beyond: int) -> None:
    """An array of n nulls of a byte each: n + 1 values in n + 11 bytes."""
    monkeypatch.setattr(ubjson, "FREE_VALUES", 10)
    count = 10
    while count + 1 < (count + 11) // ubjson.BYTES_PER_VALUE + 10:
        count += 1
    count += beyond
    data = b"[#" + length(count) + b"Z" * count
    if beyond:
        with pytest.raises(MalformedUbjson, match="more values"):
            parse(data)
    else:
        assert parse(data) == [None] * count


# ---- the archive


def test_entries_and_bytes_have_their_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    monkeypatch.setattr(archive, "MAX_BYTES", 30)
    three = {f"{name}.json": bytes(10) for name in "abc"}
    container = archive.Archive(archive.write(three), max_bytes=30)
    assert {name: container.read(name) for name in container.entries} == three
    with pytest.raises(ValueError, match="31 in 3 entries"):
        archive.write({**three, "c.json": bytes(11)})
    with pytest.raises(ValueError, match="30 in 4 entries"):
        archive.write({**three, "c.json": bytes(5), "d.json": bytes(5)})
    data = archive.write(three)
    monkeypatch.setattr(archive, "MAX_ENTRIES", 2)
    with pytest.raises(UnsafeModelFile, match="a directory of 3 entries"):
        archive.Archive(data, max_bytes=30)


@pytest.mark.parametrize(
    ("compressed", "size", "bomb"),
    [(1, 1_000_000, False), (20_000, 1_000_000, False), (20_001, 1_000_001, False), (20_000, 1_000_001, True)],
)
def test_what_looks_like_a_bomb(compressed: int, size: int, *, bomb: bool) -> None:
    assert archive._suspicious(compressed, size) is bomb


@pytest.mark.parametrize("name", ["a.json", "a/b_1/c.npy", "0.ubj"])
def test_names_that_an_entry_may_have(name: str) -> None:
    assert list(archive.Archive(archive.write({name: b"x"}), max_bytes=1).entries) == [name]


@pytest.mark.parametrize(
    "name", ["A.json", "a.pkl", "/a.json", "a//b.json", "a/.json", "a b.json", "a.json.json", ".json"]
)
def test_names_that_it_may_not_have(name: str) -> None:
    with pytest.raises(UnsafeModelFile, match="an entry with the name"):
        archive.Archive(archive.write({name: b"x"}), max_bytes=1)


@pytest.mark.parametrize(
    ("at", "code", "value", "reason"),
    [
        (8, "<H", 1, "flags"),  # encrypted
        (10, "<H", 12, "unknown compression"),
        (30, "<H", 1, "flags|name|fit|cut off|bytes between"),  # an extra field
        (32, "<H", 1, "flags|name|fit|cut off|bytes between"),  # a comment
        (34, "<H", 1, "flags"),  # another disk
        (16, "<I", 7, "two headers differ"),  # checksum
        (12, "<H", 7, "two headers differ"),  # time
        (14, "<H", 7, "two headers differ"),  # date
    ],
)
def test_fields_of_the_directory(at: int, code: str, value: int, reason: str) -> None:
    whole = bytearray(archive.write({"a.ubj": b"not packed"}))
    (directory,) = struct.unpack_from("<I", whole, len(whole) - 6)
    assert struct.unpack_from(code, whole, directory + at)[0] != value
    struct.pack_into(code, whole, directory + at, value)
    with pytest.raises(UnsafeModelFile, match=reason):
        archive.Archive(bytes(whole), max_bytes=100)


@pytest.mark.parametrize("at", [4, 36, 38])
def test_the_directory_is_compared_as_a_whole(at: int) -> None:
    """Versions and attributes say nothing about the entries, and are looked at all the same."""
    whole = bytearray(archive.write({"a.ubj": b"not packed", "b.ubj": b"nor this"}))
    (directory,) = struct.unpack_from("<I", whole, len(whole) - 6)
    archive.Archive(bytes(whole), max_bytes=100).check_directory()
    whole[directory + at] ^= 1
    with pytest.raises(UnsafeModelFile, match="a directory with other versions"):
        archive.Archive(bytes(whole), max_bytes=100).check_directory()


def test_what_inflates_to_less_or_more_is_refused() -> None:
    data = bytes(range(50)) * 20
    whole = archive.write({"a.ubj": data})
    container = archive.Archive(whole, max_bytes=10_000)
    assert container.read("a.ubj") == data
    assert container.entries["a.ubj"].compressed < len(data)
    for size in (len(data) - 1, len(data) + 1):
        changed = bytearray(whole)
        (directory,) = struct.unpack_from("<I", whole, len(whole) - 6)
        for place in (22, directory + 24):
            struct.pack_into("<I", changed, place, size)
        with pytest.raises(UnsafeModelFile, match=f"another size than {size}|wrong size"):
            archive.Archive(bytes(changed), max_bytes=10_000).read("a.ubj")
    changed = bytearray(whole)
    for place in (14, directory + 16):
        struct.pack_into("<I", changed, place, zlib.crc32(data) ^ 1)
    with pytest.raises(UnsafeModelFile, match="wrong size or checksum"):
        archive.Archive(bytes(changed), max_bytes=10_000).read("a.ubj")


# ---- arrays


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 2), (2, 0), (2, 3, 4)])
def test_arrays_of_every_shape_come_back(shape: tuple[int, ...]) -> None:
    array = np.arange(float(np.prod(shape))).reshape(shape)
    again = from_npy(to_npy(array), "x")
    assert again.shape == shape
    assert again.dtype == np.float64
    np.testing.assert_array_equal(again, array)
    again[...] = 1.0  # a copy of its own, not the bytes of the file


@pytest.mark.parametrize("change", [b"", b"\0" * 7, b"\0" * 8])
def test_an_array_has_the_bytes_of_its_shape(change: bytes) -> None:
    data = to_npy(np.zeros(2))
    with pytest.raises(UnsafeModelFile, match="does not fit its"):
        from_npy(data + change if change else data[:-8], "x")


@pytest.mark.parametrize(
    "array", [np.zeros(2, np.float32), np.zeros(2, ">f8"), np.zeros((2, 2), order="F"), np.zeros(2, int)]
)
def test_arrays_of_other_types_are_refused(array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    with pytest.raises(UnsafeModelFile, match="no plain array"):
        from_npy(buffer.getvalue(), "x")


# ---- the envelope


@pytest.mark.parametrize(
    ("data", "words", "pickle_named"),
    [
        (b"", "an empty file", False),
        (envelope.PREFIX[:5], "cut off after 5 bytes", True),
        (b"\x80\x04N.", "another pickle", True),
        (b"I1\n.", "another pickle", True),
        (b"PK\3\4xxx", "a bare zip archive", False),
        (b"\1\2text", "a file that starts with 01 02 74 65", False),
    ],
)
def test_what_stands_there_instead_is_said(data: bytes, words: str, *, pickle_named: bool) -> None:
    with pytest.raises(UnsafeModelFile, match=words) as caught:
        envelope.unwrap(data)
    assert ("allow_pickle" in str(caught.value)) is pickle_named


def test_a_length_is_that_of_the_archive() -> None:
    whole = envelope.wrap(b"archive")
    assert envelope.unwrap(whole) == b"archive"
    assert envelope.unwrap(envelope.wrap(b"")) == b""
    for data, words in (
        (whole[:-1], "a cut-off file: 7 bytes declared, 6 there"),
        (whole + b".", "other bytes after the model: 7 bytes declared, 8 there"),
        (whole[:-1] + b"x", "other bytes after the model: 7 bytes declared, 7 there"),
        (envelope.PREFIX + b"\0" * 10, f"a file cut off after {len(envelope.PREFIX) + 10} bytes"),
    ):
        with pytest.raises(UnsafeModelFile, match=words):
            envelope.unwrap(data)


# ---- model.json


def opened(data: bytes) -> EnsembleMetaModel | SingleModel:
    return codec.decode(envelope.unwrap(data), max_bytes=10**8)  # type: ignore[return-value]


def listing(model: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(entries(dump_model(make(model)))["model.json"])
    return found


MEAN = {"kind": "mean", "members": [0, 1, 2]}


def turned_round(known: dict[str, Any]) -> None:
    """An ensemble that would hold itself by way of another."""
    inner, outer = known["groups"]
    inner["combination"]["members"], outer["combination"]["members"] = [2, 3, 4, 6], [1]
    known["combination"]["members"] = [0, 5]


Listing = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("model", "change", "reason"),
    [
        ("single-platt", lambda m: m.update(kind="ensemble"), "a combination"),
        ("single-platt", lambda m: m.update(combination=MEAN), "a single model has neither"),
        ("ensemble-mean", lambda m: m.update(members=[]), "a combination"),
        ("ensemble-mean", lambda m: m.update(combination=None), "a combination"),
        ("ensemble-mean", lambda m: m.update(kind="single"), "a single model has neither"),
        ("ensemble-mean", lambda m: m.update(combination={**MEAN, "kind": "weighted"}), "other entries"),
        ("ensemble-mean", lambda m: m.update(combination="voting"), "records in later ones"),
        ("ensemble-mean", lambda m: m.update(combination={**MEAN, "kind": "median"}), "combination"),
        ("ensemble-mean", lambda m: m.update(combination={**MEAN, "members": [0, 1]}), "a member of one ensemble"),
        ("ensemble-mean", lambda m: m.update(combination={**MEAN, "members": [0, 1, 1]}), "a member of one ensemble"),
        ("ensemble-mean", lambda m: m.update(combination={**MEAN, "members": [0, 1, 3]}), "a member of one ensemble"),
        ("nested", lambda m: m["groups"][0]["combination"].update(members=[2, 3, 5]), "a member of one ensemble"),
        ("nested", turned_round, "smaller numbers only"),
        ("single-platt", lambda m: m.update(groups=listing("nested")["groups"]), "a single model holds no ensembles"),
        ("ensemble-mean", lambda m: m.update(member_calibrators=[["platt"] * 3] * 2), "each member needs"),
        ("ensemble-mean", lambda m: m.update(member_calibrators=[["identity"] * 2] * 3), "member_calibrators"),
        ("single-platt", lambda m: m.update(calibrators=["platt"] * 2), "calibrators"),
        ("single-platt", lambda m: m.update(calibrators=["platt"] * 4), "calibrators"),
        ("single-platt", lambda m: m.update(feature_names=[]), "feature_names"),
        ("single-platt", lambda m: m.update(format_version=0), "format_version"),
        ("single-platt", lambda m: m.update(format="other"), "format"),
        ("single-platt", lambda m: m["info"].update(strategy="x" * 10_001), "strategy"),
        ("single-platt", lambda m: m["info"].update(hook=1), "hook"),
        ("single-platt", lambda m: m["info"].pop("genes"), "genes"),
    ],
)
def test_a_manifest_that_contradicts_itself(model: str, change: Listing, reason: str) -> None:
    known = listing(model)
    change(known)
    known.pop("files")
    data = rebuilt({}, model=model, manifest=known)
    if "combination" not in known or known["combination"] is None:
        members = json.loads(entries_of(data)["model.json"])
        members.update(known)
        data = with_manifest(data, members)
    with pytest.raises(UnsafeModelFile, match=reason):
        opened(data)


def entries_of(data: bytes) -> dict[str, bytes]:
    container = archive.Archive(envelope.unwrap(data), max_bytes=10**8)
    return {name: container.read(name) for name in container.entries}


def with_manifest(data: bytes, known: dict[str, Any]) -> bytes:
    return envelope.wrap(archive.write({**entries_of(data), "model.json": json.dumps(known).encode()}))


@pytest.mark.parametrize("digit", ["g", "A", ""])
def test_a_hash_is_64_small_hexadecimal_digits(digit: str) -> None:
    data = dump_model(make("single-platt"))
    known = json.loads(entries_of(data)["model.json"])
    for record in known["files"].values():
        record["sha256"] = record["sha256"][:-1] + digit
    with pytest.raises(UnsafeModelFile, match="sha256"):
        opened(with_manifest(data, known))


@pytest.mark.parametrize("change", [1, -1])
def test_sizes_in_the_manifest_are_looked_at(change: int) -> None:
    data = dump_model(make("single-platt"))
    known = json.loads(entries_of(data)["model.json"])
    next(iter(known["files"].values()))["size"] += change
    with pytest.raises(UnsafeModelFile, match="that was altered"):
        opened(with_manifest(data, known))


def test_a_manifest_that_lists_a_file_too_many_or_too_few() -> None:
    data = dump_model(make("single-platt"))
    known = json.loads(entries_of(data)["model.json"])
    name, record = next(iter(known["files"].items()))
    more = {**known, "files": {**known["files"], "run.json": record}}
    fewer = {**known, "files": {n: r for n, r in known["files"].items() if n != name}}
    for changed, odd in ((more, "run.json"), (fewer, None)):
        with pytest.raises(UnsafeModelFile, match="other entries than") as caught:
            opened(with_manifest(data, changed))
        assert odd is None or f"calls for: {odd}." in str(caught.value)
    with pytest.raises(UnsafeModelFile, match=f"calls for: {BOOSTER}[.]"):
        opened(rebuilt({BOOSTER: None}))
    with pytest.raises(UnsafeModelFile, match=f"calls for: {BOOSTER}[.]"):  # which the manifest lists all the same
        opened(envelope.wrap(archive.write({n: b for n, b in entries_of(data).items() if n != BOOSTER})))


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"format": 1}', b"\xff", b""])
def test_what_is_no_manifest(data: bytes) -> None:
    with pytest.raises(UnsafeModelFile, match="that is not as it should be"):
        manifest.parse_manifest(data, newest=1)


def test_a_newer_format_is_named_as_such() -> None:
    data = json.dumps({"format": manifest.FORMAT, "format_version": 8, "unknown": 1}).encode()
    with pytest.raises(UnsafeModelFile, match="model format 8, newer than 7: a newer meta_models is needed"):
        manifest.parse_manifest(data, newest=7)
    with pytest.raises(UnsafeModelFile, match="not as it should be"):  # of a version that it could know
        manifest.parse_manifest(data, newest=8)


# ---- models


def calibrated_members() -> EnsembleMetaModel:
    """Each member with calibrators of its own kind, one of them with none of its own columns."""
    blend = [BlendCalibrator(0.5, 0.25, np.array([1.0, 0.5]), (0, 5)), PlattCalibrator(1.0, 0.1)]
    kinds = (
        [*blend, BlendCalibrator(1.0, 0.0, np.empty(0), ())],
        [PlattCalibrator(0.5 + k, 0.1 * k) for k in range(3)],
    )
    members = [
        SingleModel(single(k).predictor, FEATURES, info=single(k).info, calibrators=kind)
        for k, kind in enumerate(kinds)
    ]
    genes = tuple(sorted(gene for member in members for gene in member.info.genes))
    return EnsembleMetaModel(members, info=ModelInfo("batch_ensemble", genes))


def test_calibrators_of_members_come_back() -> None:
    model = calibrated_members()
    again = opened(dump_model(model))
    X = np.random.default_rng(1).random((50, len(FEATURES))).astype(np.float32)
    np.testing.assert_array_equal(again.predict_both(X), model.predict_both(X))
    assert isinstance(again, EnsembleMetaModel)
    for one, other in zip(again.members, model.members, strict=True):
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert dump_model(again) == dump_model(model)
    names = entries(dump_model(model))
    assert "calibration/member_000/neither/columns.npy" in names
    assert "calibration/member_001/acceptor/slope.npy" in names
    assert "calibration/neither/slope.npy" not in names


@pytest.mark.parametrize("column", [6.0, 1e9, 0.5, -1.0, np.nan])
def test_a_blend_reads_features_of_the_model_only(column: float) -> None:
    blend = BlendCalibrator(0.5, 0.25, np.array([1.0]), (5,))
    model = SingleModel(single().predictor, FEATURES, info=single().info, calibrators=[blend] * 3)
    data = dump_model(model)
    opened(data)
    name = "calibration/donor/columns.npy"
    known = json.loads(entries_of(data)["model.json"])
    changed = {**entries_of(data), name: to_npy(np.array([column]))}
    known["files"][name] = codec._record(changed[name])
    changed["model.json"] = json.dumps(known).encode()
    with pytest.raises(UnsafeModelFile, match="does not fit together"):
        opened(envelope.wrap(archive.write(changed)))


def test_members_have_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (codec, manifest):
        monkeypatch.setattr(module, "MAX_MEMBERS", 3)
    opened(dump_model(make("ensemble-mean")))
    monkeypatch.setattr(codec, "MAX_MEMBERS", 2)
    with pytest.raises(ValueError, match="at most 2 members can be stored"):
        dump_model(make("ensemble-mean"))


def test_models_of_other_classes_are_not_stored() -> None:
    info = ModelInfo("single_model", (), classes=("a", "b", "c"))
    model = SingleModel(single().predictor, FEATURES, info=info)
    with pytest.raises(ValueError, match="only models of the classes"):
        dump_model(model)


# ---- files


def test_a_file_may_be_as_large_as_the_limit(tmp_path: Path) -> None:
    data = dump_model(make("single-platt"))
    file = tmp_path / "model.pkl"
    file.write_bytes(data)
    inflated = sum(map(len, entries(data).values()))
    largest = max(len(data), inflated)
    load_model(file, max_bytes=largest)
    with pytest.raises(UnsafeModelFile):
        load_model(file, max_bytes=largest - 1)
    with pytest.raises(UnsafeModelFile, match=f"has at most {len(data) - 1} bytes"):
        load_model(file, max_bytes=len(data) - 1)


def test_what_a_file_consists_of(tmp_path: Path) -> None:
    data = dump_model(make("single-platt"))
    (tmp_path / "model.pkl").write_bytes(data)
    found = open_model_file(tmp_path / "model.pkl")
    assert found.size == len(data)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.entries == {name: hashlib.sha256(value).hexdigest() for name, value in entries(data).items()}
    assert list(found.entries) == sorted(found.entries)


def test_members_with_features_of_their_own_are_stored_by_their_numbers() -> None:
    other = SingleModel(single(1).predictor, ("more", *FEATURES[:-1]), info=single(1).info)
    model = EnsembleMetaModel([single(), other], info=ModelInfo("batch_ensemble", ("g0a",)))
    data = dump_model(model)
    parts = json.loads(entries(data)["model.json"])["parts"]
    assert [part.get("columns") for part in parts] == [[0, 1, 2, 3, 4, 5], [6, 0, 1, 2, 3, 4]]
    again = codec.decode(envelope.unwrap(data), max_bytes=2**30)
    assert [member.feature_names for member in again.singles] == [FEATURES, other.feature_names]
    assert dump_model(again) == data
    wrong = [{**parts[0], "columns": [0, 1, 2, 3, 4, 7]}, parts[1]]
    changed = json.loads(entries(data)["model.json"]) | {"parts": wrong}
    with pytest.raises(UnsafeModelFile, match="reads columns that are not there"):
        manifest.parse_manifest(json.dumps(changed).encode(), newest=2)


def test_an_ensemble_in_another_may_have_features_that_no_member_reads() -> None:
    inner = EnsembleMetaModel([single()], info=single().info, feature_names=("more", *FEATURES))
    outer = EnsembleMetaModel([inner, inner], info=single().info)
    again = codec.decode(envelope.unwrap(dump_model(outer)), max_bytes=2**30)
    assert again.members[0].feature_names == ("more", *FEATURES)
