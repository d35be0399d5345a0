"""Pieces of work done by a farm, as many at a time as it has room for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from meta_models.workers.farm import Farm, Portable


@dataclass(frozen=True, kw_only=True)
class NumberedWork:
    """Numbered pieces of something: a `Portable` whose parts are their numbers.

    Attributes
    ----------
    numbers : tuple of int
        Those to be done.
    threads, limit : int
        Threads of the process that does them, and bytes at which it stops itself.
    """

    numbers: tuple[int, ...] = ()
    threads: int = 1
    limit: int | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The numbers."""
        return tuple(map(str, self.numbers))

    def only(self, parts: Sequence[str]) -> Self:
        """The same for these."""
        return replace(self, numbers=tuple(map(int, parts)))

    def placed(self, threads: int, limit: int) -> Self:
        """The same with so many threads, and so many bytes at most."""
        return replace(self, threads=threads, limit=limit)


Piece = TypeVar("Piece", bound=Portable)
Value = TypeVar("Value")


def run_pieces(
    pieces: Iterable[tuple[str, Piece]], work: Callable[[Piece], Value], farm: Farm, *, threads: int
) -> Iterator[Value]:
    """Yield what `work` makes of each of the named `pieces`, as they end.

    Raises
    ------
    MetaModelsError
        What a piece raised, or that its process died.
    """
    waiting, slots = deque(pieces), farm.slots or 1
    with farm.executor(work, threads=threads) as executor:
        while waiting or len(executor):
            while waiting and len(executor) < slots:
                executor.start(*waiting.popleft())
            for ended in executor.ended():
                yield ended.unwrap()
