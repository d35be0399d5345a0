"""The interface of everything that does work elsewhere, and how such work ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, cast

from meta_models.errors import MemoryBudgetError, MetaModelsError, UnitsFailed

Argument = TypeVar("Argument")
Value = TypeVar("Value")
_RESUME = "Run again with --resume"
#: What to do about a fault of the program.
BROKEN = "This is a fault of the program: please report it with these lines"


class Died(UnitsFailed):
    """A process that ended without an answer."""


def died(name: object, how: str) -> Died:
    """The error of the work `name` whose process ended in the way `how`, a sentence."""
    return Died(f"{name} must finish", how, _RESUME)


@dataclass(frozen=True)
class Ended(Generic[Argument, Value]):
    """How a piece of work ended; made by `Executor.ended`.

    Attributes
    ----------
    value : object or None
        What it returned.
    error : MetaModelsError or None
        Why there is no value: what it raised, or what its process died of.
    """

    argument: Argument
    value: Value | None
    error: MetaModelsError | None = None

    def unwrap(self) -> Value:
        """The value; raises the error where there is one."""
        if self.error is not None:
            raise self.error
        return cast("Value", self.value)

    @property
    def death(self) -> str | None:
        """In words, where its process died or ran out of memory; raises any other error.

        Work that died may be done in another way, say in halves; what was refused would be refused again.
        """
        if isinstance(self.error, MemoryBudgetError):
            return f"out of memory: {self.error.found}"
        if isinstance(self.error, Died):
            return self.error.found[:1].lower() + self.error.found[1:]
        self.unwrap()
        return None


class Executor(ABC, Generic[Argument, Value]):
    """Work that goes on elsewhere; a context manager, at whose end whatever still goes on is stopped.

    `len` tells how much was started and has not been handed back by `ended`.
    """

    @abstractmethod
    def start(self, name: object, argument: Argument) -> None:
        """Begin a piece of work on `argument`; `name` (its text) is what messages call it."""

    @abstractmethod
    def ended(self, *, timeout: float | None = None) -> Sequence[Ended[Argument, Value]]:
        """What ended; waits for one piece of work, at most `timeout` seconds."""

    @abstractmethod
    def close(self) -> None:
        """Stop whatever still goes on."""

    @abstractmethod
    def __len__(self) -> int: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
