"""Fits that go over the rows together, pass by pass; of learners with the trait ``streamed``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from meta_models.learners.seam.fitted import Fitted


class Course(ABC):
    """Made by `Prepared.course`. What each job becomes is what `Prepared.fit` would make of it alone.

    Attributes
    ----------
    passes, done : int
        Over the rows, in all and so far.
    """

    passes: int
    done: int

    @abstractmethod
    def go_over(self) -> None:
        """One more pass."""

    @abstractmethod
    def state(self) -> dict[str, bytes]:
        """What was learnt so far, by plain file names: data only."""

    @abstractmethod
    def restore(self, state: Mapping[str, bytes]) -> None:
        """Go on from the `state` of a course of the same jobs."""

    @abstractmethod
    def fitted(self) -> list[Fitted]:
        """The fits, in the order of the jobs, once all passes are done."""
