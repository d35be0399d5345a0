"""The values that training hands to everything after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.model import FittedModel
from meta_models.schema import CLASS_NAMES, BaseModel, FeatureGroup, SpliceClass
from meta_models.standings import Contenders, LeaderboardRecord

#: Prefixes of the probability columns in the out-of-fold table.
RAW, CALIBRATED = "raw", "calibrated"
#: Column of the out-of-fold table: whether screening looked at the gene or a relative of it.
SCREENED = "screened"


def probability_columns(prefix: str) -> tuple[str, str, str]:
    """``<prefix>_neither``, ``<prefix>_donor``, ``<prefix>_acceptor``."""
    neither, donor, acceptor = (f"{prefix}_{name}" for name in CLASS_NAMES)
    return neither, donor, acceptor


@dataclass(frozen=True)
class FeatureRecord:
    """One column of the table that could be a feature; made by screening and training.

    Attributes
    ----------
    missing_share : float or None
        Share of null values among all rows of the table; None where the feature was excluded and not read.
    gain : mapping of class name to float, or None
        Total gain in the final model for each class, or what the learner has instead; None where the feature was
        excluded, or the learner has no importances.
    excluded : str or None
        Why it was left out; None where it was kept.
    """

    name: str
    group: FeatureGroup
    dtype: str
    missing_share: float | None
    gain: Mapping[str, float] | None = None
    excluded: str | None = None


@dataclass(frozen=True)
class FitRecord:
    """How one fit went; made by the strategies.

    Attributes
    ----------
    fold : int
        Held-out fold, or -1 for the final model.
    member : int
        Member of the ensemble, 0 in a single model.
    target : SpliceClass or None
        The class that was told from the rest; None where all were told apart at once.
    rounds : int
        Boosting rounds or epochs; 0 where the learner has none.
    train_curve : tuple of float
        Log-loss after each round on the rows trained on, weighted as they were.
    held_out_curve : tuple of float
        The same on rows not trained on: the inner genes that decide when to stop; where there are none the fold's
        held-out genes, or a sample of the other members' genes. Empty where there is none of these either.
    held_out_rounds : tuple of int
        Rounds after which `held_out_curve` was taken; empty: after each.
    learner : str
        What was fitted.
    facts : mapping
        What else the learner tells of the fit.
    """

    fold: int
    member: int
    target: SpliceClass | None
    rounds: int
    train_curve: tuple[float, ...] = ()
    held_out_curve: tuple[float, ...] = ()
    held_out_rounds: tuple[int, ...] = ()
    learner: str = "xgboost"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of(self) -> str:
        """The class that it told from the rest, or that it told all apart."""
        return "all classes" if self.target is None else self.target.label

    @property
    def order(self) -> tuple[int, int, int]:
        """What records are sorted by: fold, member, class."""
        return self.fold, self.member, -1 if self.target is None else int(self.target)


@dataclass(frozen=True)
class FoldRecord:
    """One held-out fold; made by ``folds``. Counts of what was held out and of what was trained on."""

    fold: int
    held_out_genes: int
    held_out_rows: int
    train_genes: int
    stop_genes: int


@dataclass(frozen=True)
class MiningRecord:
    """What a round of mining did for one fold; made by ``mining``.

    Attributes
    ----------
    round : int
        0: trained on the table alone.
    fold : int
        -1: for `mined` and `certain` the final model, for average precision all folds together.
    mined, certain : int
        Negatives added, and negatives of the table that are hard, too, and hence count 1.
    threshold : float or None
        Score of the easiest of them; None in round 0.
    donor, acceptor : float or None
        Average precision on all positions of the held-out genes, before calibration.
    chosen : bool
        Whether the fold's models are those of this round.
    member : int
        The member of the ensemble that mined, for itself, from the genes of its batch; 0 in a single model.
    """

    round: int
    fold: int
    mined: int
    certain: int
    threshold: float | None
    donor: float | None
    acceptor: float | None
    chosen: bool
    member: int = 0


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
class ScoreFigures:
    """How well uncalibrated probabilities tell the classes on some rows; made by the ensemble strategy.

    Attributes
    ----------
    average_precision : float or None
        Mean of donor and acceptor, rows unweighted; None where a class is absent.
    genomic_average_precision : float or None
        The same with the weights of the rows; None where the table has no weights, too.
    """

    rows: int
    accuracy: float | None
    log_loss: float | None
    average_precision: float | None
    genomic_average_precision: float | None


@dataclass(frozen=True)
class MemberRecord:
    """One member of an ensemble and the batch of genes that it was trained on; made by the ensemble strategy.

    Attributes
    ----------
    unit : str
        Name of its unit, ``batch-03`` say; halves of a batch that failed are ``batch-03a`` and ``batch-03b``.
    rounds : mapping of class name to int
        Trees of each booster.
    seen, unseen : ScoreFigures
        Of the member on its own batch, and on rows whose genes it (under refit: its model of the fold) never saw.
    predicted_peak, measured_peak : int
        Memory of the unit's processes in bytes; None where it was not measured.
    seconds : float or None
        Wall time of the unit.
    """

    member: int
    unit: str
    genes: int
    rows: int
    class_counts: Mapping[str, int]
    rounds: Mapping[str, int]
    seen: ScoreFigures
    unseen: ScoreFigures
    predicted_peak: int
    measured_peak: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class EnsembleRecord:
    """What is known of an ensemble beside its model; made by the ensemble strategy.

    Attributes
    ----------
    cv, cv_reason : str
        ``"out-of-batch"`` or ``"refit"``, and why.
    method : str
        ``"mean"``, or a way of combining, as in the configuration.
    members_by_fold : mapping of int to int
        How many members score the rows of each fold.
    seen, unseen : ScoreFigures
        Of the finished ensemble on the genes that it was trained on, and out of fold.
    missing_genes : tuple of str
        Genes of batches that failed, where going on without them was allowed; sorted.
    """

    cv: str
    cv_reason: str
    method: str
    members: tuple[MemberRecord, ...]
    members_by_fold: Mapping[int, int]
    seen: ScoreFigures
    unseen: ScoreFigures
    missing_genes: tuple[str, ...] = ()

    @property
    def out_of_batch(self) -> bool:
        """Whether fold k holds the genes of batch k, scored by all members but k."""
        return self.cv == "out-of-batch"


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
    fold_models : mapping of fold to FittedModel
        The model of each fold, with the calibrators fitted on the other folds, where the strategy keeps them: it never
        saw the genes of its fold. Permutation importance, the stability of SHAP values and ``--oof-dataset`` use them.
        Empty otherwise, and the analyses say so.
    ensemble : EnsembleRecord or None
        Members and their batches; None for a single model.
    mining : tuple of MiningRecord
        By round and fold; empty where no negatives were mined.
    leaderboard : LeaderboardRecord or None
        How what was trained did beside the base models; None where nobody asked.
    contenders : Contenders
        What the leaderboard compares; not stored with the result.
    columns : mapping of str to ndarray of float32 (n_rows,)
        Features of the rows that do not stand in the table: those of the first pass, out of fold; most often none.
    left_out : tuple of str
        Genes of the table that were left out, since a model that was gone on from knows them; sorted.
    other_fits : tuple of FitRecord
        Of learners that were trained, too, and of which nothing is in `model`; not stored with the result.
    """

    strategy: str
    strategy_reason: str
    config: TrainingConfig
    model: FittedModel
    oof: pl.DataFrame
    bases: tuple[BaseModel, ...]
    features: tuple[FeatureRecord, ...]
    folds: tuple[FoldRecord, ...]
    fits: tuple[FitRecord, ...]
    memory: MemoryRecord
    weighting: str
    best_base_by_fold: Mapping[int, str]
    base_train_chroms: tuple[str, ...] | None = None
    notes: tuple[Note, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    fold_models: Mapping[int, FittedModel] = field(default_factory=dict)
    ensemble: EnsembleRecord | None = None
    mining: tuple[MiningRecord, ...] = ()
    leaderboard: LeaderboardRecord | None = None
    contenders: Contenders = field(default_factory=Contenders)
    columns: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    other_fits: tuple[FitRecord, ...] = ()

    @property
    def explained_fold_models(self) -> Mapping[int, FittedModel]:
        """Models of folds that read the features of the final model: others, of another variant, explain none of it."""
        names = self.model.feature_names
        return {fold: model for fold, model in self.fold_models.items() if model.feature_names == names}

    @property
    def kept_features(self) -> tuple[str, ...]:
        """Names of the features that the model uses, in the order of its columns."""
        return tuple(f.name for f in self.features if f.excluded is None)
