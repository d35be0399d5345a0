"""One model over all genes: three binary boosters from one quantised matrix in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.model.base import ModelInfo
from meta_models.model.calibrators import Calibrator
from meta_models.model.sigmoid import SigmoidMetaModel
from meta_models.progress import Progress
from meta_models.schema import CLASSES, FAMILY
from meta_models.training.boosters import booster_record, train_boosters
from meta_models.training.families import FAMILIES, BoosterJob, FittedBooster
from meta_models.training.folds import Folds, make_folds, stop_rows
from meta_models.training.matrix import Audit, audit_features, cut_sample, release_memory
from meta_models.training.memory import profile_peak
from meta_models.training.strategies.base import StrategyFit, TrainingStrategy
from meta_models.training.task import TrainingTask
from meta_models.training.unit_codec import library_versions, parameters

FINAL = -1


class SingleModelStrategy(TrainingStrategy):
    """Cross-validates on the folds, then trains on all genes with the rounds that cross-validation found."""

    name: ClassVar[str] = "single_model"
    title: ClassVar[str] = "Single XGBoost Model"
    model_file: ClassVar[str] = "model_multiclass.pkl"

    def predict_peak(self, profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
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
        final = final_jobs(task, held_out, fitted)
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
            gains=_gains(task, final, fitted),
            missing=audit.missing,
        )


def audit_task(task: TrainingTask) -> Audit:
    """One pass over the features of `task`: missing and infinite values, and the sample that sets the bins."""
    site_columns = [column for base in task.positions.bases for column in base.columns[1:]]
    highest = task.positions.frame.select(highest=pl.max_horizontal(site_columns))["highest"].to_numpy()
    sample = cut_sample(highest, task.config.cut_sample_rows, task.config.seed)
    return audit_features(task.dataset, task.features, sample, Progress("Checking the features"))


def fold_jobs(task: TrainingTask, folds: Folds) -> list[BoosterJob]:
    """A job for each fold and class; the stop rows come out of the fold's training genes."""
    jobs = []
    for fold in range(folds.n_folds):
        held_out = folds.held_out(fold)
        stop = stop_rows(folds, task.positions.labels, ~held_out, task.config)
        train = ~held_out & ~stop
        for target in CLASSES:
            name = f"fold-{fold}-{target.label}"
            jobs.append(BoosterJob(name, fold, target, train, stop, held_out, task.config.n_estimators))
    return jobs


def final_jobs(task: TrainingTask, held_out: list[BoosterJob], fitted: Mapping[str, FittedBooster]) -> list[BoosterJob]:
    """A job for each class on all rows, with the median of the folds' rounds."""
    nothing, everything = np.zeros(task.dataset.n_rows, bool), np.ones(task.dataset.n_rows, bool)
    jobs = []
    for target in CLASSES:
        rounds = [fitted[job.name].rounds for job in held_out if job.target == target]
        chosen = int(np.median(rounds))
        jobs.append(BoosterJob(f"final-{target.label}", FINAL, target, everything, nothing, nothing, chosen))
    return jobs


def out_of_fold_scores(
    jobs: list[BoosterJob], fitted: Mapping[str, FittedBooster], n_rows: int
) -> NDArray[np.float64]:
    """Score (n_rows, 3) of each row by the booster that never saw its family."""
    scores = np.full((n_rows, len(CLASSES)), np.nan)
    for job in jobs:
        scores[job.score, job.target] = fitted[job.name].scores
    if np.isnan(scores).any():
        raise AssertionError("a row was not scored out of fold")
    return scores


def _model(
    task: TrainingTask,
    jobs: list[BoosterJob],
    fitted: Mapping[str, FittedBooster],
    calibrators: tuple[Calibrator, ...] | None,
) -> SigmoidMetaModel:
    family = FAMILIES[task.config.family]
    boosters = [family.load(fitted[job.name].payload) for job in jobs]
    return SigmoidMetaModel(boosters, task.features, info=task_info(task, "single_model"), calibrators=calibrators)


def task_info(task: TrainingTask, strategy: str, rows: NDArray[np.bool_] | None = None) -> ModelInfo:
    """Where a model trained on (the `rows` of) `task` comes from."""
    frame = task.positions.frame if rows is None else task.positions.frame.filter(rows)
    families = tuple(frame["family"].unique().cast(str).sort()) if FAMILY in task.dataset.columns else ()
    return ModelInfo(
        strategy=strategy,
        genes=task.genes(rows),
        families=families,
        base_models=tuple(base.name for base in task.positions.bases),
        weighting=task.positions.weighting,
        versions=library_versions(),
        provenance={"parameters": parameters(task.config), "rows": frame.height},
    )


def _gains(task: TrainingTask, jobs: list[BoosterJob], fitted: Mapping[str, FittedBooster]) -> NDArray[np.float64]:
    family, n = FAMILIES[task.config.family], len(task.features)
    return np.column_stack([family.gains(family.load(fitted[job.name].payload), n) for job in jobs])
