"""Every field of the zip structure says one thing only; anything else is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import xgboost as xgb

from meta_models.errors import UnsafeModelFile
from meta_models.learners.xgboost.check import MalformedBooster, check_booster
from meta_models.learners.xgboost.ubjson import MAX_DEPTH, MalformedUbjson, parse
from meta_models.persistence import archive

WHOLE = archive.write({"a.ubj": bytes(range(256)) * 4, "b.npy": bytes(500)})
END = len(WHOLE) - 22


def opened(data: bytes) -> dict[str, bytes]:
    container = archive.Archive(data, max_bytes=10**6)
    return {name: container.read(name) for name in container.entries}


def changed(at: int, code: str, value: int) -> bytes:
    data = bytearray(WHOLE)
    assert struct.unpack_from(code, data, at)[0] != value
    struct.pack_into(code, data, at, value)
    return bytes(data)


def test_what_was_written_is_read() -> None:
    assert opened(WHOLE) == {"a.ubj": bytes(range(256)) * 4, "b.npy": bytes(500)}


@pytest.mark.parametrize(
    ("field", "value"),
    [(0, 0), (0, 2**16 - 1), (4, 1), (6, 1), (8, 1), (8, 3), (10, 1), (10, 3), (10, 0), (20, 1)],
    ids=["low sign", "high sign", "disk", "first", "fewer here", "more here", "fewer", "more", "none", "comment"],
)
def test_the_end_record_says_one_thing(field: int, value: int) -> None:
    with pytest.raises(UnsafeModelFile):
        opened(changed(END + field, "<H", value))


@pytest.mark.parametrize("change", [1, -1, 50, -50])
@pytest.mark.parametrize("field", [12, 16], ids=["size", "offset"])
def test_the_directory_lies_where_it_is_due(field: int, change: int) -> None:
    (value,) = struct.unpack_from("<I", WHOLE, END + field)
    with pytest.raises(UnsafeModelFile):
        opened(changed(END + field, "<I", value + change))


@pytest.mark.parametrize("change", [1, -1])
@pytest.mark.parametrize("entry", [0, 1])
@pytest.mark.parametrize("field", ["compressed", "size", "local"])
def test_sizes_and_places_agree(field: str, entry: int, change: int) -> None:
    """Also where both headers of the entry are changed alike."""
    (directory,) = struct.unpack_from("<I", WHOLE, END + 16)
    central = directory + entry * (46 + 5)
    (local,) = struct.unpack_from("<I", WHOLE, central + 42)
    data = bytearray(WHOLE)
    places = {"compressed": (central + 20, local + 18), "size": (central + 24, local + 22), "local": (central + 42,)}
    for place in places[field]:
        (value,) = struct.unpack_from("<I", data, place)
        struct.pack_into("<I", data, place, max(value + change, 0) or 7)
    with pytest.raises(UnsafeModelFile):
        opened(bytes(data))


@pytest.mark.parametrize("change", [1, -1])
def test_a_stored_entry_has_one_size(change: int) -> None:
    whole = bytearray(archive.write({"a.ubj": bytes(2_000_000)}))  # too compressible to be compressed
    (directory,) = struct.unpack_from("<I", whole, len(whole) - 22 + 16)
    assert struct.unpack_from("<H", whole, directory + 10) == (0,)
    for place in (directory + 24, 22):
        (value,) = struct.unpack_from("<I", whole, place)
        struct.pack_into("<I", whole, place, value + change)
    with pytest.raises(UnsafeModelFile, match="of two sizes"):
        archive.Archive(bytes(whole), max_bytes=10**7).read("a.ubj")


@pytest.mark.parametrize("length", [0, 10, 21, 22, 40, len(WHOLE) - 1])
def test_what_is_cut_off_is_refused(length: int) -> None:
    for data in (WHOLE[:length], WHOLE[-length:] if length else b""):
        with pytest.raises(UnsafeModelFile):
            opened(data)


def test_objects_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    def nested(depth: int) -> bytes:
        return b"{L" + struct.pack(">q", 1) + b"a" + (nested(depth - 1) if depth > 1 else b"Z") + b"}"

    parse(nested(MAX_DEPTH - 1))
    with pytest.raises(MalformedUbjson, match="deeper"):
        parse(nested(MAX_DEPTH))


def test_trees_of_a_single_leaf_are_trees() -> None:
    matrix = xgb.DMatrix(np.ones((20, 2), np.float32), np.arange(20) % 2)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 3}, matrix, 2)
    assert '"num_nodes":"1"' in booster.save_raw("json").decode()
    check_booster(bytes(booster.save_raw("ubj")), n_features=2)


def test_the_limit_is_what_the_entries_hold_together() -> None:
    assert len(archive.Archive(WHOLE, max_bytes=1524).entries) == 2
    with pytest.raises(UnsafeModelFile):
        archive.Archive(WHOLE, max_bytes=1523)


@pytest.mark.parametrize("score", [b"[0E-1]", b"[-5E1]", b"[1E+0]", b"[9E+0]"])
def test_a_base_score_is_a_probability(score: bytes) -> None:
    matrix = xgb.DMatrix(np.arange(40, dtype=np.float32).reshape(20, 2), np.arange(20) % 2)
    booster = xgb.train({"objective": "binary:logistic", "base_score": 0.5}, matrix, 2)
    payload = bytes(booster.save_raw("ubj"))
    assert payload.count(b"[5E-1]") == 1
    check_booster(payload, n_features=2)
    with pytest.raises(MalformedBooster, match="base_score"):
        check_booster(payload.replace(b"[5E-1]", score), n_features=2)
