"""Where the processes of shards find one another: small files in a folder that all of them see.

Each process says that it is ready by a word of its own, a new one each time. The process of the first shard calls a
session of the words that are there, once none of them was called before, so that a process that died, or lost its
session, is waited for until it, or the one in its place, is ready again.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from meta_models.learners.seam import Json
from meta_models.run_folder import atomic_write
from meta_models.run_folder.visibility import wait_for
from meta_models.run_folder.writers import json_bytes

Found = TypeVar("Found")
#: Nobody waits in vain: whoever started the processes ends them.
_FOR_EVER = float("inf")


@dataclass(frozen=True)
class Call:
    """A session that was called.

    Attributes
    ----------
    words : tuple of str
        Of its processes, in the order of their shards.
    told : mapping
        What they must know to come.
    jobs : tuple of str
        What is to be done, in this order.
    """

    words: tuple[str, ...]
    told: Mapping[str, Json]
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class Meeting:
    """A folder in which the processes of so many shards meet.

    Attributes
    ----------
    towards : str
        A host that all of them reach: the address by which one does is the one by which others reach it.
    """

    folder: Path
    shards: int
    towards: str

    def ready(self, shard: int) -> str:
        """Say that the process of `shard` is ready; the word by which it will be called."""
        word = secrets.token_hex(8)
        atomic_write(self.folder / f"ready-{shard}", word.encode())
        return word

    def call(self, open_session: Callable[[str], Mapping[str, Json]], left: Callable[[], tuple[str, ...]]) -> None:
        """Wait until all are ready, and call them to do what is `left`.

        Parameters
        ----------
        open_session : callable
            Told this process's address, gives what the others must know.
        """
        words = self._awaited(self._all_anew)
        content = {"words": words, "told": dict(open_session(address_towards(self.towards))), "jobs": left()}
        atomic_write(self._called, json_bytes(content))

    def called(self, word: str) -> Call:
        """Wait until the process of this `word` is called."""
        return self._awaited(lambda: self._call_of(word))

    @property
    def _called(self) -> Path:
        return self.folder / "call"

    def _awaited(self, look: Callable[[], Found | None]) -> Found:
        found = wait_for(look, self.folder, seconds=_FOR_EVER)
        if found is None:
            raise AssertionError("waited for ever")
        return found

    def _all_anew(self) -> tuple[str, ...] | None:
        """The words of all processes, if none of them was in the last call."""
        words = [_text(self.folder / f"ready-{shard}") for shard in range(self.shards)]
        last = self._last()
        old = set() if last is None else set(last.words)
        return tuple(word for word in words if word) if all(words) and old.isdisjoint(words) else None

    def _call_of(self, word: str) -> Call | None:
        last = self._last()
        return last if last is not None and word in last.words else None

    def _last(self) -> Call | None:
        if not (text := _text(self._called)):
            return None
        content: dict[str, Any] = json.loads(text)
        return Call(tuple(content["words"]), content["told"], tuple(content["jobs"]))


def address_towards(host: str) -> str:
    """The address of this machine on its way to `host`; nothing is sent."""
    kind, *_, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(kind, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])


def _text(path: Path) -> str:
    """What a small file holds; empty while it is not there."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
