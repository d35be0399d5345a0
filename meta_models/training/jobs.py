"""The jobs of one model: its audit, its folds' boosters, its final boosters, and what is made of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.model.base import ModelInfo
from meta_models.progress import Progress
from meta_models.schema import CLASSES, FAMILY, SpliceClass
from meta_models.training.families import FAMILIES, BoosterJob, FittedBooster
from meta_models.training.folds import Folds, stop_rows
from meta_models.training.matrix import Audit, audit_features, cut_sample
from meta_models.training.rounds import Rounds, candidate_rounds
from meta_models.training.task import TrainingTask
from meta_models.training.unit_codec import library_versions, parameters

FINAL = -1


def audit_task(task: TrainingTask) -> Audit:
    """One pass over the features of `task`: missing and infinite values, and the sample that sets the bins."""
    site_columns = [column for base in task.positions.bases for column in base.columns[1:]]
    highest = task.positions.frame.select(highest=pl.max_horizontal(site_columns))["highest"].to_numpy()
    sample = cut_sample(highest, task.config.cut_sample_rows, task.config.seed)
    return audit_features(task.dataset, task.features, sample, Progress("Checking the features"))


def fold_jobs(task: TrainingTask, folds: Folds) -> list[BoosterJob]:
    """A job for each fold and class; stop rows, if any, come out of the fold's training genes."""
    config = task.config
    snapshots = candidate_rounds(config.n_estimators) if config.rounds == "cross-validation" else ()
    jobs = []
    for fold in range(folds.n_folds):
        held_out = folds.held_out(fold)
        stop = stop_rows(folds, task.positions.labels, ~held_out, config)
        for target in CLASSES:
            name = f"fold-{fold}-{target.label}"
            train = ~held_out & ~stop
            jobs.append(BoosterJob(name, fold, target, train, stop, held_out, config.n_estimators, snapshots))
    return jobs


def final_jobs(task: TrainingTask, rounds: Mapping[SpliceClass, int]) -> list[BoosterJob]:
    """A job for each class on all rows."""
    nothing, everything = np.zeros(task.dataset.n_rows, bool), np.ones(task.dataset.n_rows, bool)
    return [BoosterJob(f"final-{c.label}", FINAL, c, everything, nothing, nothing, rounds[c]) for c in CLASSES]


def final_rounds(jobs: Sequence[BoosterJob], fitted: Mapping[str, FittedBooster]) -> dict[SpliceClass, int]:
    """The median of the rounds that the folds' boosters of each class stopped at."""
    return {c: int(np.median([fitted[job.name].rounds for job in jobs if job.target == c])) for c in CLASSES}


def cut_to(jobs: Sequence[BoosterJob], fitted: Mapping[str, FittedBooster], rounds: Rounds) -> dict[str, FittedBooster]:
    """The folds' boosters with the rounds chosen for them, and their scores after these rounds."""
    cut = {}
    for job in jobs:
        chosen = rounds.of_fold[job.fold]
        at = fitted[job.name].snapshots.index(chosen)
        cut[job.name] = replace(
            fitted[job.name], rounds=chosen, snapshots=(chosen,), scores=fitted[job.name].scores[:, at : at + 1]
        )
    return cut


def out_of_fold_scores(
    jobs: Sequence[BoosterJob], fitted: Mapping[str, FittedBooster], n_rows: int
) -> NDArray[np.float64]:
    """Score (n_rows, 3) of each row by the booster that never saw its family, after its last snapshot."""
    scores = np.full((n_rows, len(CLASSES)), np.nan)
    for job in jobs:
        scores[job.score, job.target] = fitted[job.name].scores[:, -1]
    if np.isnan(scores).any():
        raise AssertionError("a row was not scored out of fold")
    return scores


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
        provenance={"parameters": {k: str(v) for k, v in parameters(task.config).items()}, "rows": frame.height},
    )


def total_gains(
    task: TrainingTask, jobs: Sequence[BoosterJob], fitted: Mapping[str, FittedBooster]
) -> NDArray[np.float64]:
    """Total gain (n_features, 3) of each kept feature in the boosters of `jobs`."""
    family, n = FAMILIES[task.config.family], len(task.features)
    return np.column_stack([family.gains(family.load(fitted[job.name].payload), n) for job in jobs])
