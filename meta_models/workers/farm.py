"""Where units of a run are done that take a process of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, Self, TypeVar

from meta_models.workers.executor import Executor
from meta_models.workers.fresh import fresh

Value = TypeVar("Value")


class Portable(Protocol):
    """What a unit is told, fit to be read from a file on another machine, where relative paths mean the same."""

    @property
    def parts(self) -> Sequence[str]:
        """Names of the units that are done with it."""

    def only(self, parts: Sequence[str]) -> Self:
        """The same for these of its units."""

    def placed(self, threads: int, limit: int) -> Self:
        """The same with so many threads, and so many bytes at which it stops itself."""


class Farm(ABC):
    """Where units are done.

    Attributes
    ----------
    slots : int or None
        How many units are done at a time; None: as many as this machine can hold, as the strategy reckons.
    """

    #: Whether every unit is to be a process of its own, also those that share memory where they are forked.
    apart: ClassVar[bool] = True
    slots: int | None = None
    here: bool = False
    #: Bytes of this machine's memory that it takes for itself.
    reserved: int = 0
    #: A host that all who do units reach.
    host: str = "127.0.0.1"

    def require(self, peak: int, advice: str = "") -> None:  # noqa: B027 - most have nothing to check
        """See that there is room for a unit of `peak` bytes; raises MemoryBudgetError with the `advice`."""

    def require_shared(self, tables: Sequence[Any]) -> None:  # noqa: B027
        """See that all who do units find the `tables` and the run folder; raises UsageError."""

    def lines(self) -> tuple[str, ...]:
        """What the plan says of it."""
        return ()

    def to_dict(self) -> list[dict[str, Any]]:
        """Who does units, for ``--dry-run``."""
        return []

    def shares(self, jobs: int) -> int:
        """In how many pieces of work so many jobs are done that need the same preparation."""
        return max(1, min(self.slots or 1, jobs))

    @abstractmethod
    def executor(self, work: Callable[[Any], Value], *, threads: int, together: bool = False) -> Executor[Any, Value]:
        """An executor of `work`; `threads` is for processes of this machine.

        With `together` no piece of work ends before all of them run.
        """


class Here(Farm):
    """On this machine."""

    apart: ClassVar[bool] = False

    def executor(
        self,
        work: Callable[[Any], Value],
        *,
        threads: int,
        together: bool = False,  # noqa: ARG002
    ) -> Executor[Any, Value]:
        """Processes of this machine, all of which run at once."""
        return fresh(work, threads=threads)


HERE = Here()
