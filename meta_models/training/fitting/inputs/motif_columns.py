"""Motif scores, fitted inside each fold, as columns behind those of the table.

One representation of the rows serves all folds, but each fold has motifs of its own, fitted on its training rows alone.
So every fold (and the final model) has two columns of its own behind the table's, and its fits may use these two and no
other fold's: two columns a fold cost less than a representation a fold, and nothing else has to know of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import UsageError
from meta_models.features import MOTIF_COLUMNS, MOTIF_SCORES, MotifCounts, Motifs, column_names
from meta_models.learners.motif_predictor import MotifLayout, MotifPredictor
from meta_models.learners.seam import FitJob, Fitted, Matrix, Prepared, TrainingRows
from meta_models.learners.seam.course import Course
from meta_models.learners.seam.tables import FeatureTable
from meta_models.progress import Progress
from meta_models.training.fitting.task import TrainingTask

logger = logging.getLogger(__name__)
_WIDTH = len(MOTIF_SCORES)


@dataclass(frozen=True)
class MotifColumns:
    """The motifs of every fold of a table; made by :func:`fit_fold_motifs`.

    Attributes
    ----------
    features : tuple of str
        Columns of the table.
    motifs : dict of int to Motifs
        By fold, in the order of their columns.
    """

    features: tuple[str, ...]
    motifs: dict[int, Motifs]

    @property
    def codes(self) -> tuple[int, ...]:
        """Where the base codes stand among the columns."""
        return tuple(map(self.features.index, MOTIF_COLUMNS))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns: those of the table, then a pair for each fold."""
        return (*self.features, *(f"{name}@{fold}" for fold in self.motifs for name in MOTIF_SCORES))

    def layout(self, fold: int) -> MotifLayout:
        """Where the columns of `fold` stand."""
        first = len(self.features) + _WIDTH * list(self.motifs).index(fold)
        return MotifLayout(len(self.features), len(self.names), self.codes, (first, first + 1))

    def widened(self, matrix: Matrix) -> Matrix:
        """The table's rows (n, F) with the columns of all folds behind, C-ordered."""
        codes = matrix[:, list(self.codes)]
        return np.concatenate([matrix, *(motifs.scores(codes) for motifs in self.motifs.values())], axis=1)

    def rows(self, rows: TrainingRows) -> TrainingRows:
        """`rows` with these columns."""
        return replace(rows, table=_Widened(rows.table, self), features=self.names, sample=self.widened(rows.sample))

    def job(self, job: FitJob) -> FitJob:
        """`job`, which may use the columns of its own fold."""
        allowed = np.zeros(len(self.names), bool)
        allowed[: len(self.features)] = True if job.features is None else job.features
        allowed[list(self.layout(job.fold).scores)] = True
        added = (0,) * (len(self.names) - len(self.features))
        return replace(job, features=allowed, constraints=(*job.constraints, *added) if job.constraints else ())

    def fitted(self, job: FitJob, fitted: Fitted) -> Fitted:
        """What was `fitted` for `job`, with a predictor that computes the motif scores of its fold by itself."""
        motifs, layout = self.motifs[job.fold], self.layout(job.fold)
        return replace(fitted, predictor=MotifPredictor(fitted.predictor, motifs, layout))


@dataclass(frozen=True)
class _Widened:
    """A table with motif columns behind its own."""

    table: FeatureTable
    columns: MotifColumns

    @property
    def source(self) -> str:
        """What the table is called."""
        return self.table.source

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.table.n_rows

    def iter_matrix(self, columns: Sequence[str], chunk_rows: int | None = None) -> Iterator[Matrix]:
        """Chunks of all columns."""
        if tuple(columns) != self.columns.names:
            raise AssertionError("motif columns are read with all others")
        rows = rows_of_chunk(len(columns)) if chunk_rows is None else chunk_rows
        yield from map(self.columns.widened, self.table.iter_matrix(self.columns.features, rows))


@dataclass(frozen=True)
class WithMotifs(Prepared):
    """What a learner prepared of rows with motif columns; its predictors compute their motif scores by themselves."""

    prepared: Prepared
    columns: MotifColumns

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        """Fit `job` with the motif scores of its fold."""
        return self.columns.fitted(job, self.prepared.fit(self.columns.job(job), labels, weights, threads=threads))

    def course(
        self, jobs: Sequence[FitJob], labels: NDArray[np.integer], weights: NDArray[np.float32] | None
    ) -> Course:
        """Fits of `jobs`, each with the motif scores of its fold."""
        own = [self.columns.job(job) for job in jobs]
        return _CourseWithMotifs(self.prepared.course(own, labels, weights), jobs, self.columns)

    def verify(self) -> None:
        """As what was prepared."""
        self.prepared.verify()

    def under(self, config: Any) -> Prepared | None:
        """As what was prepared."""
        prepared = self.prepared.under(config)
        return None if prepared is None else replace(self, prepared=prepared)


class _CourseWithMotifs(Course):
    """A course whose predictors compute their motif scores by themselves."""

    def __init__(self, course: Course, jobs: Sequence[FitJob], columns: MotifColumns) -> None:
        self._course, self._jobs, self._columns = course, jobs, columns
        self.passes, self.done = course.passes, course.done

    def go_over(self) -> None:
        self._course.go_over()
        self.done = self._course.done

    def state(self) -> dict[str, bytes]:
        return self._course.state()

    def restore(self, state: Mapping[str, bytes]) -> None:
        self._course.restore(state)
        self.done = self._course.done

    def fitted(self) -> list[Fitted]:
        return [self._columns.fitted(*pair) for pair in zip(self._jobs, self._course.fitted(), strict=True)]


def motif_obstacle(task: TrainingTask) -> str:
    """Why the fits of `task` have no motif scores; empty where they have.

    Raises
    ------
    UsageError
        If they must have them and cannot.
    """
    why = "--motifs off" if task.config.motifs == "off" else _obstacle(task)
    _require_motifs(task.config, why)
    return why


def require_base_codes(dataset: Dataset, config: TrainingConfig) -> None:
    """Refuse ``--motifs on`` for a table that has none; what is left out of it is known only after screening."""
    _require_motifs(config, _without_codes(dataset))


def _require_motifs(config: TrainingConfig, why: str) -> None:
    if why and config.motifs == "on":
        found = why[0].upper() + why[1:]
        raise UsageError("--motifs on needs the bases around each position, and a learner of chosen features", found)


def _without_codes(dataset: Dataset) -> str:
    recipe = dataset.info.recipe
    known = recipe is not None and set(MOTIF_COLUMNS) <= set(column_names(recipe))
    return "" if known else "the table has no recipe with base codes (the group sequence of meta-models build)"


def _obstacle(task: TrainingTask) -> str:
    traits = task.config.learner.traits
    if why := _without_codes(task.dataset):
        return why
    if lacking := [name for name in MOTIF_COLUMNS if name not in task.features]:
        return f"base codes were left out: {', '.join(lacking[:5])}"
    if not traits.features or traits.inputs != "rows":
        return f"{task.config.learner.title} cannot be told which features a fit may use"
    return ""


def motif_columns(task: TrainingTask, jobs: Sequence[FitJob]) -> Callable[[], MotifColumns] | None:
    """What fits the motifs of `jobs`, one of each fold, when they are needed; None where there are none."""
    why = motif_obstacle(task)
    if why and task.dataset.info.recipe is not None:
        logger.info("No motif scores: %s", why)
    return None if why else partial(fit_fold_motifs, task, tuple(jobs))


def fit_fold_motifs(task: TrainingTask, jobs: Sequence[FitJob]) -> MotifColumns:
    """Fit motifs on the training rows of each of `jobs`, with their weights, in one pass over the base codes."""
    labels, given = task.positions.labels, task.training_weights
    counts = [MotifCounts() for _ in jobs]
    first = 0
    chunks = task.dataset.iter_matrix(MOTIF_COLUMNS)
    for codes in Progress("Fitting motifs").track(chunks, task.dataset.n_rows):
        here = slice(first, first + len(codes))
        for job, found in zip(jobs, counts, strict=True):
            rows, weights = job.train[here], given if job.weights is None else job.weights
            of_rows = np.ones(int(rows.sum())) if weights is None else weights[here][rows].astype(np.float64)
            found.add(codes[rows], labels[here][rows], of_rows)
        first += len(codes)
    logger.info("Motif scores were fitted on the training genes of each fold")
    return MotifColumns(task.features, {job.fold: found.motifs() for job, found in zip(jobs, counts, strict=True)})
