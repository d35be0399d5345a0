"""One model over all genes: three binary boosters from one quantised matrix in memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.model.calibrators import Calibrator
from meta_models.model.sigmoid import SigmoidMetaModel
from meta_models.schema import CLASSES
from meta_models.training.boosters import booster_record, train_boosters
from meta_models.training.families import FAMILIES, BoosterJob, FittedBooster
from meta_models.training.folds import make_folds
from meta_models.training.jobs import (
    audit_task,
    cut_to,
    final_jobs,
    final_rounds,
    fold_jobs,
    out_of_fold_scores,
    task_info,
    total_gains,
)
from meta_models.training.matrix import release_memory
from meta_models.training.memory import profile_peak
from meta_models.training.rounds import choose_rounds
from meta_models.training.strategies.base import StrategyFit, TrainingStrategy
from meta_models.training.task import TrainingTask


class SingleModelStrategy(TrainingStrategy):
    """Cross-validates on the folds, then trains on all genes with the rounds that cross-validation found."""

    name: ClassVar[str] = "single_model"
    title: ClassVar[str] = "Single XGBoost Model"
    model_file: ClassVar[str] = "model_multiclass.pkl"

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
        table = FAMILIES[task.config.family].prepare(
            task.dataset, task.features, audit, task.config, threads=task.threads
        )
        held_out = fold_jobs(task, folds)
        fitted = train_boosters(task, table, held_out, "Cross-validating")
        if task.config.rounds == "cross-validation":
            chosen = choose_rounds(held_out, fitted, task.positions.labels, task.positions.weights)
            fitted = cut_to(held_out, fitted, chosen)
            rounds = dict.fromkeys(CLASSES, chosen.final)
        else:
            rounds = final_rounds(held_out, fitted)
        final = final_jobs(task, rounds)
        fitted |= train_boosters(task, table, final, "Training the final model")
        del table
        release_memory()
        jobs = [*held_out, *final]
        return StrategyFit(
            scores=out_of_fold_scores(held_out, fitted, len(folds.of_row)),
            fold=folds.of_row,
            build=lambda calibrators: _model(task, final, fitted, calibrators),
            folds=tuple(folds.record(job.fold, job.stop) for job in held_out[:: len(CLASSES)]),
            boosters=tuple(booster_record(job, fitted[job.name]) for job in jobs),
            gains=total_gains(task, final, fitted),
            missing=audit.missing,
            fold_models=_fold_models(task, held_out, fitted),
        )


def _fold_models(
    task: TrainingTask, jobs: list[BoosterJob], fitted: Mapping[str, FittedBooster]
) -> dict[int, SigmoidMetaModel]:
    family, models = FAMILIES[task.config.family], {}
    for job in jobs[:: len(CLASSES)]:
        boosters = [family.load(fitted[other.name].payload, fitted[other.name].rounds) for other in jobs if other.fold == job.fold]
        info = task_info(task, "single_model", job.train | job.stop)
        models[job.fold] = SigmoidMetaModel(boosters, task.features, info=info)
    return models


def _model(
    task: TrainingTask,
    jobs: list[BoosterJob],
    fitted: Mapping[str, FittedBooster],
    calibrators: tuple[Calibrator, ...] | None,
) -> SigmoidMetaModel:
    family = FAMILIES[task.config.family]
    boosters = [family.load(fitted[job.name].payload) for job in jobs]
    return SigmoidMetaModel(boosters, task.features, info=task_info(task, "single_model"), calibrators=calibrators)
