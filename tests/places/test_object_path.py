from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from object_server import ObjectServer

from meta_models.places import ObjectPath


def path(address: str) -> ObjectPath:
    return ObjectPath.parse(address)


def test_an_address_is_bucket_and_key() -> None:
    assert path("s3://b/a/t.parquet") == ObjectPath("s3", "b", "a/t.parquet")
    assert path("gs://b/a/") == ObjectPath("gs", "b", "a")
    assert path("s3://b") == ObjectPath("s3", "b", "")
    assert str(path("s3://b/a//t ü%20+.parquet")) == "s3://b/a//t ü%20+.parquet"


@pytest.mark.parametrize("address", ["s3://", "s3:///key", "az://b/k", "s3:/b/k", "table"])
def test_what_names_no_bucket_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="must name a bucket"):
        path(address)


def test_it_has_names_as_paths_have() -> None:
    file = path("s3://b/a/c=1/t.parquet")
    assert (file.name, str(file.parent), file.parts) == ("t.parquet", "s3://b/a/c=1", ("a", "c=1", "t.parquet"))
    assert path("s3://b/a") / "t" == path("s3://b/a/t")
    assert path("s3://b") / "t" == path("s3://b/t")
    assert file.relative_to(path("s3://b/a")) == PurePosixPath("c=1/t.parquet")
    assert path("s3://b").parent == path("s3://b") == path("s3://b/a").parent
    with pytest.raises(ValueError, match="does not lie in"):
        file.relative_to(path("s3://other/a"))


def test_it_sorts_as_paths_do() -> None:
    names = ["a-1/x", "a/x", "a/b/x", "a.parquet"]
    keys = [p.key for p in sorted(path(f"s3://b/{name}") for name in names)]
    assert keys == [str(p) for p in sorted(PurePosixPath(name) for name in names)] != sorted(names)


def test_it_says_what_is_there(store: ObjectServer) -> None:
    store.buckets["b"] = {"a/t.txt": b"one\r\ntwo"}
    assert path("s3://b/a/t.txt").is_file()
    assert path("s3://b/a").is_dir()
    assert not path("s3://b/a").is_file()
    assert not path("s3://b/x").exists()
    assert path("s3://b/a/t.txt").read_bytes() == b"one\r\ntwo"
    assert path("s3://b/a/t.txt").read_text("utf-8") == "one\ntwo"


def test_without_the_right_to_look_there_is_no_folder(store: ObjectServer) -> None:
    store.buckets["b"], store.key = {"a/t.txt": b""}, "another"
    assert not path("s3://b/a").is_dir()
