"""The frame of every strategy: the public `train` checks, calibrates and assembles; a hook does what differs."""

from __future__ import annotations

import logging
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import MemoryBudgetError, UsageError
from meta_models.learners.seam import Resources, Shape
from meta_models.metrics import best_by_fold
from meta_models.model import FeatureSketch, FittedModel
from meta_models.model.calibrators import Calibrator, normalise
from meta_models.resources.needs import NO_ANALYSES, AnalysisNeeds
from meta_models.result import (
    CALIBRATED,
    RAW,
    SCREENED,
    EnsembleRecord,
    FeatureRecord,
    FitRecord,
    FoldRecord,
    MemoryRecord,
    MiningRecord,
    Note,
    TrainingResult,
    probability_columns,
)
from meta_models.schema import CLASSES
from meta_models.training.calibration.fit import BaseScores, apply_by_fold, fit_calibrators, fold_calibrators
from meta_models.training.fit_notes import fit_notes, sample_note
from meta_models.training.fitting.inputs.genes import read_by_learner
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.screening.pilot import choose_features
from meta_models.workers import Farm

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StrategyFit:
    """What a strategy's hook hands back to `TrainingStrategy.train`.

    Attributes
    ----------
    scores : ndarray of float64 (n_rows, 3)
        Out-of-fold score of each class, before calibration and normalisation.
    fold : ndarray of int16 (n_rows,)
        The fold that held each row out.
    build : callable
        Makes the fitted model from its calibrators (None: uncalibrated).
    gains : ndarray of float64 (n_features, 3)
        Total gain of each kept feature in the final fits, or what the learner has instead; NaN where it has none.
    missing : ndarray of int64 (n_features,)
        Missing values of each kept feature.
    sketches : mapping of str to FeatureSketch
        The distribution of each kept feature, for the model file.
    fold_models : mapping of int to FittedModel
        The uncalibrated model of each fold, where the strategy keeps them.
    """

    scores: Floats
    fold: NDArray[np.int16]
    build: Callable[[tuple[Calibrator, ...] | None], FittedModel]
    folds: tuple[FoldRecord, ...]
    fits: tuple[FitRecord, ...]
    gains: Floats
    missing: NDArray[np.int64]
    sketches: Mapping[str, FeatureSketch]
    notes: tuple[Note, ...] = ()
    fold_models: Mapping[int, FittedModel] = field(default_factory=dict)
    ensemble: EnsembleRecord | None = None
    mining: tuple[MiningRecord, ...] = ()


@dataclass(frozen=True)
class PlannedUnit:
    """A unit of work that the plan shows before the run.

    Attributes
    ----------
    predicted_peak_bytes : int
        Memory of its processes.
    """

    name: str
    genes: int
    rows: int
    class_counts: Mapping[str, int]
    predicted_peak_bytes: int


class TrainingStrategy(ABC):
    """How a learner gets through a table of a given size."""

    name: ClassVar[str]
    title: ClassVar[str]
    model_file: ClassVar[str]
    #: Whether it trains the models of all folds together, so that ``--max-features`` and ``--stages`` are possible.
    trains_folds: ClassVar[bool] = False
    #: Whether the models of the folds are kept, so that other positions of the training genes can be scored by them.
    keeps_fold_models: ClassVar[bool] = False
    #: Whether its units can be done by processes apart, on other machines perhaps.
    has_units: ClassVar[bool] = False
    #: Whether it is the workers of ``--distributed`` that hold the rows.
    needs_cluster: ClassVar[bool] = False

    def describe(self, config: TrainingConfig) -> str:  # noqa: ARG002
        """The strategy's title, with what of the configuration matters for it."""
        return self.title

    def configured(self, config: TrainingConfig) -> TrainingConfig:
        """`config` with the settings that this strategy was made with, where it has any."""
        return config

    def cache_bytes(self, shape: Shape, config: TrainingConfig) -> int:  # noqa: ARG002
        """Most bytes on disk, in the run folder or ``--cache-dir``, that training takes and gives back."""
        return 0

    def obstacle(self, config: TrainingConfig) -> str:  # noqa: ARG002
        """Why the learners of `config` cannot be fitted in this way; empty where they can."""
        return ""

    def require_possible(self, config: TrainingConfig) -> None:
        """Refuse learners that cannot be fitted in this way; raises UsageError with the reason."""
        if why := self.obstacle(config):
            raise UsageError(
                f"--strategy {self.name} does not fit the learner", why, "Take another strategy or learner"
            )

    @abstractmethod
    def predict_peak(
        self, profile: DatasetProfile, config: TrainingConfig, resources: Resources, *,
        needs: AnalysisNeeds = NO_ANALYSES, budget: int = sys.maxsize,
    ) -> int:  # fmt: skip
        """Peak memory of the process tree in bytes, from the profile alone, where `budget` bytes may be used.

        What comes after training needs `needs`.
        """

    def planned_units(
        self, positions: Positions, profile: DatasetProfile, config: TrainingConfig, resources: Resources, budget: int
    ) -> tuple[PlannedUnit, ...]:
        """The units of work that depend on the table, where there are any, for the plan."""
        del positions, profile, config, resources, budget
        return ()

    def farmed_units(
        self, farm: Farm, dataset: Dataset, positions: Positions, profile: DatasetProfile, config: TrainingConfig
    ) -> tuple[PlannedUnit, ...]:
        """What the workers of `farm` would hold, for the plan; of strategies that need a cluster."""
        del farm, dataset, positions, profile, config
        return ()

    def require_room(self, farm: Farm, units: Sequence[PlannedUnit], predicted_peak: int, budget: int) -> None:
        """Refuse to start where this machine, of `budget` bytes, or a worker lacks memory; raises MemoryBudgetError."""
        del units
        self.require_fit(predicted_peak + farm.reserved, budget)

    @abstractmethod
    def _fit(self, task: TrainingTask) -> StrategyFit:
        """Train, and score every row out of fold."""

    @final
    def train(self, task: TrainingTask) -> TrainingResult:
        """Train on `task`.

        Returns
        -------
        TrainingResult
            The same value from every strategy; all that the analyses see.

        Raises
        ------
        MemoryBudgetError
            If the predicted peak is over the budget; nothing was started then.
        InputError
            If the table cannot be trained on.
        UnitsFailed
            If a unit failed.
        """
        self.require_fit(task.predicted_peak, task.budget)
        task = read_by_learner(replace(task, config=self.configured(task.config)))
        started = time.monotonic()
        task, notes = _narrowed(task)
        fit = self._fit(task)
        return self.assembled(task, fit, notes, time.monotonic() - started)

    @final
    def assembled(self, task: TrainingTask, fit: StrategyFit, notes: Sequence[Note], seconds: float) -> TrainingResult:
        """The result of `fit`, which took so many `seconds`: calibrated across the folds, with all that is known."""
        started = time.monotonic()
        calibrated, calibrators, by_fold = calibrate(fit.scores, fit.fold, task)
        told = [Note("info", text) for text in (*task.positions.notes, *_of_sample(task, fit))]
        of_fits = [Note("info", text) for text in fit_notes(fit.fits)]
        for note in of_fits:
            logger.warning("%s: %s", task.config.learner.name, note.text)
        return TrainingResult(
            strategy=self.name,
            strategy_reason=task.strategy_reason,
            config=task.config,
            model=_with_sketches(fit.build(calibrators), fit.sketches),
            oof=oof_table(fit.scores, calibrated, fit.fold, task),
            bases=task.positions.bases,
            features=_features(fit, task),
            folds=fit.folds,
            fits=fit.fits,
            memory=MemoryRecord(task.predicted_peak),
            weighting=task.positions.weighting,
            best_base_by_fold=_best_base(fit, task),
            base_train_chroms=task.config.base_train_chroms
            if task.config.base_train_chroms is not None
            else task.dataset.info.base_train_chroms,
            notes=(*told, *notes, *fit.notes, *of_fits),
            fold_models={f: model.with_calibrators(by_fold.get(f)) for f, model in fit.fold_models.items()},
            ensemble=fit.ensemble,
            mining=fit.mining,
            seconds={"training": seconds, "calibration": time.monotonic() - started},
        )

    def require_fit(self, predicted_peak: int, budget: int) -> None:
        """Refuse to start where the predicted peak (bytes) is over the budget (bytes).

        Raises
        ------
        MemoryBudgetError
            It says what to change.
        """
        if predicted_peak > budget:
            raise MemoryBudgetError(
                f"{self.title} must fit into the memory budget of {budget / 1e9:.2f} GB",
                f"Its predicted peak is {predicted_peak / 1e9:.2f} GB",
                "Raise --max-memory-gb, take another --strategy or fewer --analyses (--dry-run shows what each needs), "
                "or --sample-genes",
            )


def _narrowed(task: TrainingTask) -> tuple[TrainingTask, tuple[Note, ...]]:
    """`task` with the features that ``--max-features`` leaves, where it is given."""
    if task.config.max_features is None:
        return task, ()
    narrowed, note = choose_features(task).applied_to(task)
    return narrowed, (note,)


def _with_sketches(model: FittedModel, sketches: Mapping[str, FeatureSketch]) -> FittedModel:
    return model.with_info(replace(model.info, sketches=sketches))


def calibrate(
    scores: Floats, fold: NDArray[np.int16], task: TrainingTask
) -> tuple[Floats, tuple[Calibrator, ...] | None, dict[int, tuple[Calibrator, ...]]]:
    """Cross-fitted probabilities (n_rows, 3), the calibrators of the model, and those of each fold."""
    if not task.config.calibrate:
        return normalise(scores), None, {}
    labels, weights = task.positions.labels, task.positions.weights
    bases = BaseScores.among(task.features, task.positions.bases, task.positions.frame)
    final = fit_calibrators(scores, labels, weights, task.config, bases)
    by_fold = fold_calibrators(scores, labels, weights, fold, task.config, bases, final)
    return apply_by_fold(scores, fold, by_fold, bases), final, by_fold


def _best_base(fit: StrategyFit, task: TrainingTask) -> dict[int, str]:
    """For each fold the base model that is best on the other folds."""
    frame = task.positions.frame
    scores = {base.name: frame.select(base.columns).to_numpy() for base in task.positions.bases}
    return best_by_fold(task.positions.labels, scores, fit.fold, task.positions.weights)


def oof_table(scores: Floats, calibrated: Floats, fold: NDArray[np.int16], task: TrainingTask) -> pl.DataFrame:
    """The out-of-fold table, from scores out of fold (n_rows, 3) before and after calibration and normalisation."""
    raw = normalise(scores)
    probabilities = {
        name: values[:, c].astype(np.float32)
        for prefix, values in ((RAW, raw), (CALIBRATED, calibrated))
        for c, name in zip(CLASSES, probability_columns(prefix), strict=True)
    }
    frame = task.positions.frame.with_columns(task.positions.groups().alias("family"))
    added = {"fold": fold, SCREENED: task.screened, **probabilities}
    return frame.with_columns(pl.Series(name, values) for name, values in added.items())


def _of_sample(task: TrainingTask, fit: StrategyFit) -> Iterator[str]:
    """What is told of the rows that set the bins of the largest fit."""
    rows = task.dataset.n_rows if fit.ensemble is None else max(member.rows for member in fit.ensemble.members)
    yield from sample_note(task.config, len(task.features), rows)


def _features(fit: StrategyFit, task: TrainingTask) -> tuple[FeatureRecord, ...]:
    dataset, kept = task.dataset, {name: i for i, name in enumerate(task.features)}
    records = []
    for name in dataset.features:
        at = kept.get(name)
        records.append(
            FeatureRecord(
                name=name,
                group=dataset.group(name),
                dtype=dataset.dtype(name),
                missing_share=None if at is None else float(fit.missing[at] / dataset.n_rows),
                gain=_gain(fit, at),
                excluded=task.excluded.get(name),
            )
        )
    return tuple(records)


def _gain(fit: StrategyFit, at: int | None) -> dict[str, float] | None:
    """Total gain of a kept feature by class; None where it is excluded, or the learner has no importances."""
    if at is None or np.isnan(fit.gains[at]).any():
        return None
    return {c.label: float(fit.gains[at, c]) for c in CLASSES}
