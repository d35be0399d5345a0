"""Pieces of work done by a farm, as many at a time as it has room for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from meta_models.workers.farm import Farm, Portable

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
