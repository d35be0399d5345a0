"""Where the processes of shards find one another: small files in a folder that all of them see.

Each process says that it is ready by a word of its own, a new one each time. The process of the first shard calls a
session of the words that are there, once none of them was called before, so that a process that died, or lost its
session, is waited for until it, or the one in its place, is ready again. Before they go, all see whether they can
connect to one another, and tell.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from meta_models.learners.seam import Json
from meta_models.run_folder import atomic_write
from meta_models.run_folder.visibility import VISIBLE_SECONDS, wait_for
from meta_models.run_folder.writers import json_bytes
from meta_models.training.distributed.reach import REACH_SECONDS, Address, Door, out_of_reach

Found = TypeVar("Found")
#: Nobody waits in vain: whoever started the processes ends them.
_FOR_EVER = float("inf")
#: Seconds in which a process that was called must have said whether it reaches the others.
_HEARD_SECONDS = REACH_SECONDS + VISIBLE_SECONDS
_WELL = "well"


@dataclass(frozen=True)
class Ready:
    """A process that waits for a call.

    Attributes
    ----------
    word : str
        By which it will be called.
    """

    word: str
    door: Door


@dataclass(frozen=True)
class Call:
    """A session that was called.

    Attributes
    ----------
    words : tuple of str
        Of its processes, in the order of their shards.
    doors : tuple of (str, int)
        Where they are reached.
    told : mapping
        What they must know to come.
    jobs : tuple of str
        What is to be done, in this order.
    """

    words: tuple[str, ...]
    doors: tuple[Address, ...]
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

    @contextmanager
    def ready(self, shard: int) -> Iterator[Ready]:
        """Say that the process of `shard` is ready; it can be reached until it leaves the context."""
        with Door(self.address, self.shards) as door:
            ready = Ready(secrets.token_hex(8), door)
            atomic_write(self.folder / f"ready-{shard}", json_bytes({"word": ready.word, "door": door.address}))
            yield ready

    def call(self, open_session: Callable[[str], Mapping[str, Json]], left: Callable[[], tuple[str, ...]]) -> None:
        """Wait until all are ready, and call them to do what is `left`.

        Parameters
        ----------
        open_session : callable
            Told this process's address, gives what the others must know.
        """
        found = self._awaited(self._all_anew)
        content = {
            "words": [each["word"] for each in found], "doors": [each["door"] for each in found],
            "told": dict(open_session(self.address)), "jobs": left(),
        }  # fmt: skip
        atomic_write(self._called, json_bytes(content))

    def called(self, word: str) -> Call:
        """Wait until the process of this `word` is called."""
        return self._awaited(lambda: self._call_of(word))

    def trouble(self, call: Call, shard: int) -> str:
        """What keeps the processes of a call from one another, as seen by the first of them that has something to say.

        All get the same answer, so that nobody waits in a session for one that does not come. Empty where all is well.
        """
        found = out_of_reach([door for number, door in enumerate(call.doors) if number != shard])
        said = f"shard {shard + 1}: {found}" if found else _WELL
        atomic_write(self._said(call.words[shard]), said.encode())
        for number, word in enumerate(call.words):
            if (heard := self._heard(word)) != _WELL:
                return heard or f"shard {number + 1} was called and said nothing within {_HEARD_SECONDS:.0f} s"
        return ""

    @property
    def address(self) -> str:
        """That of this machine on its way to the others."""
        return address_towards(self.towards)

    def _heard(self, word: str) -> str | None:
        return wait_for(lambda: _text(self._said(word)) or None, self.folder, seconds=_HEARD_SECONDS)

    def _said(self, word: str) -> Path:
        return self.folder / f"said-{word}"

    @property
    def _called(self) -> Path:
        return self.folder / "call"

    def _awaited(self, look: Callable[[], Found | None]) -> Found:
        found = wait_for(look, self.folder, seconds=_FOR_EVER)
        if found is None:
            raise AssertionError("waited for ever")
        return found

    def _all_anew(self) -> list[dict[str, Any]] | None:
        """What all processes said of themselves, if none of them was in the last call."""
        texts = [_text(self.folder / f"ready-{shard}") for shard in range(self.shards)]
        if not all(texts):
            return None
        found = [json.loads(text) for text in texts]
        last = self._last()
        return found if last is None or not any(each["word"] in last.words for each in found) else None

    def _call_of(self, word: str) -> Call | None:
        last = self._last()
        return last if last is not None and word in last.words else None

    def _last(self) -> Call | None:
        if not (text := _text(self._called)):
            return None
        content: dict[str, Any] = json.loads(text)
        doors = tuple((host, port) for host, port in content["doors"])
        return Call(tuple(content["words"]), doors, content["told"], tuple(content["jobs"]))


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
