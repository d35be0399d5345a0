"""Processes that find one another in a folder."""

from __future__ import annotations

from pathlib import Path

from meta_models.training.distributed.meeting import Meeting, address_towards


def test_nobody_is_called_twice_by_the_same_word(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, 2, "127.0.0.1")
    first, second = meeting.ready(0), meeting.ready(1)
    meeting.call(lambda host: {"at": host}, lambda: ("a", "b"))
    call = meeting.called(second)
    assert call == meeting.called(first)
    assert (call.words, call.told, call.jobs) == ((first, second), {"at": "127.0.0.1"}, ("a", "b"))

    meeting.ready(0)
    assert meeting._all_anew() is None  # the second one's word is that of the session before
    anew = meeting.ready(1)
    meeting.call(lambda host: {}, lambda: ("b",))
    assert meeting.called(anew).jobs == ("b",)
    assert meeting._call_of(first) is None


def test_the_address_is_that_of_the_way(tmp_path: Path) -> None:
    assert address_towards("127.0.0.1") == "127.0.0.1"
    assert address_towards("localhost") in ("127.0.0.1", "::1")
