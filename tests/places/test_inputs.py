from __future__ import annotations

import json
from pathlib import Path

import pytest
from object_server import ObjectServer

from meta_models.errors import InputError
from meta_models.places import describe_input, require_inputs, table_path
from meta_models.run_folder import InputRecord


def test_a_file_is_described_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    record = describe_input(tmp_path / "a", "a")
    assert (record.path, record.bytes, record.sha256[:8], record.of) == ("a", 3, "ba7816bf", "content")


def test_what_is_hashed_is_written_where_it_is_not_the_content() -> None:
    record = InputRecord(path="a", bytes=3, sha256="b")
    assert json.loads(record.model_dump_json()) == {"path": "a", "bytes": 3, "sha256": "b"}
    assert record.model_copy(update={"of": "ETag and size"}).model_dump()["of"] == "ETag and size"


def test_a_table_may_move_between_disk_and_store_if_its_content_was_hashed(tmp_path: Path, store: ObjectServer) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    store.buckets["b"] = {"a": b"abc", "other": b"abd"}
    of_file = describe_input(tmp_path / "a")
    require_inputs([table_path("s3://b/a")], [of_file], "t")
    for paths in ([table_path("s3://b/other")], [], [tmp_path / "a", tmp_path / "a"]):
        with pytest.raises(InputError, match="must be the one that the run was trained on"):
            require_inputs(paths, [of_file], "t")
    of_object = describe_input(table_path("s3://b/a"))
    require_inputs([table_path("s3://b/a")], [of_object], "t")
    with pytest.raises(InputError, match="must have the ETag and size"):
        require_inputs([tmp_path / "a"], [of_object], "t")
