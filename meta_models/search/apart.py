"""Folds of trials scored by processes apart, on other machines perhaps: all folds of a trial at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from meta_models.learners.seam import LearnerConfig
from meta_models.resources import PeakSampler
from meta_models.run_folder import UnitRecord, UnitStore
from meta_models.search.fold_scores import FoldScore, FoldScorer
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.task import TrainingTask
from meta_models.workers import Executor, NumberedWork

_ADVICE = "Give workers more memory, or take fewer on a machine"


@dataclass(frozen=True)
class TrialWork(NumberedWork):
    """Some folds of a trial, by their numbers."""

    task: TrainingTask
    folds: Folds
    learner: str
    section: LearnerConfig

    def placed(self, threads: int, limit: int) -> Self:
        """The same with so many threads, and so many bytes at most."""
        return replace(self, task=replace(self.task, threads=threads), threads=threads, limit=limit)


Records = tuple[tuple[str, UnitRecord], ...]


def score_folds(work: TrialWork) -> Records:
    """Score the folds of `work` and keep the scores; how each came about. Runs in a process of its own."""
    records: list[tuple[str, UnitRecord]] = []
    store = UnitStore(work.task.units.folder, lambda name, record: records.append((name, record)))
    task = replace(work.task, units=store)
    with PeakSampler(work.limit, advice=_ADVICE), FoldScorer(task, work.folds, room=1) as scorer:
        for fold in work.numbers:
            scorer.score(work.learner, work.section, fold)
    return tuple(records)


class FarmScorer:
    """What `FoldScorer` scores, by the farm of the task.

    All folds of a trial begin at once; those of a trial that is given up are cancelled when the next one begins.

    Parameters
    ----------
    task : TrainingTask
        The genes that the search may see.
    """

    def __init__(self, task: TrainingTask, folds: Folds) -> None:
        self._task, self._folds = task, folds
        self._here = FoldScorer(task, folds, room=1)
        self._trial: tuple[str, LearnerConfig] | None = None
        self._missing: set[int] = set()
        self._running: set[int] = set()
        self._executor: Executor[TrialWork, Records] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def score(self, learner: str, section: LearnerConfig, fold: int) -> FoldScore:
        """That of `learner` with the options `section` in `fold`, as it was kept, or once it was computed.

        Raises
        ------
        MetaModelsError
            That the process of a fold died; what was finished is kept.
        """
        if (learner, section) != self._trial:
            self._begin(learner, section)
        if fold not in self._missing:
            return self._here.score(learner, section, fold)
        self._wait_for(fold)
        return self._here.awaited(learner, section, fold)

    def _wait_for(self, fold: int) -> None:
        while fold in self._running and self._executor is not None:
            for ended in self._executor.ended():
                for name, record in ended.unwrap():
                    self._task.units.tell(name, record)
                self._running -= set(ended.argument.numbers)

    def _begin(self, learner: str, section: LearnerConfig) -> None:
        self._stop()
        self._trial = learner, section
        folds = range(self._folds.n_folds)
        self._missing = {fold for fold in folds if not self._here.kept(learner, section, fold)}
        self._running = set(self._missing)
        self._executor = self._task.farm.executor(score_folds, threads=self._task.threads)
        work = TrialWork(self._task.portable(), self._folds, learner, section, limit=self._task.budget)
        for fold in sorted(self._missing):
            self._executor.start(f"{learner}-fold-{fold}", replace(work, numbers=(fold,)))

    def _stop(self) -> None:
        if self._executor is not None:
            self._executor.close()
        self._executor = None
