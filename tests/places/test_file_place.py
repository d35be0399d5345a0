from __future__ import annotations

import os
from pathlib import Path

import pytest

from meta_models.errors import InputError
from meta_models.places import Form, place


def test_a_path_is_a_file_a_folder_or_special(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    os.mkfifo(tmp_path / "pipe")
    assert [place(tmp_path / name).form() for name in (".", "a", "pipe")] == [Form.FOLDER, Form.FILE, Form.SPECIAL]
    with pytest.raises(InputError, match="must exist"):
        place(tmp_path / "b").form()


def test_a_file_has_another_stamp_once_it_was_written_again(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    before = place(file).stamp()
    assert place(file).stamp() == before
    os.utime(file, ns=(0, 0))
    assert place(file).stamp() != before
    assert place(file).size() == 3
    with pytest.raises(InputError, match="must be readable"):
        place(tmp_path / "b").stamp()


def test_links_are_the_file_that_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert place(tmp_path / "a").identity() == place(tmp_path / "b").identity()


def test_a_file_is_here_and_can_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "a:b~*"
    file.write_bytes(b"abc")
    with place(file).here(tmp_path / "unused") as same:
        assert same == file
    with place(file).open() as stream:
        assert stream.read() == b"abc"
    assert place(file).on_disk == file
