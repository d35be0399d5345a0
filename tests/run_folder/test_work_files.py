"""Work that travels as a file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from meta_models.errors import InputError, UsageError
from meta_models.run_folder import PickledFile


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = PickledFile.write(tmp_path / "work.pkl", {"a": (1, 2)})
    assert file.read() == {"a": (1, 2)}
    (tmp_path / "work.pkl").write_bytes(pickle.dumps("altered"))
    with pytest.raises(InputError, match="Found other content"):
        file.read()
    (tmp_path / "work.pkl").unlink()
    with pytest.raises(InputError, match="No such file"):
        file.read()


def test_the_file_of_somebody_else_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = PickledFile.write(tmp_path / "work.pkl", "mine")
    owner = file.path.stat().st_uid
    if owner == 0:
        os.chown(file.path, 12345, -1)
    monkeypatch.setattr("meta_models.run_folder.work_files.os.geteuid", lambda: owner + 1)
    with pytest.raises(UsageError, match="must be yours"):
        file.read()
