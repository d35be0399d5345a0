"""What another machine wrote is waited for, and not for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.errors import WriteError
from meta_models.run_folder import UnitStore
from meta_models.run_folder.visibility import wait_for


def test_what_appears_is_found_at_the_next_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meta_models.run_folder.visibility.time.sleep", lambda _: (tmp_path / "file").touch())
    assert wait_for(lambda: (tmp_path / "file").exists() or None, tmp_path / "not there")
    assert wait_for(lambda: None, tmp_path, seconds=0) is None


def test_a_unit_that_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = UnitStore(tmp_path), UnitStore.key({"seed": 1})
    with pytest.raises(WriteError, match=r"After 0 s there is none yet.*must be one that all machines share"):
        store.awaited("unit", key, seconds=0)
    other = UnitStore(tmp_path)
    monkeypatch.setattr(
        "meta_models.run_folder.visibility.time.sleep", lambda _: other.put("unit", key, {"file": b"1"})
    )
    assert store.awaited("unit", key).read("file") == b"1"
    assert store.holds("unit", key)
    assert not store.holds("unit", UnitStore.key({"seed": 2}))
