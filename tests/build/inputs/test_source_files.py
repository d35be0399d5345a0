"""What is written down about files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fuzzing import written

import meta_models.build.inputs.source_files as source_files
from meta_models.build.inputs.source_files import file_facts
from meta_models.errors import InputError


def test_small_files_are_hashed_whole(tmp_path: Path) -> None:
    facts = file_facts(written(tmp_path, "a", b"abc"))
    assert facts == {"size": 3, "sha256": hashlib.sha256(b"abc").hexdigest(), "of": "content"}


def test_large_files_by_their_head_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "WHOLE", 2)
    facts = file_facts(written(tmp_path, "a", b"abc"))
    assert facts == {"size": 3, "sha256": hashlib.sha256(b"abc3").hexdigest(), "of": "first MiB and size"}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be readable"):
        file_facts(tmp_path / "none")
