from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from object_server import ObjectServer
from tables import make_frame, write_table

from meta_models.errors import InputError, UsageError
from meta_models.places import ObjectPath, clients, place

HERE = Path(__file__).parent.parent
READ = """
import sys, tempfile
from pathlib import Path
import polars as pl
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import MetaModelsError
from meta_models.places import describe_input, table_path
for address in sys.argv[1:]:
    try:
        with tempfile.TemporaryDirectory() as folder:
            dataset = open_dataset(table_path(address), work_dir=Path(folder))
            rows = sum(frame.height for frame in dataset.iter_frames([pl.col("gene_id")], 100))
            sys.stdout.write(f"{rows} rows, {describe_input(dataset.origins[0]).of}\\n")
    except MetaModelsError as error:
        sys.stdout.write(f"{error}\\n")
"""


def form(address: str) -> str:
    return place(ObjectPath.parse(address)).form()


def test_a_bucket_that_is_not_there_is_told_from_an_empty_prefix(store: ObjectServer) -> None:
    store.buckets["b"] = {"t/x.parquet": b""}
    with pytest.raises(InputError, match="bucket 'nowhere' must exist"):
        form("s3://nowhere/t")
    with pytest.raises(InputError, match=r"s3://b/other must exist\. http://.* has nothing there"):
        form("s3://b/other")


def test_who_may_not_read_is_told(store: ObjectServer) -> None:
    store.buckets["b"], store.key = {"t/x.parquet": b""}, "another"
    with pytest.raises(InputError, match=r"right to read s3://b/t\. .*ACCESS_DENIED.* AWS_ACCESS_KEY_ID"):
        form("s3://b/t")


def test_faults_that_pass_are_passed_over(store: ObjectServer) -> None:
    store.buckets["b"] = {"t/x.parquet": b""}
    store.failing = ["SlowDown", "InternalError"]
    assert form("s3://b/t") == "folder"


def test_faults_that_stay_are_told(store: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    store.failing = ["InternalError"] * 99
    with pytest.raises(InputError, match=r"s3://b/t must be readable.*HTTP status 500"):
        form("s3://b/t")
    assert len(store.requests) == 2


def test_a_server_that_does_not_answer_is_given_up(store: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "SILENCE_SECONDS", 1.0)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store.silent, begin = True, time.monotonic()
    with pytest.raises(InputError, match=r"must be reachable\. http://.* does not answer .*[Tt]ime"):
        form("s3://b/t")
    assert time.monotonic() - begin < 20


def test_a_port_that_nobody_listens_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(InputError, match=r"must be reachable.*Could not connect"):
        form("s3://b/t")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AWS_ENDPOINT_URL", "ftp://x", "AWS_ENDPOINT_URL must be http"),
        ("AWS_ENDPOINT_URL", "http://x/path", "AWS_ENDPOINT_URL must be http"),
        ("AWS_MAX_ATTEMPTS", "many", "must be a number from 1 on"),
    ],
)
def test_variables_that_say_nothing_are_refused(
    name: str, value: str, words: str, store: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=words):
        form("s3://b/t")


def test_googles_store_is_read_and_its_errors_are_told(tmp_path: Path) -> None:
    write_table(tmp_path / "buckets" / "b" / "t", make_frame(), files=2)
    server = [sys.executable, str(HERE / "object_server.py"), str(tmp_path / "buckets")]
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        environ = {**os.environ, "STORAGE_EMULATOR_HOST": serving.stdout.readline().strip()}
        read = [sys.executable, "-c", READ, "gs://b/t", "gs://nowhere/t", "gs://b/other"]
        done = subprocess.run(read, env=environ, capture_output=True, text=True, timeout=60, check=True)
        serving.communicate()
    rows, bucket, prefix = done.stdout.splitlines()
    assert rows == f"{make_frame().height} rows, MD5 and size"
    assert bucket.startswith("The bucket 'nowhere' must exist.")
    assert prefix.startswith("gs://b/other must exist.")
