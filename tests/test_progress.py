"""What a long step says where there is no terminal."""

from __future__ import annotations

import logging

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
