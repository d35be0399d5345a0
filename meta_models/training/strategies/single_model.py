"""One model over all genes: three binary boosters from one quantised matrix in memory."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.learners.registry import FAMILIES
from meta_models.learners.xgboost.matrix import release_memory
from meta_models.model.sigmoid import SigmoidMetaModel
from meta_models.training.fitting.fit_table import ChangeJob, as_it_is, fit_table
from meta_models.training.fitting.folds import Folds, make_folds
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.problem import audit_task, task_bins, task_info, total_gains
from meta_models.training.fitting.run_jobs import booster_record
from meta_models.training.fitting.sketches import sketch_audit
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.memory import profile_peak
from meta_models.training.mining.rounds import train_mined
from meta_models.training.strategies.base import StrategyFit, TrainingStrategy


class SingleModelStrategy(TrainingStrategy):
    """Cross-validates on the folds, then trains on all genes with the rounds that cross-validation found."""

    name: ClassVar[str] = "single_model"
    title: ClassVar[str] = "Single XGBoost Model"
    model_file: ClassVar[str] = "model_multiclass.pkl"
    chooses_features: ClassVar[bool] = True

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
        missing, sketches, bins = audit.missing, sketch_audit(task, audit), task_bins(task, audit)
        del audit  # a sample of rows, which is not to lie beside the matrix
        fit = self._train(task, folds, bins, as_it_is)
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
            missing=missing,
            sketches=sketches,
            fold_models={job.fold: self._model(task, fit, job.fold, job.train | job.stop) for job in fit.first_of_fold},
            notes=() if mined is None else mined.notes,
            mining=() if mined is None else mined.records,
        )

    def _cache(self, task: TrainingTask) -> AbstractContextManager[Path | None]:  # noqa: ARG002
        """The folder that holds the matrix; None: it is held in memory."""
        return nullcontext()

    def _train_round(self, task: TrainingTask, folds: Folds, change: ChangeJob) -> FittedProblem:
        """Train on a table that mined rows were added to."""
        return self._train(task, folds, None, change)

    def _train(
        self, task: TrainingTask, folds: Folds, bins: NDArray[np.float32] | None, change: ChangeJob
    ) -> FittedProblem:
        with self._cache(task) as cache:
            return fit_table(task, folds, bins=bins, cache=cache, change=change)  # the matrix goes before its folder

    def _model(
        self, task: TrainingTask, fit: FittedProblem, fold: int, rows: NDArray[np.bool_] | None = None
    ) -> SigmoidMetaModel:
        """The uncalibrated model of `fold`, trained on `rows` (n_rows,)."""
        family = FAMILIES[task.config.family]
        boosters = [family.load(booster.payload, booster.rounds) for booster in fit.of_fold(fold)]
        return SigmoidMetaModel(boosters, task.features, info=task_info(task, self.name, rows))
