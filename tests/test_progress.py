"""What a long step says where there is no terminal."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from meta_models.progress import Progress


def test_a_line_a_minute_says_what_is_done_and_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    with caplog.at_level(logging.INFO, logger="meta_models.progress"), Progress("Fitting", "fits", clock=lambda: now[0]).started(4) as progress:  # fmt: skip  # noqa: E501
        for second in (30.0, 60.0, 90.0, 150.0):
            now[0] = second
            progress.advance()
    assert caplog.messages == ["Fitting: 2 of 4 fits, about 01:00 left", "Fitting: 4 of 4 fits, about 00:00 left"]


def test_a_short_step_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="meta_models.progress"):
        assert [len(chunk) for chunk in Progress("Reading").track([[1, 2], [3]], 3)] == [2, 1]
    assert not caplog.messages


def test_a_step_of_which_nothing_ends_is_told_of_all_the_same(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meta_models.progress.LINE_SECONDS", 0.2)
    threads = threading.active_count()
    with caplog.at_level(logging.INFO, logger="meta_models.progress"), Progress("Fitting", "fits").started(4) as progress:  # fmt: skip  # noqa: E501
        wait_for(lambda: len(caplog.messages) >= 2)
        assert set(caplog.messages) == {"Fitting: 0 of 4 fits, 00:00 so far"}
        progress.advance(2)
        wait_for(lambda: caplog.messages[-1] == "Fitting: 2 of 4 fits, about 00:00 left")
    assert threading.active_count() == threads


def test_the_time_left_shrinks_while_nothing_ends(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    progress = Progress("Fitting", "fits", clock=lambda: now[0]).started(4)
    with caplog.at_level(logging.INFO, logger="meta_models.progress"):
        for now[0], done in ((100.0, 1), (160.0, 0), (1000.0, 0)):
            progress.advance(done) if done else progress._tell()
    assert [text.split(", ")[1] for text in caplog.messages] == [
        "about 05:00 left",
        "about 04:00 left",
        "about 00:00 left",
    ]


def wait_for(holds: Callable[[], bool]) -> None:
    """Returns as soon as `holds`, which is to be within ten seconds."""
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)
