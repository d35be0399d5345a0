"""Files that are broken, special or oddly named, from a few made here and from a folder of them where one is named."""

from __future__ import annotations

import base64
import io
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from reading import refusal
from tables import make_frame

CORPUS = "META_MODELS_HOSTILE_PARQUET"
FRAME = make_frame(n_genes=8, rows=15)


def content() -> bytes:
    buffer = io.BytesIO()
    FRAME.write_parquet(buffer)
    return buffer.getvalue()


WHOLE = content()
DAMAGED = {
    **{f"cut to {size} bytes": WHOLE[:size] for size in (0, 1, 4, 8, 12, len(WHOLE) // 2, len(WHOLE) - 1)},
    "zero bytes": bytes(len(WHOLE)),
    "marked as encrypted": b"PARE" + WHOLE[4:-4] + b"PARE",
    "footer longer than the file": WHOLE[:-8] + b"\xff\xff\xff\x7fPAR1",
    "footer of no length": WHOLE[:-8] + b"\0\0\0\0PAR1",
    "bytes before": b"xx" + WHOLE,
    "bytes behind": WHOLE + b"xx",
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_are_named(case: str, tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "good.parquet")
    (tmp_path / "bad.parquet").write_bytes(DAMAGED[case])
    assert "bad.parquet" in refusal(tmp_path)


class _Kms(pe.KmsClient):
    """Wraps keys by writing them down."""

    def __init__(self, _: object) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, _: str) -> bytes:
        return base64.b64encode(key)


@pytest.mark.parametrize("plain_footer", [True, False])
def test_encrypted_files_are_named(tmp_path: Path, plain_footer: bool) -> None:
    settings = pe.EncryptionConfiguration("f", column_keys={"c": ["donor_score"]}, plaintext_footer=plain_footer)
    factory = pe.CryptoFactory(_Kms)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), settings)
    table = FRAME.to_arrow()
    with pq.ParquetWriter(tmp_path / "locked.parquet", table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    text = refusal(tmp_path)
    assert "locked.parquet" in text
    assert "ncrypt" in text


def special(folder: Path, kind: str) -> None:
    path = folder / "odd.parquet"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to nothing":
        path.symlink_to(folder / "nothing.parquet")
    elif kind == "link to itself":
        path.symlink_to(path.name)
    else:
        with socket.socket(socket.AF_UNIX) as held:
            held.bind(str(path))


@pytest.mark.parametrize("kind", ["pipe", "link to nothing", "link to itself", "socket"])
def test_special_files_are_refused_and_never_waited_for(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    FRAME.write_parquet(tmp_path / "good.parquet")
    special(tmp_path, kind)
    assert "odd.parquet" in refusal(tmp_path)


NAMES: dict[str, Callable[[Path], Path]] = {
    "spaces and brackets": lambda folder: folder / "a b [1] * ü.parquet",
    "as in an address": lambda folder: folder / "a%20b?x=1#y.parquet",
    "255 bytes": lambda folder: folder / ("x" * 247 + ".parquet"),
    "a line end": lambda folder: folder / "a\nb.parquet",
    "a folder like a file": lambda folder: folder / "b.parquet" / "a.parquet",
    "a folder like a key": lambda folder: folder / "gene_id=x" / "a.parquet",
}


@pytest.mark.parametrize("case", NAMES)
def test_odd_names_are_read(case: str, tmp_path: Path) -> None:
    path = NAMES[case](tmp_path / "t")
    path.parent.mkdir(parents=True)
    FRAME.write_parquet(path)
    assert refusal(tmp_path / "t") == ""


def test_a_name_that_is_no_text_is_a_name(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff\xfe.parquet", "wb") as file:  # noqa: PTH123 - no Path holds it
        file.write(WHOLE)
    assert refusal(tmp_path) == ""


def test_an_empty_file_beside_others_is_no_loss(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "a.parquet")
    FRAME.clear().write_parquet(tmp_path / "b.parquet")
    assert refusal(tmp_path) == ""


def test_a_description_nested_without_end(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "dataset_info.json").write_text("[" * 100_000)
    assert "dataset_info.json" in refusal(tmp_path)


# A process of its own for each file: a crash of native code is a finding, not the end of the tests.
READ_ALL = """
import sys, tempfile
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError
path = Path(sys.argv[1])
try:
    dataset = open_dataset(path, work_dir=Path(tempfile.gettempdir()), required=())
    chunks = list(dataset.iter_matrix(dataset.features)) if dataset.features else []
except InputError as error:
    print(f"error: {error}", file=sys.stderr); sys.exit(3)
if chunks:
    found, table = np.concatenate(chunks), pq.read_table(path, partitioning=None)
    for k, name in enumerate(dataset.features):
        column = table[name]
        column = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        column = column.cast(pa.uint8()) if pa.types.is_boolean(column.type) else column
        expected = np.array([np.nan if v is None else float(v) for v in column.to_pylist()]).astype(np.float32)
        np.testing.assert_array_equal(found[:, k], expected, err_msg=name)
"""


def read_all(path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", READ_ALL, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


def test_the_reading_of_a_corpus_finds_wrong_values(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, None, 3], "b": [True, False, None], "c": ["x", "y", "z"]})
    frame.write_parquet(tmp_path / "good.parquet")
    (tmp_path / "bad.parquet").write_bytes(WHOLE[:-9])
    assert read_all(tmp_path / "good.parquet").returncode == 0
    ended = read_all(tmp_path / "bad.parquet")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (3, 1)


def test_a_corpus_of_hostile_files_never_crashes_the_reader() -> None:
    folder = os.environ.get(CORPUS)
    if folder is None:
        pytest.skip(f"{CORPUS} is unset: it names a folder of hostile Parquet files, such as apache/parquet-testing")
    files = sorted(path for path in Path(folder).rglob("*.parquet") if path.is_file())
    assert files
    wrong = []
    for path in files:
        ended = read_all(path)
        lines = ended.stderr.strip().splitlines()
        if ended.returncode not in (0, 3) or (ended.returncode == 3 and len(lines) != 1):
            wrong.append(f"{path.name}: code {ended.returncode}, {lines[-1:]}")
    assert not wrong, "\n".join(wrong)
