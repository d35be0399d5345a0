"""What a trial scores in a fold: each a unit that is kept, so that a search goes on where it was killed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError, MemoryBudgetError, UnitsFailed
from meta_models.learners.seam import FitJob, LearnerConfig, Prepared
from meta_models.learners.seam.inputs import TrainingInputs
from meta_models.run_folder import UnitHit, UnitKey, UnitStore, json_bytes
from meta_models.run_folder.writers import digest
from meta_models.schema import CLASSES, SITE_CLASSES
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.inputs.genes import read_by_learner
from meta_models.training.fitting.inputs.motif_columns import motif_columns
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.one_vs_rest import held_out_jobs, one_of_each_fold
from meta_models.training.fitting.problem import audit_task, task_problem, task_rows
from meta_models.training.fitting.rounds import stage_precision
from meta_models.training.fitting.running.run_jobs import processes_for
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import unit_key
from meta_models.training.several.contestants import Contestant
from meta_models.workers import run_jobs

_FILE = "score.json"


@dataclass(frozen=True)
class FoldScore:
    """What came out of a fold.

    Attributes
    ----------
    value : float or None
        Mean average precision of donor and acceptor on the rows held out, weighted as the rows are; None where the
        trial failed.
    reason : str
        Why it failed.
    seconds : float
        That it took when it was fitted.
    """

    value: float | None
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class _Unit:
    """The score of a trial in a fold."""

    task: TrainingTask
    jobs: tuple[FitJob, ...]
    store: UnitStore
    name: str
    key: UnitKey

    def score(self, found: UnitHit) -> FoldScore:
        """What was kept."""
        facts = json.loads(found.read(_FILE))
        return FoldScore(facts["value"], facts["reason"], self.store.timing(self.name).get("total", 0.0))


@dataclass
class _Held:
    """What a learner made of the rows."""

    section: LearnerConfig
    preparation: Preparation
    processes: int = 0

    def under(self, section: LearnerConfig) -> Prepared | None:
        """The same for fits with `section`; None where they need another."""
        prepared = self.preparation.prepared
        return prepared if section == self.section else prepared.under(section)


class FoldScorer:
    """Fits the folds of trials on rows that are prepared once for all trials of a learner, where it can.

    Parameters
    ----------
    task : TrainingTask
        The genes that the search may see.
    room : int
        Learners whose rows are held at a time.
    """

    def __init__(self, task: TrainingTask, folds: Folds, *, room: int) -> None:
        self._task, self._folds, self._room = task, folds, room
        self._held: dict[str, _Held] = {}
        self._rows: dict[str, TrainingInputs] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self._held):
            self._let_go(name)
        self._rows.clear()

    def score(self, learner: str, section: LearnerConfig, fold: int) -> FoldScore:
        """That of `learner` with the options `section` in `fold`, as it was kept, or computed now."""
        unit = self._unit(learner, section, fold)
        found = unit.store.get(unit.name, unit.key)
        if not isinstance(found, UnitHit):
            found = self._computed(unit)
        return unit.score(found)

    def kept(self, learner: str, section: LearnerConfig, fold: int) -> bool:
        """Whether that score was kept."""
        unit = self._unit(learner, section, fold)
        return unit.store.holds(unit.name, unit.key)

    def awaited(self, learner: str, section: LearnerConfig, fold: int) -> FoldScore:
        """That score, which another process has kept; raises WriteError where it does not come to be seen."""
        unit = self._unit(learner, section, fold)
        return unit.score(unit.store.awaited(unit.name, unit.key))

    def _unit(self, learner: str, section: LearnerConfig, fold: int) -> _Unit:
        task = self._task_of(learner, section)
        jobs = held_out_jobs(task_problem(task, self._folds), [fold])
        store = self._task.units.within(f"{learner}-{digest(section.model_dump(mode='json'))[:16]}")
        return _Unit(task, tuple(jobs), store, f"fold-{fold}", _key(task, jobs))

    def _computed(self, unit: _Unit) -> UnitHit:
        """A trial that cannot be fitted is kept as such: a search that goes on must ask what it asked before."""
        started, value, reason = time.monotonic(), None, ""
        try:
            value = self._value(unit.task, unit.jobs)
        except (InputError, UnitsFailed, MemoryBudgetError) as error:
            reason = str(error)
        content = {_FILE: json_bytes({"value": value, "reason": reason})}
        return unit.store.put(unit.name, unit.key, content, timing={"total": time.monotonic() - started})

    def _value(self, task: TrainingTask, jobs: Sequence[FitJob]) -> float:
        prepared, processes = self._prepared(task, jobs)
        labels, weights = task.positions.labels, task.positions.weights
        work = partial(
            _scores, prepared, labels, task.fit_weights,
            1 if processes > 1 else task.threads,
        )  # fmt: skip
        held_out = jobs[0].score
        scores = np.empty((int(held_out.sum()), len(CLASSES), 1), np.float32)
        for job, found in run_jobs(jobs, work, processes=processes):
            scores[:, list(job.targets), 0] = found
        value = float(stage_precision(scores, labels[held_out], weights[held_out], SITE_CLASSES)[0])
        if np.isnan(value):
            raise InputError(f"Fold {jobs[0].fold} must hold out donors or acceptors", "Found none", "Take fewer folds")
        return value

    def _prepared(self, task: TrainingTask, jobs: Sequence[FitJob]) -> tuple[Prepared, int]:
        """The rows for the learner of `task`, and how many jobs run at a time."""
        name, section = task.config.learners[0], task.config.section
        held = self._held.get(name)
        found = None if held is None else held.under(section)
        if held is None or found is None:
            self._make_room(name)
            held = self._held[name] = _Held(section, self._prepare(task))
            found = held.preparation.prepared
        held.processes = held.processes or processes_for(task, held.preparation, jobs)
        return found, held.processes

    def _prepare(self, task: TrainingTask) -> Preparation:
        inputs = task.config.learner.traits.inputs
        if inputs not in self._rows:
            self._rows[inputs] = task_rows(task, audit_task(task))
        motifs = motif_columns(task, one_of_each_fold(task_problem(task, self._folds)))
        return Preparation(task.config.learner, self._rows[inputs], task.config.section, task.resources, motifs)

    def _make_room(self, name: str) -> None:
        self._let_go(name)
        while len(self._held) >= self._room:
            self._let_go(next(iter(self._held)))

    def _let_go(self, name: str) -> None:
        held = self._held.pop(name, None)
        if held is not None:
            held.preparation.__exit__(None, None, None)

    def _task_of(self, learner: str, section: LearnerConfig) -> TrainingTask:
        task = Contestant(learner, None, learner).task(self._task)
        own = replace(task, config=task.config.model_copy(update={"sections": {learner: section}}))
        return read_by_learner(own)


def _key(task: TrainingTask, jobs: Sequence[FitJob]) -> UnitKey:
    """All that the score of a fold depends on: what each of its fits does, and the weights that it is scored with."""
    return UnitStore.key({"score": "average precision", **{job.name: unit_key(task, job) for job in jobs}})


def _scores(
    prepared: Prepared, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, threads: int, job: FitJob
) -> Any:
    """Scores (n_score, n_targets) after the last stage."""
    return prepared.fit(job, labels, weights, threads=threads).scores[:, :, -1]
