"""Progress with an estimate of the time left: a bar on a terminal, elsewhere a line a minute in the log."""

from __future__ import annotations

import logging
import sys
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
    """One long step with a title.

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
        self._began = self._told = 0.0

    def started(self, total: int) -> Progress:
        """Set the total and show the bar."""
        self._total, self._began = total, self._clock()
        self._told = self._began
        self._bar = tqdm(
            total=total, desc=self.title, unit=f" {self.unit}", unit_scale=True, disable=None, leave=False,
            file=sys.stderr, dynamic_ncols=True,
        )  # fmt: skip
        return self

    def advance(self, amount: int = 1) -> None:
        """Count `amount` as done."""
        self._done += amount
        self._bar.update(amount)
        if self._bar.disable and self._clock() - self._told >= LINE_SECONDS:
            self._tell()

    def track(self, chunks: Iterable[Chunk], total: int) -> Iterator[Chunk]:
        """Pass on `chunks`, counting their rows."""
        with self.started(total):
            for chunk in chunks:
                yield chunk
                self.advance(len(chunk))

    def _tell(self) -> None:
        self._told = self._clock()
        left = (self._told - self._began) * max(self._total - self._done, 0) / max(self._done, 1)
        logger.info("%s: %s of %s %s, about %s left", self.title, f"{self._done:,}", f"{self._total:,}", self.unit,
                    tqdm.format_interval(left))  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
