"""Learners of trees on binned rows, served as XGBoost boosters: what those of several libraries do alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import expit

from meta_models.dataset.reading.chunks import reading_bytes
from meta_models.learners.jobs import (
    CLASS_WEIGHTS,
    CLASSES,
    ClassWeights,
    balanced,
    bytes_of_sample,
    rows_trained_on,
    usable,
)
from meta_models.learners.seam import (
    FitJob,
    Fitted,
    Footprint,
    Json,
    Learner,
    LearnerConfig,
    Predictor,
    Prepared,
    Resources,
    Shape,
    TrainingRows,
)
from meta_models.learners.trees.bins import MOST_BINS, Bins, Codes, binned, make_bins
from meta_models.learners.trees.conversion import Tree, constant_tree, converted, just_above
from meta_models.learners.xgboost.memory import NODE_BYTES
from meta_models.learners.xgboost.predictor import BoosterPredictor, join_boosters, restore_boosters

#: Rows that are scored at a time.
_SCORED_ROWS = 8_192
#: Least and greatest probability that a booster starts from.
_LEAST_PRIOR, _MOST_PRIOR = 1e-6, 1 - 1e-6
_EVEN = 0.5


class TreeConfig(LearnerConfig):
    """Options that all learners of binned trees have."""

    max_bin: Annotated[int, Field(ge=2, le=MOST_BINS)] = Field(MOST_BINS, description="Bins of a feature.")
    class_weights: ClassWeights = Field("none", description=CLASS_WEIGHTS)


@dataclass(frozen=True)
class Part:
    """Some of the binned rows.

    Attributes
    ----------
    rows : ndarray of int (m,)
        Their numbers.
    truth : ndarray of bool (m,)
        Whether they are of the class.
    weights : ndarray of float64 (m,)
        What they count, 1 on average.
    margins : ndarray of float64 (m,), or None
        Log-odds that they begin at; None where they begin at the prior.
    """

    rows: NDArray[np.int64]
    truth: NDArray[np.bool_]
    weights: NDArray[np.float64]
    margins: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Task:
    """What trees are grown on; made by `PreparedBins.fit`.

    Attributes
    ----------
    codes : ndarray of uint8 (n_rows, n_features)
        Bins of all rows.
    n_bins : ndarray of int (n_features,)
        Bins that each feature has.
    train, watched : Part
        Rows trained on, and rows whose loss is told after each round (maybe none).
    stopping : bool
        Whether the loss of the watched rows decides when to stop.
    rounds : int
        Most rounds.
    prior : float
        Share of the class.
    features : ndarray of int
        Numbers of the features that may be split on.
    constraints : tuple of int (n_features,)
        As in `FitJob`.
    """

    codes: Codes
    n_bins: NDArray[np.int64]
    train: Part
    watched: Part
    stopping: bool
    rounds: int
    prior: float
    features: NDArray[np.int64]
    constraints: tuple[int, ...]
    seed: int
    threads: int

    @property
    def begins_at(self) -> float:
        """The probability that trees are added to: even odds, which add nothing, where rows have margins."""
        return self.prior if self.train.margins is None else _EVEN

    def codes_of(self, part: Part, dtype: Any, *, order: Any = "C") -> NDArray[Any]:
        """Bins of the rows of `part` as numbers of the type `dtype`."""
        values = np.empty((len(part.rows), self.codes.shape[1]), dtype, order=order)
        for start in range(0, len(values), 4096):
            values[start : start + 4096] = self.codes[part.rows[start : start + 4096]]
        return values


@dataclass(frozen=True)
class CodeTree:
    """A tree that splits on bins: like `Tree`, but rows whose bin is at most ``code`` go left."""

    left: NDArray[np.integer]
    right: NDArray[np.integer]
    feature: NDArray[np.integer]
    code: NDArray[np.integer]
    value: NDArray[np.float64]
    count: NDArray[np.float64]
    gain: NDArray[np.float64] | None = None

    def on_values(self, bins: Bins) -> Tree:
        """The tree that splits on the values that were binned."""
        inner = self.left >= 0
        below = np.zeros(len(inner), np.float32)
        below[inner] = just_above(bins.edge(self.feature[inner], self.code[inner]))
        return Tree(self.left, self.right, self.feature, below, self.value, self.count, self.gain)


@dataclass(frozen=True)
class Grown:
    """Returned by `BinnedTreeLearner.grow`: the trees, what they start from, and what there is to tell."""

    trees: Sequence[CodeTree]
    prior: float
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)


class BinnedTreeLearner(Learner):
    """A learner of trees that are grown on bins of one byte, for one class at a time.

    The library that grows them is not needed to serve them, and no file of its own is ever read.
    """

    @abstractmethod
    def grow(self, task: Task, config: Any) -> Grown:
        """Grow trees; there is at least one row of the class, one of the others and one feature of two bins."""

    @abstractmethod
    def bytes_of_job(self, shape: Shape, config: Any) -> int:
        """Bytes of growing on all rows of `shape`, the watched ones included."""

    @abstractmethod
    def nodes(self, shape: Shape, config: Any) -> int:
        """Most nodes of the trees of a class."""

    def require_library(self) -> None:
        """Raise UsageError where the library is absent."""

    def footprint(self, shape: Shape, config: Any, resources: Resources) -> Footprint:  # noqa: ARG002
        """One byte a value, and what growing takes."""
        held = shape.rows * shape.features
        reading = int(reading_bytes(shape.rows, shape.features))
        building = held + max(reading, bytes_of_sample(shape))
        predictor = CLASSES * NODE_BYTES * self.nodes(shape, config)
        return Footprint(held, building, self.bytes_of_job(shape, config), predictor)

    @contextmanager
    def prepare(self, rows: TrainingRows, config: Any, resources: Resources) -> Iterator[Prepared]:  # noqa: ARG002
        """Bin the rows."""
        self.require_library()
        bins = make_bins(rows.sample, config.max_bin)
        yield _PreparedBins(self, rows, bins, binned(rows, bins), config)

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """Boosters, checked."""
        return restore_boosters(files, n_inputs, n_targets)

    def join(self, parts: Sequence[Predictor]) -> Predictor:
        """The boosters of all parts."""
        return join_boosters(parts)


@dataclass(frozen=True)
class _PreparedBins(Prepared):
    learner: BinnedTreeLearner
    rows: TrainingRows
    bins: Bins
    codes: Codes
    config: Any

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        """Grow trees, convert them, and have the converted ones score."""
        task = self._task(job, labels == job.targets[0], weights, threads)
        grown = self.learner.grow(task, self.config) if _can_split(task) else _nothing_to_split(task)
        predictor = self._converted(grown)
        rounds, stages = self._rounds(job, len(grown.trees))
        scores = self._scores(predictor, job, stages)
        return Fitted(predictor, scores, stages, rounds, grown.curves, grown.facts)

    def under(self, config: Any) -> Prepared | None:
        """The same bins, which their number alone decides."""
        return replace(self, config=config) if config.max_bin == self.config.max_bin else None

    def _scores(self, predictor: BoosterPredictor, job: FitJob, stages: Sequence[int]) -> NDArray[np.float32]:
        """Scores (n, 1, n_stages) of score rows from their bins: the table is not read, which no forked job may do."""
        rows = np.flatnonzero(job.score)
        parts = [predictor if stage == 0 else predictor.at_stage(stage) for stage in stages]
        scores = np.empty((len(rows), predictor.n_targets, len(parts)), np.float32)
        for start in range(0, len(rows), _SCORED_ROWS):
            here = rows[start : start + _SCORED_ROWS]
            values = self.bins.values(self.codes[here])
            for number, part in enumerate(parts):
                found = part.scores(values) if job.margins is None else expit(part.log_odds(values) + job.margins[here])
                scores[start : start + len(values), :, number] = found
        return scores

    def _task(self, job: FitJob, truth: NDArray[np.bool_], weights: NDArray[np.float32] | None, threads: int) -> Task:
        rows, counted = rows_trained_on(job, truth, weights)
        if self.config.class_weights == "balanced":
            counted = balanced(counted, truth[rows].astype(np.int64))
        train = Part(rows, truth[rows], counted, _margins(job, rows))
        share = float(np.average(train.truth, weights=counted)) if len(rows) else 0.0
        return Task(
            self.codes, np.array([len(edges) + 1 for edges in self.bins.edges]), train, _watched(job, truth, weights),
            stopping=bool(job.stop.any()),
            rounds=job.stages[-1] if job.stages else self.learner.rounds(self.config),
            prior=min(max(share, _LEAST_PRIOR), _MOST_PRIOR),
            features=usable(job, self.codes.shape[1]),
            constraints=job.constraints, seed=self.rows.seed, threads=threads,
        )  # fmt: skip

    def _converted(self, grown: Grown) -> BoosterPredictor:
        trees = [tree.on_values(self.bins) for tree in grown.trees] or [constant_tree()]
        return converted(trees, self.codes.shape[1], prior=grown.prior, side_by_side=not self.learner.traits.stages)

    def _rounds(self, job: FitJob, found: int) -> tuple[int, tuple[int, ...]]:
        """Rounds of the predictor, and the numbers of rounds that its scores are taken after."""
        if not self.learner.traits.stages:
            return 0, (0,)
        return found, (found,) if job.stop.any() or not job.stages else job.stages


def _watched(job: FitJob, truth: NDArray[np.bool_], weights: NDArray[np.float32] | None) -> Part:
    """The stop rows, or the score rows where there are none."""
    rows = np.flatnonzero(job.stop if job.stop.any() else job.score)
    given = job.weights if job.weights is not None else weights
    counted = np.ones(len(rows)) if given is None else given[rows].astype(np.float64)
    counted = counted / counted.mean() if counted.any() else np.ones(len(rows))
    return Part(rows, truth[rows], counted, _margins(job, rows))


def _margins(job: FitJob, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    return None if job.margins is None else job.margins[rows, 0].astype(np.float64)


def _can_split(task: Task) -> bool:
    return bool(task.train.truth.any() and not task.train.truth.all() and (task.n_bins[task.features] > 1).any())


def _nothing_to_split(task: Task) -> Grown:
    return Grown(
        (), task.begins_at, facts={"constant": "the rows trained on are of one class, or the features constant"}
    )
