"""Processes that find one another in a folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meta_models.training.distributed import meeting as meeting_module
from meta_models.training.distributed.meeting import Meeting, address_towards


def test_nobody_is_called_twice_by_the_same_word(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, 2, "127.0.0.1")
    with meeting.ready(0) as first, meeting.ready(1) as second:
        meeting.call(lambda host: {"at": host}, lambda: ("a", "b"))
        call = meeting.called(second.word)
        assert call == meeting.called(first.word)
        assert call.words == (first.word, second.word)
        assert call.doors == (first.door.address, second.door.address)
        assert (call.told, call.jobs) == ({"at": "127.0.0.1"}, ("a", "b"))

    with meeting.ready(0):
        assert meeting._all_anew() is None  # the second one's word is that of the session before
        with meeting.ready(1) as anew:
            meeting.call(lambda host: {}, lambda: ("b",))
            assert meeting.called(anew.word).jobs == ("b",)
            assert meeting._call_of(first.word) is None


def test_all_hear_of_the_one_that_does_not_reach_the_others(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, 3, "127.0.0.1")
    with meeting.ready(0) as first, meeting.ready(1), meeting.ready(2) as gone:
        gone.door.__exit__()
        meeting.call(lambda host: {}, lambda: ("a",))
        call = meeting.called(first.word)
        with ThreadPoolExecutor() as pool:
            heard = list(pool.map(lambda shard: meeting.trouble(call, shard), range(3)))
    host, port = call.doors[2]
    assert len(set(heard)) == 1
    assert heard[0].startswith(f"shard 1: no connection to {host}:{port} within 10 s (")


def test_all_is_well(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, 2, "127.0.0.1")
    with meeting.ready(0) as first, meeting.ready(1):
        meeting.call(lambda host: {}, lambda: ("a",))
        call = meeting.called(first.word)
        with ThreadPoolExecutor() as pool:
            assert list(pool.map(lambda shard: meeting.trouble(call, shard), range(2))) == ["", ""]


def test_one_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting_module, "_HEARD_SECONDS", 0.0)
    meeting = Meeting(tmp_path, 2, "127.0.0.1")
    with meeting.ready(0) as first, meeting.ready(1):
        meeting.call(lambda host: {}, lambda: ("a",))
        assert meeting.trouble(meeting.called(first.word), 0) == "shard 2 was called and said nothing within 0 s"


def test_the_address_is_that_of_the_way(tmp_path: Path) -> None:
    assert address_towards("127.0.0.1") == "127.0.0.1"
    assert address_towards("localhost") in ("127.0.0.1", "::1")
