"""What a table and its configuration make of one model: its audit, its jobs, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.info import DatasetInfo
from meta_models.learners.seam import FitJob, Fitted, Predictor, TrainingRows
from meta_models.learners.seam.inputs import TrainingInputs
from meta_models.model.base import Json, ModelInfo
from meta_models.progress import Progress
from meta_models.schema import CLASSES, FAMILY
from meta_models.training.fitting.constraints import score_constraints
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.inputs.genes import training_genes
from meta_models.training.fitting.inputs.windows import training_windows
from meta_models.training.fitting.one_vs_rest import FINAL, Problem
from meta_models.training.fitting.rows.audit import Audit, audit_features, cut_sample, sample_size
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import library_versions, unit_options

__all__ = [
    "FINAL", "audit_task", "task_info", "task_problem", "task_rows", "total_gains",
]  # fmt: skip


def audit_task(task: TrainingTask) -> Audit:
    """One pass over the features of `task`: missing and infinite values, and the sample that sets the bins."""
    sample = cut_sample(highest_scores(task), sample_size(len(task.features), task.config), task.config.seed)
    return audit_features(task.dataset, task.features, sample, Progress("Checking the features"))


def task_rows(task: TrainingTask, audit: Audit) -> TrainingInputs:
    """The features of `task`, or its genes or windows, as its learner gets them."""
    if task.config.learner.traits.inputs == "genes":
        return training_windows(task) if task.window else training_genes(task)
    return TrainingRows(task.dataset, task.features, audit.sample, task.config.seed, task.starts)


def highest_scores(task: TrainingTask) -> NDArray[np.float32]:
    """Highest donor or acceptor score that any base model gives each row, (n_rows,)."""
    site_columns = [column for base in task.positions.bases for column in base.columns[1:]]
    return task.positions.frame.select(highest=pl.max_horizontal(site_columns))["highest"].to_numpy()


def task_problem(task: TrainingTask, folds: Folds) -> Problem:
    """The rows of `task`, labelled."""
    constrained = task.config.monotone and task.config.learner.traits.constraints
    constraints = score_constraints(task.features, task.positions.bases) if constrained else ()
    return Problem(task.positions.labels, task.positions.weights, folds, task.config, constraints=constraints)


def task_info(task: TrainingTask, strategy: str, rows: NDArray[np.bool_] | None = None) -> ModelInfo:
    """Where a model trained on (the `rows` of) `task` comes from, what it went on from included."""
    positions = task.positions if rows is None else task.positions.filter(rows)
    families = tuple(sorted(positions.families())) if FAMILY in task.dataset.columns else ()
    info = ModelInfo(
        strategy=strategy,
        genes=task.genes(rows),
        families=families,
        base_models=tuple(base.name for base in task.positions.bases),
        weighting=task.positions.weighting,
        versions=library_versions(task.config),
        provenance={
            "parameters": {k: str(v) for k, v in unit_options(task.config).items()},
            "rows": positions.frame.height,
            "dataset": _dataset_facts(task.dataset.info),
        },
        prevalence=_prevalence(positions.labels, _probability_weights(task, rows)),
        loci=positions.loci(),
        recipe=task.dataset.info.recipe,
    )
    return info if task.origin is None else task.origin.told(info)


def _dataset_facts(info: DatasetInfo) -> dict[str, Json]:
    """What ``dataset_info.json`` says of names, genome and licences: a model must not be parted from them."""
    facts: dict[str, Json] = {"name": info.name, "base_model": info.base_model_name, "licences": list(info.licences)}
    if info.assembly is not None:
        facts["assembly"] = info.assembly
    if info.contigs:
        facts["contigs"] = dict(info.contigs)
    return facts


def _probability_weights(task: TrainingTask, rows: NDArray[np.bool_] | None) -> NDArray[np.float32] | None:
    """Weights of the `rows` for which probabilities are right: those of calibration, without it those of training."""
    weights = task.positions.weights if task.config.calibrate else task.training_weights
    return weights if weights is None or rows is None else weights[rows]


def _prevalence(labels: NDArray[np.uint8], weights: NDArray[np.float32] | None) -> tuple[float, float, float]:
    """Share of each class among weighted rows."""
    sums = np.bincount(labels, None if weights is None else weights.astype(np.float64), len(CLASSES))
    neither, donor, acceptor = (sums / sums.sum()).tolist()
    return neither, donor, acceptor


def total_gains(jobs: Sequence[FitJob], fitted: Mapping[str, Fitted], n_features: int) -> NDArray[np.float64]:
    """Importance (n_features, K) of each feature in the fits of `jobs`: total gain, or what the learner has instead.

    NaN where it has none.
    """
    columns = [main_importance(fitted[job.name].predictor, n_features) for job in jobs]
    return np.concatenate(columns).T


def main_importance(predictor: Predictor, n_features: int) -> NDArray[np.float64]:
    """The first of the importances (n_targets, n_features) of a predictor; NaN where it has none."""
    found = next(iter(predictor.importances().values()), None)
    return np.full((predictor.n_targets, n_features), np.nan) if found is None else found
