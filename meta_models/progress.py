"""Progress with an estimate of the time left: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from tqdm import tqdm


class Sized(Protocol):
    """What has a length, such as a chunk of rows."""

    def __len__(self) -> int: ...


Chunk = TypeVar("Chunk", bound=Sized)


class Progress:
    """One long step with a title."""

    def __init__(self, title: str, unit: str = "rows") -> None:
        self.title, self.unit = title, unit
        self._bar: Any = None

    def started(self, total: int) -> Progress:
        """Set the total and show the bar."""
        self._bar = tqdm(
            total=total, desc=self.title, unit=f" {self.unit}", unit_scale=True, disable=None, leave=False,
            file=sys.stderr, dynamic_ncols=True,
        )  # fmt: skip
        return self

    def advance(self, amount: int = 1) -> None:
        """Count `amount` as done."""
        self._bar.update(amount)

    def track(self, chunks: Iterable[Chunk], total: int) -> Iterator[Chunk]:
        """Pass on `chunks`, counting their rows."""
        with self.started(total):
            for chunk in chunks:
                yield chunk
                self.advance(len(chunk))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
