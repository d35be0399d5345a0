"""What a learner offers whose fits go over shards of the rows, each held by a process of its own, on its own machine.

Each process prepares its rows for itself. Then all of them enter a session, in which their fits of the same job in the
same order become one fit: sums over rows are sums over all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam.fit import Prepared, TrainingRows
from meta_models.learners.seam.memory import Resources
from meta_models.learners.seam.predictor import Json


class Sharded(ABC):
    """The way of one learner over shards.

    Attributes
    ----------
    Lost : type of exception
        Raised in a session when one of its processes is gone, or cannot be reached.
    """

    Lost: ClassVar[type[Exception]]

    @abstractmethod
    def common(self, rows: TrainingRows, config: Any) -> NDArray[np.float32]:
        """What the processes must know of the whole table, made from its `rows`: its bins, say."""

    @abstractmethod
    def prepare(
        self, rows: TrainingRows, common: NDArray[np.float32], config: Any, resources: Resources, *, first: int
    ) -> Prepared:
        """The rows of a shard, the first of which has the number `first` in the whole table.

        Their sample is not looked at.
        """

    @abstractmethod
    def call(self, host: str, shards: int) -> dict[str, Json]:
        """Have this process, whose address is `host`, bring so many together; what they must be told to come."""

    @abstractmethod
    def session(self, called: Mapping[str, Json], number: int) -> AbstractContextManager[None]:
        """The session that `called` tells of, for the shard of this number; entered and left by all at the same time.

        Raises
        ------
        Lost
            If not all come in time, or one does not stay to the end.
        """
