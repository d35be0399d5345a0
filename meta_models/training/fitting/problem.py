"""What a table and its configuration make of one model: its audit, its jobs, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.info import DatasetInfo
from meta_models.learners.base import BoosterJob, FittedBooster
from meta_models.learners.registry import FAMILIES
from meta_models.learners.xgboost.matrix import Audit, audit_features, cut_sample, cut_values, sample_size
from meta_models.model.base import Json, ModelInfo
from meta_models.progress import Progress
from meta_models.schema import CLASSES, FAMILY
from meta_models.training.fitting.constraints import score_constraints
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FINAL, Problem, held_out_jobs
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import library_versions, parameters

__all__ = [
    "FINAL", "audit_task", "fold_jobs", "task_bins", "task_info", "task_problem", "total_gains",
]  # fmt: skip


def audit_task(task: TrainingTask) -> Audit:
    """One pass over the features of `task`: missing and infinite values, and the sample that sets the bins."""
    sample = cut_sample(highest_scores(task), sample_size(len(task.features), task.config), task.config.seed)
    return audit_features(task.dataset, task.features, sample, Progress("Checking the features"))


def task_bins(task: TrainingTask, audit: Audit) -> NDArray[np.float32]:
    """The bins of the features of `task`; with them, the sample that they come from need not be held."""
    return cut_values(audit.sample, task.config.max_bin)


def highest_scores(task: TrainingTask) -> NDArray[np.float32]:
    """Highest donor or acceptor score that any base model gives each row, (n_rows,)."""
    site_columns = [column for base in task.positions.bases for column in base.columns[1:]]
    return task.positions.frame.select(highest=pl.max_horizontal(site_columns))["highest"].to_numpy()


def task_problem(task: TrainingTask, folds: Folds) -> Problem:
    """The rows of `task`, labelled."""
    constraints = score_constraints(task.features, task.positions.bases) if task.config.monotone else ()
    return Problem(task.positions.labels, task.positions.weights, folds, task.config, constraints=constraints)


def fold_jobs(task: TrainingTask, folds: Folds) -> list[BoosterJob]:
    """A job for each fold and class of `task`; stop rows, if any, come out of the fold's training genes."""
    return held_out_jobs(task_problem(task, folds), range(folds.n_folds))


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
        provenance={
            "parameters": {k: str(v) for k, v in parameters(task.config).items()},
            "rows": frame.height,
            "dataset": _dataset_facts(task.dataset.info),
        },
        prevalence=_prevalence(frame["label"].to_numpy(), _probability_weights(task, rows)),
    )


def _dataset_facts(info: DatasetInfo) -> dict[str, Json]:
    """What ``dataset_info.json`` says of names and licences: a model must not be parted from them."""
    return {"name": info.name, "base_model": info.base_model_name, "licences": list(info.licences)}


def _probability_weights(task: TrainingTask, rows: NDArray[np.bool_] | None) -> NDArray[np.float32] | None:
    """Weights of the `rows` for which probabilities are right: those of calibration, without it those of training."""
    weights = task.positions.weights if task.config.calibrate else task.training_weights
    return weights if weights is None or rows is None else weights[rows]


def _prevalence(labels: NDArray[np.uint8], weights: NDArray[np.float32] | None) -> tuple[float, float, float]:
    """Share of each class among weighted rows."""
    sums = np.bincount(labels, None if weights is None else weights.astype(np.float64), len(CLASSES))
    neither, donor, acceptor = (sums / sums.sum()).tolist()
    return neither, donor, acceptor


def total_gains(
    task: TrainingTask, jobs: Sequence[BoosterJob], fitted: Mapping[str, FittedBooster]
) -> NDArray[np.float64]:
    """Total gain (n_features, 3) of each kept feature in the boosters of `jobs`."""
    family, n = FAMILIES[task.config.family], len(task.features)
    return np.column_stack([family.gains(family.load(fitted[job.name].payload), n) for job in jobs])
