"""Whether the processes of shards can connect to one another, asked before they need it.

XGBoost's collective waits for minutes, again and again, where a network drops what is sent. A plain connection that is
made and closed tells within seconds.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Self

#: A host and a port.
Address = tuple[str, int]
#: Seconds in which a connection must be made.
REACH_SECONDS = 10.0


class Door:
    """A port at which this process is reached; nothing is read there.

    Parameters
    ----------
    host : str
        The address of this machine.
    visitors : int
        How many may come, once each.
    """

    def __init__(self, host: str, visitors: int) -> None:
        family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
        self._socket = socket.create_server((host, 0), family=family, backlog=visitors)
        self.address: Address = self._socket.getsockname()[:2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def out_of_reach(addresses: Sequence[Address]) -> str:
    """The first of `addresses` to which no connection can be made, and why; empty where there is none."""
    for address in addresses:
        try:
            socket.create_connection(address, timeout=REACH_SECONDS).close()
        except OSError as error:
            return f"no connection to {address[0]}:{address[1]} within {REACH_SECONDS:.0f} s ({error})"
    return ""
