"""Everything about one learner, behind one class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

from meta_models.learners.seam.fit import Prepared
from meta_models.learners.seam.memory import Footprint, Resources, Shape
from meta_models.learners.seam.options import LearnerConfig
from meta_models.learners.seam.predictor import Predictor
from meta_models.learners.seam.traits import Traits

if TYPE_CHECKING:
    from meta_models.learners.seam.shards import Sharded
    from meta_models.learners.seam.start import Start


class Learner(ABC):
    """Everything about one learner. Its library is imported when it is used, not before."""

    name: ClassVar[str]
    title: ClassVar[str]
    Config: ClassVar[type[LearnerConfig]]
    traits: ClassVar[Traits]

    @abstractmethod
    def footprint(self, shape: Shape, config: Any, resources: Resources) -> Footprint:
        """Memory of a representation of `shape` and of a job on it. Pure."""

    @abstractmethod
    def prepare(self, rows: Any, config: Any, resources: Resources) -> AbstractContextManager[Prepared]:
        """Bring the rows into the form that serves all jobs, for as long as the context lasts.

        `rows` are `TrainingRows`, or `seam.genes.TrainingGenes` where the trait ``inputs`` is ``genes``: there also
        `seam.windows.TrainingWindows`, with the trait ``windows``.
        """

    def sharded(self) -> Sharded:
        """Its way over shards of the rows; of learners with the trait ``shards`` only."""
        raise TypeError(f"{self.name} is fitted to rows that one process holds")

    @abstractmethod
    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """The predictor that `Predictor.files` came from. Checks first, then loads; never runs what is in the files.

        Raises
        ------
        MalformedModel
            If anything in them is not such as `Predictor.files` makes it.
        """

    def join(self, parts: Sequence[Predictor]) -> Predictor:
        """Predictors of one target each, in the order of the classes, as one of all targets.

        Where all classes are fitted at once the one part has them already.
        """
        if self.traits.targets == "each" or len(parts) != 1:
            raise TypeError(f"predictors of {self.name} cannot be joined, found {len(parts)} parts")
        return parts[0]

    def require_library(self) -> None:  # noqa: B027 - most learners need nothing that is not there
        """Raise UsageError, naming the extra, where the library that fits is absent; asked before a table is read."""

    def failures(self) -> tuple[type[Exception], ...]:
        """What its library raises where a fit cannot be done: such a learner is named, and others go on without it."""
        return ()

    def versions(self) -> Mapping[str, str]:
        """Versions of the libraries that decide what is fitted, by their names."""
        return {}

    def gpu_obstacle(self) -> str:
        """Why the library that is installed cannot use a GPU; empty where it can. Of learners with that device."""
        return ""

    def not_of_windows(self, config: Any) -> str:
        """An option in use that needs whole genes; empty where none does. Of learners with the trait ``windows``."""
        del config
        return ""

    def start_differences(self, start: Start, config: Any) -> tuple[str, ...]:
        """In what options the predictor of `start` differs from what `config` makes, so that no fit can go on from it.

        Of learners with the trait ``starts``; that the inputs are the same was seen before.
        """
        del start, config
        return ()

    def going_on(self, config: Any) -> str:
        """How a fit goes on from the predictor of another run, to be put behind a sentence; empty: as it always does.

        Of learners with the trait ``starts``.
        """
        del config
        return ""

    def cpu_seconds(self, shape: Shape, config: Any) -> float | None:
        """About the seconds that a fit to all of `shape` takes on one core; None where nobody has measured it."""
        del shape, config
        return None

    def device_bytes(self, shape: Shape, config: Any) -> int:
        """Predicted peak of a GPU's memory in bytes. Of learners with that device."""
        del shape, config
        return 0

    def cheaper(self, config: Any, rounds: int) -> Any:
        """`config` for a cheap fit with at most `rounds` rounds; itself where there are none."""
        del rounds
        return config

    def rounds(self, config: Any) -> int:
        """Most rounds of a fit; 0 where the learner has none."""
        del config
        return 0
