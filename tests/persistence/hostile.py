"""Model files that must be refused: each function makes one; those that run code write to `canary`."""

from __future__ import annotations

import builtins
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fitted_models import entries, make, rebuilt

from meta_models.persistence import archive, dump_model, envelope

BOOSTER = "members/000/target_1.ubj"
Maker = Callable[[Path], bytes]


class _Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def shell(canary: Path) -> str:
    return f"touch {canary}"


def code(canary: Path) -> str:
    return f"__import__('pathlib').Path({str(canary)!r}).touch()"


def _global(module: str, name: str, *arguments: str, last: bytes = b"") -> bytes:
    """A protocol 4 pickle that calls module.name(*arguments)."""

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    return b"\x80\x04" + text(module) + text(name) + b"\x93(" + b"".join(map(text, arguments)) + last + b"tR."


def _around(call: bytes, data: bytes) -> bytes:
    """A file whose archive is sound but which `call`s something, too."""
    return data[:-1] + b"0" + call[2:]


def _good() -> bytes:
    return dump_model(make("single-platt"))


def _zip(members: list[tuple[str, bytes]], **options) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
        file.comment = options.get("comment", b"")
    return envelope.wrap(buffer.getvalue())


def _patched(old: bytes, new: bytes) -> bytes:
    """The good file's archive with bytes replaced everywhere."""
    data = envelope.unwrap(_good())
    assert old in data
    return envelope.wrap(data.replace(old, new))


def _lying_size(canary: Path) -> bytes:
    raw = zlib.compress(bytes(100_000_000), 1)[2:-4]
    sizes = (0, len(raw), 1000)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, *sizes, 10, 0) + b"model.json"
    central = struct.pack("<4s6H3L5H2L", b"PK\1\2", 788, 20, 0, 8, 0, 33, *sizes, 10, 0, 0, 0, 0, 0, 0) + b"model.json"
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(raw), 0)
    return envelope.wrap(local + raw + central + end)


def _duplicates(canary: Path) -> bytes:
    return envelope.wrap(archive.write({"a.json": b"{}", "b.json": b"[]"}).replace(b"b.json", b"a.json"))


def _overlapping(canary: Path) -> bytes:
    """Two directory entries for the same bytes."""
    data = envelope.unwrap(_good())
    _, _, _, _, count, size, offset, _ = struct.unpack_from("<4s4H2LH", data, len(data) - 22)
    directory = data[offset : offset + size]
    first = directory[: 46 + struct.unpack_from("<H", directory, 28)[0]]
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count + 1, count + 1, size + len(first), offset, 0)
    return envelope.wrap(data[:offset] + directory + first + end)


def _manifest(change: Callable[[dict], object]) -> bytes:
    members = entries(_good())
    listing = json.loads(members["model.json"])
    result = change(listing)
    members["model.json"] = json.dumps(listing if result is None else result).encode()
    return envelope.wrap(archive.write(members))


def _raw_manifest(data: bytes) -> bytes:
    return envelope.wrap(archive.write({**entries(_good()), "model.json": data}))


def _npy(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def _calibrator(data: bytes) -> bytes:
    return rebuilt({"calibration/donor/slope.npy": data})


def _booster(old: bytes, new: bytes) -> bytes:
    payload = entries(_good())[BOOSTER]
    assert old in payload
    return rebuilt({BOOSTER: payload.replace(old, new, 1)})


def _text(key: str, value: str) -> bytes:
    return key.encode() + b"SL" + struct.pack(">q", len(value)) + value.encode()


def _node(array: bytes, value: int, position: int = 0, code: str = ">i") -> bytes:
    """One value of one array of the first tree replaced."""
    return _nodes({array: value}, position, code)


def _nodes(values: dict[bytes, int], position: int = 0, code: str = ">i") -> bytes:
    """One value of each of these arrays of the first tree replaced."""
    payload = bytearray(entries(_good())[BOOSTER])
    for array, value in values.items():
        start = payload.index(array + b"[$") + len(array) + 13
        struct.pack_into(code, payload, start + position * struct.calcsize(code), value)
    return rebuilt({BOOSTER: bytes(payload)})


def _deep_ubjson(canary: Path) -> bytes:
    return rebuilt({BOOSTER: b"[#L" + struct.pack(">q", 1) + (b"[#L" + struct.pack(">q", 1)) * 200_000 + b"Z"})


def _billion_laughs(canary: Path) -> bytes:
    return b"\x80\x04)" + b"2\x86" * 200 + b"Z\x00}(" + b"0."


PICKLE = "another pickle"

#: Name of each case: what makes it, and what the reason must say.
CASES: dict[str, tuple[Maker, str]] = {
    # ---- pickles that run code
    "os.system": (lambda c: pickle.dumps(_Call(os.system, shell(c))), PICKLE),
    "os.system, protocol 0": (lambda c: f"cos\nsystem\n(S'{shell(c)}'\ntR.".encode(), PICKLE),
    "eval": (lambda c: pickle.dumps(_Call(builtins.eval, code(c))), PICKLE),
    "exec": (lambda c: pickle.dumps(_Call(builtins.exec, code(c)), protocol=2), PICKLE),
    "nested reduce": (lambda c: pickle.dumps({"model": [(_Call(list, (_Call(os.system, shell(c)),)),)]}), PICKLE),
    "subprocess": (lambda c: _global("subprocess", "getoutput", shell(c)), PICKLE),
    "numpy runstring": (lambda c: _global("numpy.testing._private.utils", "runstring", code(c), last=b"}"), PICKLE),
    "numpy dotted name": (lambda c: _global("numpy.lib._utils_impl", "os.system", shell(c)), PICKLE),
    "our global, dotted": (lambda c: _global("meta_models.persistence", "model_file.os.system", shell(c)), PICKLE),
    "code after our archive": (lambda c: _around(_global("os", "system", shell(c)), _good()), "other bytes after"),
    "code before our archive": (lambda c: _global("os", "system", shell(c))[:-1] + b"0" + _good()[2:], PICKLE),
    "memo bomb": (lambda c: b"\x80\x04Nr\xff\xff\xff\x7f.", PICKLE),
    "length bomb": (lambda c: b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".", PICKLE),
    "bytearray bomb": (lambda c: b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".", PICKLE),
    "nested tuples as a key": (_billion_laughs, PICKLE),
    "a million lists": (lambda c: b"\x80\x04" + b"]" * 1_000_000 + b".", PICKLE),
    "a harmless foreign pickle": (lambda c: pickle.dumps({"model": 1}), PICKLE),
    # ---- the envelope
    "empty": (lambda c: b"", "empty"),
    "cut off in the prefix": (lambda c: _good()[:20], "cut off after 20"),
    "cut off before the length": (lambda c: envelope.PREFIX, "cut off"),
    "cut off in the archive": (lambda c: _good()[:-100], "cut-off"),
    "one byte more": (lambda c: _good() + b"\0", "other bytes after"),
    "length lies": (
        lambda c: envelope.PREFIX + struct.pack("<Q", 2**63) + _good()[len(envelope.PREFIX) + 8 :],
        "cut-off",
    ),
    "another suffix": (lambda c: _good()[:-1] + b"0", "there"),
    "another protocol": (lambda c: b"\x80\x05" + _good()[2:], PICKLE),
    "a bare archive": (lambda c: envelope.unwrap(_good()), "bare zip"),
    "text": (lambda c: b"gene_id\tposition\n", "starts with"),
    # ---- the archive
    "no archive": (lambda c: envelope.wrap(b"x" * 100), "no end of a zip"),
    "an empty archive": (lambda c: _zip([]), "0 entries"),
    "zip bomb": (lambda c: _zip([("model.json", bytes(100_000_000))]), "inflate to 100000000"),
    "zip bomb with a lying size": (_lying_size, "another size"),
    "duplicate entries": (_duplicates, "twice"),
    "overlapping entries": (_overlapping, "overlap"),
    "a path out of the archive": (lambda c: _patched(b"model.json", b"../../json"), "name"),
    "an absolute path": (lambda c: _patched(b"model.json", b"/etc/.json"), "name"),
    "a name with a NUL": (lambda c: _patched(b"model.json", b"mod\0l.json"), "name"),
    "a comment": (lambda c: _zip([("model.json", b"{}")], comment=b"hello"), "no end of a zip"),
    "bytes between entries": (lambda c: envelope.wrap(b"#!/bin/sh\n" + envelope.unwrap(_good())), "directory"),
    "wrong hash": (lambda c: _manifest(lambda m: m["files"][BOOSTER].update(sha256="0" * 64)), "altered"),
    "an entry too many": (lambda c: rebuilt({"run.json": b"{}"}), "other entries"),
    "an entry too few": (lambda c: rebuilt({BOOSTER: None}), "other entries"),
    "no manifest": (lambda c: envelope.wrap(archive.write({"a.json": b"{}"})), "without model.json"),
    # ---- the manifest
    "manifest is a list": (lambda c: _manifest(lambda m: [m]), "whole"),
    "manifest is no JSON": (lambda c: _raw_manifest(b"\xff\xfe{"), "model.json"),
    "manifest is deep": (lambda c: _raw_manifest(b'{"format":' + b"[" * 400_000), "model.json"),
    "a key of the manifest twice": (lambda c: _raw_manifest(b'{"kind": "single", "kind": "single"}'), "'kind' twice"),
    "unknown key": (lambda c: _manifest(lambda m: m.update(hook="os.system")), "hook"),
    "a number as a text": (lambda c: _manifest(lambda m: m.update(format_version="1")), "format_version"),
    "a newer format": (lambda c: _manifest(lambda m: m.update(format_version=3)), "newer"),
    "another class order": (
        lambda c: _manifest(lambda m: m.update(classes=["donor", "acceptor", "neither"])),
        "classes",
    ),
    "features twice": (lambda c: _manifest(lambda m: m.update(feature_names=["a"] * 6)), "unique"),
    "a feature too many": (lambda c: _manifest(lambda m: m["feature_names"].append("z")), "num_feature must be 7"),
    "members in a single model": (lambda c: _manifest(lambda m: m.update(members=[m["info"]])), "single model"),
    "a thousand and one members": (lambda c: _manifest(lambda m: m.update(members=[m["info"]] * 1001)), "members"),
    "a calibrator of our own invention": (
        lambda c: _manifest(lambda m: m.update(calibrators=["eval"] * 3)),
        "calibrators",
    ),
    # ---- the arrays
    "a pickle in an array": (
        lambda c: _calibrator(_npy(np.array([_Call(os.system, shell(c))], dtype=object), allow_pickle=True)),
        "no plain array",
    ),
    "an array of 2^60 values": (
        lambda c: _calibrator(_npy(np.zeros(1)).replace(b"(1,), }" + b" " * 18, b"(1152921504606846976,), }")),
        "shape",
    ),
    "an array with code for a header": (
        lambda c: _calibrator(b"\x93NUMPY\x01\x00" + struct.pack("<H", 60) + code(c).encode()[:60].ljust(60)),
        "no plain array",
    ),
    "a vector for a number": (lambda c: _calibrator(_npy(np.zeros(2))), "scalars"),
    "NaN for a number": (lambda c: _calibrator(_npy(np.array(np.nan))), "finite"),
    # ---- the boosters
    "no booster": (lambda c: rebuilt({BOOSTER: b""}), "no sound booster"),
    "a booster cut off": (lambda c: rebuilt({BOOSTER: entries(_good())[BOOSTER][:-50]}), "no sound booster"),
    "a booster in JSON": (lambda c: rebuilt({BOOSTER: b'{"learner": {}}'}), "no sound booster"),
    "bytes after the booster": (lambda c: rebuilt({BOOSTER: entries(_good())[BOOSTER] + b"Z"}), "follow"),
    "deep UBJSON": (_deep_ubjson, "nested deeper"),
    "a lying UBJSON length": (lambda c: rebuilt({BOOSTER: b"{L" + struct.pack(">q", 2**60)}), "length of"),
    "a billion nulls": (
        lambda c: rebuilt({BOOSTER: b"[#L" + struct.pack(">q", 900_000) + b"Z" * 900_000}),
        "more values",
    ),
    "a key twice": (lambda c: _booster(b"feature_types", b"feature_names"), "twice"),
    "child out of range": (lambda c: _node(b"left_children", 10**6), "nodes of their tree"),
    "right child out of range": (lambda c: _node(b"right_children", 2**31 - 1), "nodes of their tree"),
    "negative child": (lambda c: _node(b"left_children", -5), "after their parent"),
    "a cycle": (lambda c: _node(b"left_children", 0), "after their parent"),
    "a child of two parents": (lambda c: _node(b"left_children", 2), "child once"),
    "children exchanged": (
        lambda c: _nodes({b"left_children": 2, b"right_children": 1}),
        "next to the left",
    ),
    "one child only": (lambda c: _node(b"left_children", -1), "two children or none"),
    "another parent": (lambda c: _node(b"parents", 5, 1), "agree"),
    "feature out of range": (lambda c: _node(b"split_indices", 6), "below 6"),
    "negative feature": (lambda c: _node(b"split_indices", -1), "below 6"),
    "an infinite threshold": (lambda c: _node(b"split_conditions", float("inf"), 0, ">f"), "finite"),
    "NaN in a leaf": (lambda c: _node(b"base_weights", float("nan"), 0, ">f"), "finite"),
    "a categorical split": (lambda c: _node(b"split_type", 1, 0, ">b"), "categorical"),
    "another objective": (lambda c: _booster(b"binary:logistic", b"binary:logitraw"), "objective"),
    "another booster": (lambda c: _booster(b"gbtree", b"gbline"), "gradient_booster|booster of trees|model"),
    "a billion classes": (lambda c: _booster(_text("num_class", "0"), _text("num_class", "9" * 9)), "num_class"),
    "a base score beyond 1": (lambda c: _booster(b"E-1]", b"E-0]"), "base_score"),
}
