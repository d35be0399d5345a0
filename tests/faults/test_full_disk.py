"""A disk that is full, at each writing step: exit 73, a message with path and need, and nothing half done."""

from __future__ import annotations

import errno
import hashlib
import json
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import SINGLE, hashes, manifest, start, temporaries
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.dataset.reading.convert import convert_text
from meta_models.errors import WriteError
from meta_models.run_folder import atomic

#: The fewest steps that still write every kind of artifact.
OPTIONS = ("--n-estimators", "3", "--n-folds", "2", "--bootstrap-samples", "5", "--analyses", "features")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"), make_frame(n_genes=12))


FLUSH = atomic.flush


class Disk:
    """Stands in for flushing to disk: from the call `full_from` on, the disk is full."""

    def __init__(self, full_from: float = float("inf")) -> None:
        self.calls, self._full_from = 0, full_from

    def __call__(self, path: Path) -> None:
        self.calls += 1
        if self.calls > self._full_from:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        FLUSH(path)


def train(table: Path, out: Path, *more: str) -> int:
    return main(["train", "--dataset", str(table), "--out-dir", str(out), *OPTIONS, *more])


def finished(out: Path) -> dict[str, str]:
    """Artifacts that the manifest calls finished, with the hash of what lies there."""
    content = json.loads((out / "run_manifest.json").read_bytes())["artifacts"]
    return {name: record["sha256"] for name, record in content.items() if record["sha256"]}


def require_whole(out: Path) -> None:
    assert temporaries(out) == []
    for name, expected in finished(out).items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == expected


def test_full_at_each_step_then_resumed(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = Disk()
    monkeypatch.setattr(atomic, "flush", disk)
    assert train(table, tmp_path / "whole") == 0
    expected = hashes(tmp_path / "whole")
    for share in (0.02, 0.4, 0.7, 0.98):
        out = tmp_path / f"full-{share}"
        monkeypatch.setattr(atomic, "flush", Disk(int(share * disk.calls)))
        capsys.readouterr()
        assert train(table, out) == 73
        message = capsys.readouterr().err
        assert message.startswith("error: The file ")
        assert len(message.splitlines()) == 1
        assert all(word in message for word in (str(out), "No space left on device", "bytes are needed", "free"))
        require_whole(out)
        monkeypatch.setattr(atomic, "flush", Disk())
    assert train(table, out, "--resume") == 0
    assert hashes(out) == expected


def limited(table: Path, out: Path, size: int) -> subprocess.Popen[str]:
    """A run that can write no file larger than `size`; native code meets that limit, too."""
    bound: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # noqa: E731
    return start(["--dataset", table, "--out-dir", out, *SINGLE], preexec_fn=bound)


def test_a_table_that_pyarrow_cannot_write(demo_table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = limited(demo_table, out, 120_000)
    output, _ = process.communicate()
    assert process.returncode == 73, output
    assert "oof_predictions.parquet must be writable" in output.splitlines()[-1]
    assert "File too large" in output
    assert "Traceback" not in output
    assert manifest(out)["state"] == "failed"
    assert "model_multiclass.pkl" in finished(out)
    require_whole(out)


def test_space_is_checked_before_training_and_before_text_is_converted(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(atomic, "free_disk", lambda path: 10_000)
    assert train(table, tmp_path / "out") == 73
    message = capsys.readouterr().err
    assert "needs 12,960 bytes. Found 10,000 bytes free" in message  # 36 bytes for each of 360 rows
    assert not (tmp_path / "out" / "units").exists()
    make_frame().write_csv(tmp_path / "table.csv")
    with pytest.raises(WriteError, match="bytes free"):
        convert_text((tmp_path / "table.csv",), tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []


def test_a_text_table_that_cannot_be_converted_is_no_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_frame().write_csv(tmp_path / "table.csv")
    monkeypatch.setattr(atomic, "flush", Disk(0))
    with pytest.raises(WriteError, match="No space left"):
        convert_text((tmp_path / "table.csv",), tmp_path / "work")
