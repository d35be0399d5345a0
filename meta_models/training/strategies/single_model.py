"""One model over all genes, from rows that are prepared once and held in memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.learners.seam import FitJob, Fitted, Resources
from meta_models.learners.seam.inputs import TrainingInputs
from meta_models.model import FeatureSketch
from meta_models.model.single import SingleModel
from meta_models.resources.heap import release_memory
from meta_models.resources.needs import NO_ANALYSES, AnalysisNeeds
from meta_models.training.fitting.fit_table import ChangeJob, as_it_is, fit_jobs, fit_table
from meta_models.training.fitting.folds import Folds, make_folds
from meta_models.training.fitting.inputs.genes import model_features
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.problem import audit_task, task_info, task_rows, total_gains
from meta_models.training.fitting.running.run_jobs import fit_record
from meta_models.training.fitting.sketches import sketch_audit
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.memory import profile_peak
from meta_models.training.mining.rounds import train_mined
from meta_models.training.stages.requirements import planned_stages
from meta_models.training.stages.train import Staged, Training, train_stages
from meta_models.training.strategies.base import StrategyFit, TrainingStrategy


class SingleModelStrategy(TrainingStrategy):
    """Cross-validates on the folds, then trains on all genes with the rounds that cross-validation found."""

    name: ClassVar[str] = "single_model"
    title: ClassVar[str] = "Single Model"
    model_file: ClassVar[str] = "model_multiclass.pkl"
    trains_folds: ClassVar[bool] = True
    keeps_fold_models: ClassVar[bool] = True
    #: Whether all fits go over the rows together.
    streamed: ClassVar[bool] = False
    has_units: ClassVar[bool] = True

    def predict_peak(
        self,
        profile: DatasetProfile,
        config: TrainingConfig,
        resources: Resources,
        *,
        needs: AnalysisNeeds = NO_ANALYSES,
        budget: int = sys.maxsize,  # noqa: ARG002 - one model takes what it takes
    ) -> int:
        """Peak memory of the process tree in bytes."""
        return profile_peak(profile, config, resources, needs)

    def _fit(self, task: TrainingTask) -> StrategyFit:
        folds = self.folds(task)
        stages = planned_stages(task, folds)
        audit = audit_task(task)
        missing, sketches, rows = audit.missing, sketch_audit(task, audit), [task_rows(task, audit)]
        del audit  # a sample of rows, which is not to lie beside what is prepared
        fit = self._train(task, folds, rows.pop(), as_it_is)
        mined = None if task.pool is None else train_mined(task, task.pool, folds, fit, self._train_round)
        fit = fit if mined is None else mined.fit
        training = Training(self._train_round, self.fit_jobs)
        staged = train_stages(task, folds, fit, stages, training) if stages else Staged(fit)
        fit = staged.fit
        release_memory()
        notes = (*(() if mined is None else mined.notes), *staged.notes)
        told = self.told(task, folds, fit, missing, sketches)
        return replace(told, notes=notes, mining=() if mined is None else mined.records)

    def told(
        self,
        task: TrainingTask,
        folds: Folds,
        fit: FittedProblem,
        missing: NDArray[np.int64],
        sketches: Mapping[str, FeatureSketch],
    ) -> StrategyFit:
        """What is told of the fits of all folds and of the final model."""
        return StrategyFit(
            scores=fit.scores(),
            fold=folds.of_row,
            build=lambda calibrators: self._model(task, fit, FINAL).with_calibrators(calibrators),
            folds=tuple(folds.record(job.fold, job.stop) for job in fit.first_of_fold),
            fits=tuple(
                fit_record(task.config.learner, job, fit.fitted[job.name]) for job in (*fit.held_out, *fit.final)
            ),
            gains=total_gains(fit.final, fit.fitted, len(task.features)),
            missing=missing,
            sketches=sketches,
            fold_models={job.fold: self._model(task, fit, job.fold, job.train | job.stop) for job in fit.first_of_fold},
        )

    def fit_jobs(self, task: TrainingTask, jobs: Sequence[FitJob], title: str) -> dict[str, Fitted]:
        """Fit `jobs` on the rows of `task`, prepared once as this strategy does; the results by name of the job."""
        with self._cache(task) as cache:
            return fit_jobs(task, jobs, title, cache)

    def folds(self, task: TrainingTask) -> Folds:
        """What is held out together."""
        return make_folds(task.positions, task.config)

    def _cache(self, task: TrainingTask) -> AbstractContextManager[Path | None]:  # noqa: ARG002
        """The folder that holds what is prepared; None: it is held in memory."""
        return nullcontext()

    def _train_round(self, task: TrainingTask, folds: Folds, change: ChangeJob) -> FittedProblem:
        """Train on a table that mined rows were added to, or whose rows count otherwise."""
        return self._train(task, folds, None, change)

    def _train(self, task: TrainingTask, folds: Folds, rows: TrainingInputs | None, change: ChangeJob) -> FittedProblem:
        with self._cache(task) as cache:  # what is prepared goes before its folder
            return fit_table(task, folds, rows=rows, cache=cache, change=change, streamed=self.streamed)

    def _model(
        self, task: TrainingTask, fit: FittedProblem, fold: int, rows: NDArray[np.bool_] | None = None
    ) -> SingleModel:
        """The uncalibrated model of `fold`, trained on `rows` (n_rows,)."""
        info = task_info(task, self.name, rows)
        features = model_features(task)
        return SingleModel(fit.predictor(fold), features, learner=task.config.learner.name, info=info)
