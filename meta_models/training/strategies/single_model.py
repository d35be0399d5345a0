"""One model over all genes: three binary boosters from one quantised matrix in memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.model.sigmoid import SigmoidMetaModel
from meta_models.training.boosters import booster_record, train_boosters
from meta_models.training.families import FAMILIES, BoosterJob, FittedBooster
from meta_models.training.folds import Folds, make_folds
from meta_models.training.jobs import audit_task, task_info, task_problem, total_gains
from meta_models.training.matrix import Audit, release_memory
from meta_models.training.memory import profile_peak
from meta_models.training.mining import ChangeJob, train_mined
from meta_models.training.one_vs_rest import FINAL, FittedProblem, fit_one_vs_rest
from meta_models.training.sketches import sketch_audit
from meta_models.training.strategies.base import StrategyFit, TrainingStrategy
from meta_models.training.task import TrainingTask


class SingleModelStrategy(TrainingStrategy):
    """Cross-validates on the folds, then trains on all genes with the rounds that cross-validation found."""

    name: ClassVar[str] = "single_model"
    title: ClassVar[str] = "Single XGBoost Model"
    model_file: ClassVar[str] = "model_multiclass.pkl"
    mines: ClassVar[bool] = True

    def predict_peak(
        self,
        profile: DatasetProfile,
        config: TrainingConfig,
        threads: int,
        *,
        budget: int = sys.maxsize,  # noqa: ARG002 - one model takes what it takes
    ) -> int:
        """Peak memory of the process tree in bytes."""
        return profile_peak(profile, config, threads)

    def _fit(self, task: TrainingTask) -> StrategyFit:
        folds = make_folds(task.positions, task.config)
        audit = audit_task(task)
        fit = self._train(task, folds, audit, _as_it_is)
        mined = None if task.pool is None else train_mined(task, task.pool, folds, fit, self._train_round)
        fit = fit if mined is None else mined.fit
        release_memory()
        return StrategyFit(
            scores=fit.scores(),
            fold=folds.of_row,
            build=lambda calibrators: self._model(task, fit, FINAL).with_calibrators(calibrators),
            folds=tuple(folds.record(job.fold, job.stop) for job in fit.first_of_fold),
            boosters=tuple(booster_record(job, fit.fitted[job.name]) for job in (*fit.held_out, *fit.final)),
            gains=total_gains(task, fit.final, fit.fitted),
            missing=audit.missing,
            sketches=sketch_audit(task, audit),
            fold_models={job.fold: self._model(task, fit, job.fold, job.train | job.stop) for job in fit.first_of_fold},
            notes=() if mined is None else mined.notes,
            mining=() if mined is None else mined.records,
        )

    def _cache(self, task: TrainingTask) -> AbstractContextManager[Path | None]:  # noqa: ARG002
        """The folder that holds the matrix; None: it is held in memory."""
        return nullcontext()

    def _train_round(self, task: TrainingTask, folds: Folds, change: ChangeJob) -> FittedProblem:
        """Train on a table that mined rows were added to."""
        return self._train(task, folds, audit_task(task), change)

    def _train(self, task: TrainingTask, folds: Folds, audit: Audit, change: ChangeJob) -> FittedProblem:
        with self._cache(task) as cache:
            return _train_all(task, folds, audit, cache, change)  # the matrix is gone before its folder

    def _model(
        self, task: TrainingTask, fit: FittedProblem, fold: int, rows: NDArray[np.bool_] | None = None
    ) -> SigmoidMetaModel:
        """The uncalibrated model of `fold`, trained on `rows` (n_rows,)."""
        family = FAMILIES[task.config.family]
        boosters = [family.load(booster.payload, booster.rounds) for booster in fit.of_fold(fold)]
        return SigmoidMetaModel(boosters, task.features, info=task_info(task, self.name, rows))


def _as_it_is(job: BoosterJob) -> BoosterJob:
    return job


def _train_all(task: TrainingTask, folds: Folds, audit: Audit, cache: Path | None, change: ChangeJob) -> FittedProblem:
    family = FAMILIES[task.config.family]
    table = family.prepare(task.dataset, task.features, audit, task.config, threads=task.threads, cache=cache)
    train = partial(_train_jobs, task, table, change, side_by_side=cache is None)
    return fit_one_vs_rest(task_problem(task, folds), train)


def _train_jobs(
    task: TrainingTask, table: Any, change: ChangeJob, jobs: Sequence[BoosterJob], title: str, *, side_by_side: bool
) -> dict[str, FittedBooster]:
    """A function of its own: the frame of a closure would keep `table` alive as long as the traceback of an error."""
    changed = [change(job) for job in jobs]
    fitted = train_boosters(task, table, changed, title, side_by_side=side_by_side)
    return {job.name: fitted[renamed.name] for job, renamed in zip(jobs, changed, strict=True)}
