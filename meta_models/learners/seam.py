"""The seam between learners and everything else: what a learner is given, and what it must offer.

A learner is fitted on rows (or genes) that are prepared once and serve every job: each fold, each class, the final
model. What is served, stored, explained and scored out of fold is the `Predictor` that its files make again.

Nothing heavy is imported here: the command line reads the options of a learner before it knows what to do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meta_models.learners.course import Course
    from meta_models.learners.shards_seam import Sharded
    from meta_models.learners.start import Start
    from meta_models.learners.tables import FeatureTable

Matrix: TypeAlias = "NDArray[np.float32]"

#: Scores are kept so far from 0 and 1 where log-odds are taken of them.
CLIP = 1e-7
#: Every feature value lies above it: a learner that cannot have NaN may put it there for what is missing.
LEAST_VALUE = -1e30
Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"


class MalformedModel(ValueError):
    """Raised by `Learner.restore` where files are not such as `Predictor.files` makes; nothing native saw them."""


@dataclass(frozen=True)
class Tune:
    """Where a search may look for the value of a field; in its ``Annotated`` type.

    Attributes
    ----------
    low, high : float
        Least and greatest value, both inclusive.
    log : bool
        Whether to draw on a logarithmic scale.
    when : tuple of (str, str) or None
        Another field and the value that it must have for this one to count: else there is nothing to be searched.
    """

    low: float
    high: float
    log: bool = False
    when: tuple[str, str] | None = None


class LearnerConfig(BaseModel):
    """The options of a learner: each field has a description, and `Tune` where a search may vary it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


@dataclass(frozen=True)
class Shape:
    """The size of a table, for `Learner.footprint`.

    Attributes
    ----------
    rows, features : int
    kmers : int
        Features among them that count k-mers: they have few distinct values.
    sites : int
        Rows that are donors or acceptors.
    positions : int
        Positions of the genes and of their flanks, for learners of genes; 0 where there are none.
    genes, inner : int
        Number of these genes, and their positions without flanks.
    """

    rows: int
    features: int
    kmers: int = 0
    sites: int = 0
    positions: int = 0
    genes: int = 0
    inner: int = 0


@dataclass(frozen=True)
class Resources:
    """What a fit may use.

    Attributes
    ----------
    threads : int
        CPU threads.
    device : str
        ``cpu`` or ``cuda``.
    cache : Path or None
        A folder in which the representation is kept on disk instead of in memory.
    """

    threads: int = 1
    device: str = "cpu"
    cache: Path | None = None


@dataclass(frozen=True)
class Footprint:
    """Predicted bytes of memory; all beside what the process itself takes.

    Attributes
    ----------
    held : int
        Of the representation, while jobs run.
    building : int
        At most, while the representation is made (what is held at the end included).
    job : int
        Of one job, beside `held`.
    predictor : int
        Of a predictor of all classes, loaded.
    disk : int
        On disk, in the cache folder.
    """

    held: int
    building: int
    job: int
    predictor: int
    disk: int = 0


@dataclass(frozen=True)
class Traits:
    """What is true of a learner.

    Attributes
    ----------
    targets : str
        ``each``: a job is one class against the rest; ``all``: a job is all classes at once.
    inputs : str
        ``rows`` of a table, or whole ``genes``.
    weights : bool
        Whether rows can be weighted.
    stages : bool
        Whether scores after fewer rounds are known, so that cross-validation can choose their number.
    stopping : bool
        Whether stop rows decide when to stop.
    checkpoints : bool
        Whether a fit hands out its state on the way, and can go on from it: `GenePrepared.fit`.
    constraints, features : bool
        Whether a job may name monotone constraints, or the features that may be used.
    on_disk : bool
        Whether the representation can be kept in a cache folder.
    shards : bool
        Whether its fits can go over shards of the rows that processes apart hold: `Learner.sharded`.
    streamed : bool
        Whether it sees the table block by block, holding one at a time (strategy ``incremental``).
    starts : bool
        Whether fits can go on from the model of another run (`Start`).
    side_by_side : bool
        Whether jobs may run in forked processes over one representation: not where a fit reads the table, whose
        reader's threads do not live on in a forked process.
    devices : tuple of str
        Devices that it can be fitted on.
    extra : str or None
        The extra of the package that installs its library; None where the core has it.
    """

    targets: Literal["each", "all"]
    inputs: Literal["rows", "genes"] = "rows"
    weights: bool = True
    stages: bool = False
    stopping: bool = False
    checkpoints: bool = False
    constraints: bool = False
    features: bool = False
    on_disk: bool = False
    shards: bool = False
    streamed: bool = False
    starts: bool = False
    side_by_side: bool = True
    devices: tuple[str, ...] = ("cpu",)
    extra: str | None = None


@dataclass(frozen=True)
class TrainingRows:
    """Rows without labels, from which a learner makes its representation.

    Attributes
    ----------
    table : FeatureTable
    features : tuple of str
        The features that are trained on.
    sample : ndarray of float32 (m, n_features)
        Some rows, half of them uniform and half with the highest base scores, NaN where missing: for bins, scales and
        landmarks. Labels were not looked at.
    seed : int
        Seed of everything random.
    start : Start or None
        The model of another run whose margins fits begin at: learners get these with their jobs.
    """

    table: FeatureTable
    features: tuple[str, ...]
    sample: Matrix
    seed: int = 0
    start: Start | None = None

    def chunks(self, rows: int | None = None) -> Iterator[Matrix]:
        """C-ordered float32 chunks (rows, n_features) in row order, NaN where missing; may be asked for again."""
        return self.table.iter_matrix(self.features, rows)


@dataclass(frozen=True)
class FitJob:
    """One fit: a fold (-1: the final model) and one class against the rest, or all classes at once.

    Attributes
    ----------
    targets : tuple of int
        The class, or all of them in their order.
    train, stop, score : ndarray of bool (n_rows,)
        Rows trained on; rows that only decide when to stop; rows to score. They are disjoint.
    stages : tuple of int
        Numbers of rounds after which the score rows are scored; the last is the most rounds. Where there are stop rows
        the best round up to the last is taken. Empty: as many rounds as the section says, or a learner without rounds.
    weights : ndarray of float32 (n_rows,), or None
        What rows count in this job; None where it is what they count in the task.
    features : ndarray of bool (n_features,), or None
        Features that may be used; None for all. The jobs of one table all name some, or none does.
    constraints : tuple of int
        For each feature 1 or -1 where its rise may only raise or only lower the score, else 0; empty: none.
    margins : ndarray of float32 (n_rows, n_targets), or None
        Log-odds that the fit begins at, of learners of rows with the trait ``starts``: its scores are of the sum, its
        predictor is what it adds. The jobs of one table all have some, or none does.
    """

    name: str
    fold: int
    targets: tuple[int, ...]
    train: NDArray[np.bool_]
    stop: NDArray[np.bool_]
    score: NDArray[np.bool_]
    stages: tuple[int, ...] = ()
    weights: NDArray[np.float32] | None = None
    features: NDArray[np.bool_] | None = None
    constraints: tuple[int, ...] = ()
    margins: NDArray[np.float32] | None = None

    def __str__(self) -> str:
        return self.name


class Predictor(ABC):
    """A fitted learner: numpy in, numpy out. Several threads may call it at once.

    Attributes
    ----------
    n_inputs, n_targets : int
        Columns of the matrices that `scores` takes and gives.
    """

    n_inputs: int
    n_targets: int

    @abstractmethod
    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Scores (n, n_targets) in [0, 1] of a float32 (n, n_inputs) matrix, NaN where a value is missing."""

    def log_odds(self, matrix: Matrix) -> NDArray[np.float64]:
        """Log-odds (n, n_targets) of the scores; exact where a score is too near to 0 or 1 to tell them."""
        import numpy as np

        scores = np.clip(self.scores(matrix), CLIP, 1 - CLIP)
        return np.asarray(np.log(scores) - np.log1p(-scores))

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """All that `Learner.restore` needs, by plain file names: data only, equal bytes for equal predictors."""

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        """Importances by their name (``gain``, ``cover``, ``coefficient``), each (n_targets, n_inputs), at least 0."""
        return {}

    def contributions(self, matrix: Matrix, *, approximate: bool = False) -> NDArray[np.float64] | None:  # noqa: ARG002
        """What each feature adds to the log-odds of each target, (n, n_targets, n_inputs + 1).

        The last column is the same for all rows; a row sums to its log-odds. None where a learner has none.
        """
        return None

    def at_stage(self, rounds: int) -> Predictor:
        """The predictor after its first `rounds` rounds; of learners with trait ``stages`` only."""
        raise TypeError(f"{type(self).__name__} has no stages, {rounds} of them were asked for")

    def facts(self) -> Mapping[str, Json]:
        """What is worth saying of it: numbers of trees, of references, of weights."""
        return {}

    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""
        del n


@dataclass(frozen=True)
class Fitted:
    """Returned by `Prepared.fit`.

    Attributes
    ----------
    scores : ndarray of float32 (n_score, n_targets, n_stages)
        Scores of the job's score rows, in row order, as the restored predictor gives them; one stage where the learner
        has none.
    stages : tuple of int
        Numbers of rounds that `scores` were taken after; (0,) where the learner has none.
    rounds : int
        Rounds that the predictor has; 0 where the learner has none.
    curves : mapping of str to tuple of float
        Log-loss after each round: ``train``, and ``held_out`` (stop rows, or score rows where there are none).
    facts : mapping
        What else the learner wants to tell of this fit (stopped early, rows of a cap, convergence).
    """

    predictor: Predictor
    scores: NDArray[np.float32]
    stages: tuple[int, ...] = (0,)
    rounds: int = 0
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)


class Prepared(ABC):
    """The rows (or genes) in the form that serves all jobs."""

    @abstractmethod
    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        """Fit `job`. Labels and weights are (n_rows,); rows outside ``job.train`` change nothing (but when to stop).

        ``job.weights``, where given, stand in for `weights`.
        """

    def course(
        self, jobs: Sequence[FitJob], labels: NDArray[np.integer], weights: NDArray[np.float32] | None
    ) -> Course:
        """Fits of `jobs` that go over the rows together, pass by pass; of learners with the trait ``streamed`` only."""
        del jobs, labels, weights
        raise TypeError(f"{type(self).__name__} does not go over rows in passes")

    def verify(self) -> None:  # noqa: B027 - most representations cannot be changed behind a learner's back
        """Raise where the representation was changed behind the learner's back; called before a fit is kept."""

    def under(self, config: Any) -> Prepared | None:
        """The same rows for fits with other options; None where other options need another representation."""
        del config
        return None


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

        `rows` are `TrainingRows`, or `genes_seam.TrainingGenes` where the trait ``inputs`` is ``genes``.
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

    @abstractmethod
    def join(self, parts: Sequence[Predictor]) -> Predictor:
        """Predictors of one target each, in the order of the classes, as one of all targets."""

    def require_library(self) -> None:  # noqa: B027 - most learners need nothing that is not there
        """Raise UsageError, naming the extra, where the library that fits is absent; asked before a table is read."""

    def versions(self) -> Mapping[str, str]:
        """Versions of the libraries that decide what is fitted, by their names."""
        return {}

    def gpu_obstacle(self) -> str:
        """Why the library that is installed cannot use a GPU; empty where it can. Of learners with that device."""
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
