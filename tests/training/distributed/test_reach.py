"""Connections that are tried before they are needed."""

from __future__ import annotations

import socket

import pytest

from meta_models.training.distributed import reach
from meta_models.training.distributed.reach import Door, out_of_reach


def test_an_open_door_is_reached_as_often_as_it_has_visitors() -> None:
    with Door("127.0.0.1", visitors=3) as door:
        assert [out_of_reach([door.address]) for _ in range(3)] == ["", "", ""]


def test_a_closed_door_is_named() -> None:
    with Door("127.0.0.1", visitors=1) as open_door, Door("127.0.0.1", visitors=1) as closed:
        closed.__exit__()
        host, port = closed.address
        assert out_of_reach([open_door.address, closed.address]).startswith(
            f"no connection to {host}:{port} within 10 s"
        )


def test_a_network_that_drops_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def dropped(address: tuple[str, int], timeout: float) -> socket.socket:
        asked.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(reach.socket, "create_connection", dropped)
    assert out_of_reach([("10.0.0.1", 5), ("10.0.0.2", 5)]) == "no connection to 10.0.0.1:5 within 10 s (timed out)"
    assert asked == [reach.REACH_SECONDS]
