"""From checked rows to boosters and probabilities, by the training code that the strategies use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.estimators.rows import Floats, TrainingRows
from meta_models.learners import seam
from meta_models.learners.seam import FitJob, Fitted, Resources, Shape
from meta_models.learners.seam.tables import ArrayTable
from meta_models.model import Calibrator, ModelInfo, SingleModel
from meta_models.progress import Progress
from meta_models.schema import SITE_CLASSES, BaseModel, base_models
from meta_models.training.calibration.fit import BaseScores, apply_by_fold, fit_calibrators, fold_calibrators
from meta_models.training.devices import device_here
from meta_models.training.fitting.constraints import score_constraints
from meta_models.training.fitting.folds import Folds, split_groups
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem, Problem, fit_one_vs_rest
from meta_models.training.fitting.rows.audit import audit_features, cut_sample
from meta_models.training.fitting.unit_codec import library_versions, unit_options


def split_rows(rows: TrainingRows, config: TrainingConfig) -> Folds:
    """Folds of whole groups of `rows`; raises InputError where they cannot be made."""
    return split_groups(rows.labels, rows.groups, config, unit=rows.unit, classes=rows.classes.names)


def no_folds(rows: TrainingRows) -> Folds:
    """Where nothing is held out."""
    return Folds(np.zeros(len(rows.X), np.int16), rows.groups, rows.groups)


def fit_rows(
    rows: TrainingRows, folds: Folds, config: TrainingConfig, *, threads: int, held_out: Sequence[int] | None = None
) -> FittedProblem:
    """Train on `rows`; `held_out` as in :func:`meta_models.training.fitting.one_vs_rest.fit_one_vs_rest`.

    Raises
    ------
    InputError
        If values are infinite, or beyond what float32 holds.
    """
    table, learner = ArrayTable(rows.X), config.learner
    chosen = cut_sample(_interest(rows, config.seed), config.cut_sample_rows, config.seed)
    sample = audit_features(table, rows.features, chosen, Progress("Checking the features")).sample
    resources = Resources(threads, device_here(Shape(len(rows.X), len(rows.features)), config))
    prepared_rows = seam.TrainingRows(table, rows.features, sample, config.seed)
    watched = SITE_CLASSES if rows.classes.is_splice else range(len(rows.classes.names))
    constrained = config.monotone and learner.traits.constraints and rows.classes.is_splice
    constraints = score_constraints(rows.features, _complete_bases(rows)) if constrained else ()
    problem = Problem(rows.labels, rows.weights, folds, config, rows.classes.names, watched, constraints)
    weights = rows.weights if learner.traits.weights else None
    with learner.prepare(prepared_rows, config.section, resources) as prepared:

        def train(jobs: Sequence[FitJob], _: str) -> dict[str, Fitted]:
            """Fit `jobs`; results by name."""
            return {job.name: prepared.fit(job, rows.labels, weights, threads=threads) for job in jobs}

        return fit_one_vs_rest(problem, train, held_out=held_out)


def final_model(rows: TrainingRows, fit: FittedProblem, strategy: str) -> SingleModel:
    """The uncalibrated model on all `rows`."""
    config = fit.problem.config
    return SingleModel(
        fit.predictor(FINAL), rows.features, learner=config.learner.name, info=rows_info(rows, config, strategy)
    )


def rows_info(rows: TrainingRows, config: TrainingConfig, strategy: str) -> ModelInfo:
    """Where a model trained on `rows` comes from."""
    return ModelInfo(
        strategy=strategy,
        genes=rows.genes,
        base_models=tuple(base.name for base in base_models(rows.features)),
        versions=library_versions(config),
        provenance={"parameters": {k: str(v) for k, v in unit_options(config).items()}, "rows": len(rows.X)},
        classes=rows.classes.names,
    )


def calibrated(
    model: SingleModel, scores: Floats, fold: NDArray[np.int16], rows: TrainingRows, config: TrainingConfig
) -> tuple[Floats, tuple[Calibrator, ...] | None]:
    """Probabilities (n, K) calibrated by the other folds, and the calibrators fitted on all of them.

    Parameters
    ----------
    model : SingleModel
        Any one of the problem: it knows what a row of zeros means.
    scores : ndarray of float64 (n, K)
        Of models that never saw the row's group.
    """
    if not config.calibrate:
        return model.normalised(scores), None
    bases = _base_scores(rows) if rows.classes.is_splice else None
    by_fold = fold_calibrators(scores, rows.labels, rows.weights, fold, config, bases)
    probabilities = apply_by_fold(scores, fold, by_fold, bases, zeros_mean=model.zeros_mean)
    return probabilities, fit_calibrators(scores, rows.labels, rows.weights, config, bases)


def _base_scores(rows: TrainingRows) -> BaseScores | None:
    """Scores of the base models that are among the features of `rows` by name; None where none is."""
    at, bases = {name: k for k, name in enumerate(rows.features)}, _complete_bases(rows)
    if not bases:
        return None
    names = [name for base in bases for name in base.columns]
    return BaseScores.among(rows.features, bases, pl.DataFrame({name: rows.X[:, at[name]] for name in names}))


def _complete_bases(rows: TrainingRows) -> list[BaseModel]:
    """Base models that are among the features of `rows` by name, with all their scores."""
    gaps = {rows.features[k] for k in np.flatnonzero(np.isnan(rows.X).any(axis=0))}
    return [base for base in base_models(rows.features) if gaps.isdisjoint(base.columns)]


def _interest(rows: TrainingRows, seed: int) -> NDArray[np.float32]:
    """What the sample that sets the bins prefers: high base scores where the features have them, else chance (n,)."""
    columns = [column for base in base_models(rows.features) for column in base.columns[1:]]
    if not columns:
        return np.random.default_rng(seed).random(len(rows.X), np.float32)
    highest = rows.X[:, [rows.features.index(column) for column in columns]].max(axis=1)
    return np.asarray(np.nan_to_num(highest, nan=0.0))
