"""Atomic writes under faults: full disk, errors half-way, folders that cannot be written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meta_models.errors import InputError, WriteError
from meta_models.run_folder import atomic_path, atomic_write, hash_file, remove_temporaries, require_space
from meta_models.run_folder.atomic import is_temporary, temporary_for, write_error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_write_and_replace(tmp_path):
    atomic_write(tmp_path / "a.txt", b"one")
    atomic_write(tmp_path / "a.txt", b"two")
    assert (tmp_path / "a.txt").read_bytes() == b"two"
    assert names(tmp_path) == ["a.txt"]


def test_umask_is_honoured(tmp_path):
    old = os.umask(0o027)
    try:
        atomic_write(tmp_path / "a", b"")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_old_file_survives_an_error_half_way(tmp_path, error):
    atomic_write(tmp_path / "a.txt", b"old")

    def write_half():
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write_half()
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert names(tmp_path) == ["a.txt"]


def test_temporary_lies_beside_its_target_and_keeps_the_suffix(tmp_path):
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_bytes(b"")
        assert is_temporary(temporary.name)
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".txt")


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "\U0001d4b3" * 63, "a b\nc.parquet"])
def test_long_and_odd_names(tmp_path, name):
    atomic_write(tmp_path / name, b"1")
    assert names(tmp_path) == [name]
    assert is_temporary(temporary_for(tmp_path / name).name)


FULL = """
import resource, sys
from pathlib import Path
from meta_models.errors import WriteError
from meta_models.run_folder import atomic_write, atomic_path, write_parquet
path, how = Path(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    if how == "bytes":
        atomic_write(path, bytes(200_000))
    else:
        import numpy as np, pyarrow as pa, polars as pl
        values = np.random.default_rng(0).random(100_000)
        with atomic_path(path) as temporary:
            if how == "pyarrow": write_parquet(temporary, pa.table({"x": values}))
            elif how == "polars": pl.DataFrame({"x": values}).write_parquet(temporary)
            else:
                with temporary.open("wb") as stream: np.save(stream, values)
except WriteError as error:
    print(error, file=sys.stderr); sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("how", ["bytes", "pyarrow", "polars", "numpy"])
def test_full_disk_keeps_the_old_file_and_leaves_nothing(tmp_path, how):
    path = tmp_path / "a.npy"
    path.write_bytes(b"old")
    done = run(FULL, path, how)
    assert done.returncode == 73, done.stderr
    assert str(path) in done.stderr
    assert ("requested and" if how == "numpy" else "File too large") in done.stderr
    assert "bytes are needed" in done.stderr
    assert "bytes are free" in done.stderr
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["a.npy"])


def test_no_space_on_the_device(tmp_path):
    target = atomic_path(tmp_path / "a", need=12345)
    with pytest.raises(WriteError) as caught, target, Path("/dev/full").open("wb") as full:
        full.write(b"x")
    assert "No space left on device; at least 12,345 bytes are needed" in str(caught.value)
    assert "bytes are free" in str(caught.value)
    assert names(tmp_path) == []


READ_ONLY = """
import os, sys
from pathlib import Path
from meta_models.errors import WriteError
from meta_models.run_folder import RunFolder, atomic_write
if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    if sys.argv[2] == "atomic": atomic_write(Path(sys.argv[1], "a"), b"1")
    else:
        with RunFolder.open(Path(sys.argv[1], sys.argv[2]) if sys.argv[2] == "new" else Path(sys.argv[1])): pass
except WriteError as error:
    print(error, file=sys.stderr); sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("what", ["atomic", "folder", "new"])
def test_folder_that_is_not_writable(tmp_path, what):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    for parent in (tmp_path, *list(tmp_path.parents)[:2]):
        parent.chmod(0o755)
    done = run(READ_ONLY, folder, what)
    assert done.returncode == 73, done.stderr
    assert "Permission denied" in done.stderr
    assert str(folder) in done.stderr
    assert names(folder) == []


def test_errors_that_are_not_about_writing_pass(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        (tmp_path / "input.parquet").read_bytes()


def test_folder_that_is_gone(tmp_path):
    with pytest.raises(WriteError, match="Found no such folder"):
        atomic_write(tmp_path / "gone" / "a", b"")


@pytest.mark.parametrize("text", ["No space left on device (os error 28)", "[Errno 28] Error writing bytes"])
def test_number_of_an_error_is_found_in_a_native_librarys_text(tmp_path, text):
    assert "No space left on device" in str(write_error(OSError(text), tmp_path / "a"))


def test_errors_without_a_number_keep_their_text(tmp_path):
    error = OSError(errno.EIO, "ignored")
    assert "Input/output error" in str(write_error(error, tmp_path / "a"))
    assert "something else" in str(write_error(OSError("something else"), tmp_path / "a"))


def test_require_space(tmp_path):
    require_space(tmp_path, 1)
    with pytest.raises(WriteError, match="needs 1,000,000,000,000,000,000 bytes"):
        require_space(tmp_path / "later", 10**18)


def test_temporaries_below_another_lock_are_left(tmp_path):
    for folder in ("mine", "theirs"):
        (tmp_path / folder).mkdir()
        temporary_for(tmp_path / folder / "file").write_text("")
    (tmp_path / "theirs" / ".lock").write_text("")
    assert [path.parent.name for path in remove_temporaries(tmp_path)] == ["mine"]
    assert len(list((tmp_path / "theirs").glob(".tmp-*"))) == 1


def test_only_our_temporaries_are_removed(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / ".tmp-12-0123abcd-x.csv").write_text("")
    folder = tmp_path / ".tmp-12-0123abcd-cache"
    folder.mkdir()
    (folder / "page").write_text("")
    for foreign in (".tmp-x", ".tmp-12-XYZ-a", "tmp-12-0123abcd-a", ".tmp-12-0123abcd-"):
        (tmp_path / foreign).write_text("")
    assert len(remove_temporaries(tmp_path)) == 2
    assert names(tmp_path) == sorted([".tmp-x", ".tmp-12-XYZ-a", "tmp-12-0123abcd-a", ".tmp-12-0123abcd-", "deep"])
    assert names(tmp_path / "deep") == []


def test_hash_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(InputError, match="missing"):
        hash_file(tmp_path / "missing")
