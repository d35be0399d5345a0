"""The values that training hands to everything after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.schema import CLASS_NAMES, BaseModel, FeatureGroup, SpliceClass

#: Prefixes of the probability columns in the out-of-fold table.
RAW, CALIBRATED = "raw", "calibrated"


def probability_columns(prefix: str) -> tuple[str, str, str]:
    """``<prefix>_neither``, ``<prefix>_donor``, ``<prefix>_acceptor``."""
    neither, donor, acceptor = (f"{prefix}_{name}" for name in CLASS_NAMES)
    return neither, donor, acceptor


class Predictor(Protocol):
    """What every fitted model offers; made by the strategies and by the loader."""

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Feature names in the order of the columns, (n_features,)."""

    def predict_proba(self, X: object) -> NDArray[np.float64]:
        """Calibrated probabilities (n_rows, 3) in the order of :class:`SpliceClass`."""

    def predict_both(self, X: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Raw and calibrated probabilities, each (n_rows, 3)."""


@dataclass(frozen=True)
class FeatureRecord:
    """One column of the table that could be a feature; made by screening and training.

    Attributes
    ----------
    missing_share : float
        Share of null values among all rows of the table.
    gain : mapping of class name to float, or None
        Total gain in the final model's booster of each class; None where the feature was excluded.
    excluded : str or None
        Why it was left out; None where it was kept.
    """

    name: str
    group: FeatureGroup
    dtype: str
    missing_share: float
    gain: Mapping[str, float] | None = None
    excluded: str | None = None


@dataclass(frozen=True)
class BoosterRecord:
    """How one booster was trained; made by the strategies.

    Attributes
    ----------
    fold : int
        Held-out fold, or -1 for the final model.
    member : int
        Member of the ensemble, 0 in a single model.
    rounds : int
        Trees in the booster.
    train_curve, stop_curve : tuple of float
        Log-loss after each round on the rows trained on and on the inner genes that decide when to stop
        (empty where there are none).
    """

    fold: int
    member: int
    target: SpliceClass
    rounds: int
    train_curve: tuple[float, ...] = ()
    stop_curve: tuple[float, ...] = ()


@dataclass(frozen=True)
class FoldRecord:
    """One held-out fold; made by ``folds``. Counts of what was held out and of what was trained on."""

    fold: int
    held_out_genes: int
    held_out_rows: int
    train_genes: int
    stop_genes: int


@dataclass(frozen=True)
class MemoryRecord:
    """Peak summed proportional set size of the process tree in bytes, predicted before reading and measured."""

    predicted: int
    measured: int | None = None


@dataclass(frozen=True)
class Note:
    """Something the reader of the report must know. `level` is ``"warning"`` or ``"info"``."""

    level: str
    text: str


@dataclass(frozen=True)
class TrainingResult:
    """Returned by every strategy's ``train``; all that the analyses see.

    Attributes
    ----------
    oof : polars.DataFrame
        One row per position of the table, in its order: ``gene_id``, ``family`` (gene_family, or gene_id where there is
        none), ``chrom`` and ``position`` where the table has them, ``gene_type`` likewise, ``label`` (UInt8,
        :class:`SpliceClass`), ``fold`` (Int16), ``weight`` (Float32; ``sampling_weight``, or the class-ratio weight of
        ``true_prevalence``; 1 where neither is known), ``screened`` (Boolean; gene or family was seen by screening),
        the score columns of every base model (Float32), ``raw_<class>`` and ``calibrated_<class>`` (Float32).
    weighting : str
        ``"sampling_weight"``, ``"true_prevalence"`` or ``"none"``: where `oof` weights come from.
    fold_models : mapping of fold to Predictor
        The uncalibrated model of each fold, where the strategy keeps them: permutation importance and the stability of
        SHAP values are then out of fold. Empty otherwise, and the analyses say so.
    """

    strategy: str
    strategy_reason: str
    config: TrainingConfig
    model: Predictor
    oof: pl.DataFrame
    bases: tuple[BaseModel, ...]
    features: tuple[FeatureRecord, ...]
    folds: tuple[FoldRecord, ...]
    boosters: tuple[BoosterRecord, ...]
    memory: MemoryRecord
    weighting: str
    best_base_by_fold: Mapping[int, str]
    base_train_chroms: tuple[str, ...] | None = None
    notes: tuple[Note, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    fold_models: Mapping[int, Predictor] = field(default_factory=dict)

    @property
    def kept_features(self) -> tuple[str, ...]:
        """Names of the features that the model uses, in the order of its columns."""
        return tuple(f.name for f in self.features if f.excluded is None)
