"""Progress with an estimate of the time left: a bar on a terminal, elsewhere a line a minute in the log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from tqdm import tqdm

logger = logging.getLogger(__name__)

#: Seconds between two lines where there is no terminal; a step that takes less says nothing.
LINE_SECONDS = 60.0


class Sized(Protocol):
    """What has a length, such as a chunk of rows."""

    def __len__(self) -> int: ...


Chunk = TypeVar("Chunk", bound=Sized)


class Progress:
    """One long step with a title; a context manager.

    Where there is no terminal a line a minute is written within the block also while nothing ends, as in a long fit.

    Parameters
    ----------
    unit : str
        What is counted, in the plural.
    clock : callable
        Seconds of a clock that never goes back.
    """

    def __init__(self, title: str, unit: str = "rows", *, clock: Callable[[], float] = time.monotonic) -> None:
        self.title, self.unit, self._clock = title, unit, clock
        self._bar: Any = None
        self._total = self._done = 0
        self._began = self._told = self._advanced = 0.0
        self._ended = threading.Event()
        self._teller: threading.Thread | None = None

    def started(self, total: int) -> Progress:
        """Set the total and show the bar."""
        self._total, self._began = total, self._clock()
        self._told = self._advanced = self._began
        self._bar = tqdm(
            total=total, desc=self.title, unit=f" {self.unit}", unit_scale=True, disable=None, leave=False,
            file=sys.stderr, dynamic_ncols=True,
        )  # fmt: skip
        return self

    def advance(self, amount: int = 1) -> None:
        """Count `amount` as done."""
        self._done += amount
        self._advanced = self._clock()
        self._bar.update(amount)
        if self._bar.disable and self._advanced - self._told >= LINE_SECONDS:
            self._tell()

    def track(self, chunks: Iterable[Chunk], total: int) -> Iterator[Chunk]:
        """Pass on `chunks`, counting their rows."""
        with self.started(total):
            for chunk in chunks:
                yield chunk
                self.advance(len(chunk))

    def _tell(self) -> None:
        self._told = now = self._clock()
        logger.info(
            "%s: %s of %s %s, %s", self.title, f"{self._done:,}", f"{self._total:,}", self.unit, self._time(now)
        )

    def _time(self, now: float) -> str:
        """The time left, by what was done until something was done last; the time so far, where nothing is done."""
        if not self._done:
            return f"{tqdm.format_interval(now - self._began)} so far"
        whole = (self._advanced - self._began) * self._total / self._done
        return f"about {tqdm.format_interval(max(self._began + whole - now, 0))} left"

    def _tell_of_waiting(self) -> None:
        wait = LINE_SECONDS
        while not self._ended.wait(wait):
            silent = self._clock() - self._told
            if silent >= LINE_SECONDS:
                self._tell()
            wait = LINE_SECONDS - silent % LINE_SECONDS

    def __enter__(self) -> Self:
        if self._bar is not None and self._bar.disable:
            self._teller = threading.Thread(target=self._tell_of_waiting, name="progress", daemon=True)
            self._teller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._teller is not None:
            self._teller.join()
        self._bar.close()
