"""Models of batches of genes, voting, as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.estimators.base import DEFAULTS, AnyModel
from meta_models.estimators.fitting import calibrated, final_model, fit_rows, no_folds, rows_info, split_rows
from meta_models.estimators.rows import Floats, TrainingRows
from meta_models.estimators.single import MetaModelClassifier, train_single
from meta_models.model import EnsembleMetaModel, SingleModel
from meta_models.model.combinations import Mean
from meta_models.training.batches.packing import pack_groups

_STRATEGY = "batch_ensemble"
_MEAN = Mean()


class GeneBatchEnsembleClassifier(MetaModelClassifier):
    """Models that are each trained on the genes of one batch, and vote.

    A row is scored out of batch, by the members that were not trained on its group, and the vote is calibrated on
    these scores: no refit is needed. With a single batch it is `MetaModelClassifier`. Where the features do not fit
    into memory, use the command, whose batches are processes of their own.

    Parameters
    ----------
    max_genes_per_batch : int
        There are as few batches as this allows, even in rows and in each class. Give `groups` to `fit`: without them
        each row counts as a gene.

    Others are those of `MetaModelClassifier`. One in `n_folds` of a batch's groups tells its rounds, unless these are
    fixed.

    Attributes
    ----------
    model_ : EnsembleMetaModel
        The fitted ensemble (a SingleModel with a single batch).
    oof_proba_ : ndarray of float64 (n, K)
        Calibrated vote of the members that were not trained on the row's group; NaN for rows of weight 0.
    n_members_ : int
        How many members there are.

    Others are those of `MetaModelClassifier`.
    """

    def __init__(
        self,
        *,
        max_genes_per_batch: int = DEFAULTS.max_genes_per_batch,
        learner: str = "xgboost",
        learner_params: Mapping[str, Any] | None = None,
        monotone: bool = DEFAULTS.monotone,
        cut_sample_rows: int = DEFAULTS.cut_sample_rows,
        rounds: str = DEFAULTS.rounds,
        early_stopping_share: float = DEFAULTS.early_stopping_share,
        n_folds: int = DEFAULTS.n_folds,
        calibrate: bool = DEFAULTS.calibrate,
        calibrate_per_class: bool = DEFAULTS.calibrate_per_class,
        calib_method: str = DEFAULTS.calib_method,
        device: str = DEFAULTS.device,
        n_jobs: int | None = DEFAULTS.threads,
        random_state: Any = DEFAULTS.seed,
    ) -> None:
        self.max_genes_per_batch = max_genes_per_batch
        super().__init__(
            learner=learner, learner_params=learner_params, monotone=monotone, cut_sample_rows=cut_sample_rows,
            rounds=rounds, early_stopping_share=early_stopping_share, n_folds=n_folds, calibrate=calibrate,
            calibrate_per_class=calibrate_per_class, calib_method=calib_method, device=device, n_jobs=n_jobs,
            random_state=random_state,
        )  # fmt: skip

    @property
    def n_members_(self) -> int:
        """How many members there are."""
        return self.model_.n_members

    def _train(self, rows: TrainingRows, config: TrainingConfig, threads: int) -> tuple[AnyModel, Floats]:
        batch = _batches(rows, config)
        n_batches = int(batch.max()) + 1
        if n_batches == 1:
            return train_single(rows, config, threads, _STRATEGY)
        members = [_member(rows.take(batch == b), config, threads) for b in range(n_batches)]
        scores = _out_of_batch(rows, members, batch)
        probabilities, calibrators = calibrated(members[0], scores, batch, rows, config)
        info = rows_info(rows, config, _STRATEGY)
        return EnsembleMetaModel(members, info=info, calibrators=calibrators), probabilities


def _batches(rows: TrainingRows, config: TrainingConfig) -> NDArray[np.int16]:
    """The batch of each row (n,).

    Raises
    ------
    UsageError
        If a batch lacks a class.
    """
    batch = pack_groups(rows.groups, rows.labels, config.max_genes_per_batch)
    n_batches, n_classes = int(batch.max()) + 1, len(rows.classes.names)
    found = np.bincount(batch * n_classes + rows.labels, minlength=n_batches * n_classes).reshape(n_batches, n_classes)
    if (found == 0).any():
        absent = [rows.classes.names[c] for c in np.flatnonzero((found == 0).any(axis=0))]
        raise UsageError(
            f"Every class must occur in each of {n_batches} batches of {rows.unit}",
            f"Not so: {', '.join(absent)}",
            f"Raise max_genes_per_batch ({config.max_genes_per_batch})",
        )
    return batch.astype(np.int16)


def _member(rows: TrainingRows, config: TrainingConfig, threads: int) -> SingleModel:
    """A model of one batch; a single fold of it tells the rounds."""
    if config.rounds == "fixed":
        fit = fit_rows(rows, no_folds(rows), config, threads=threads, held_out=())
    else:
        fit = fit_rows(rows, split_rows(rows, config), config, threads=threads, held_out=(0,))
    model = final_model(rows, fit, _STRATEGY)
    model.set_threads(threads)
    return model


def _out_of_batch(rows: TrainingRows, members: list[SingleModel], batch: NDArray[np.int16]) -> Floats:
    """The vote (n, K) on each row of the members that were not trained on its batch."""
    probabilities = np.full((len(members), len(rows.X), len(rows.classes.names)), np.nan, np.float32)
    for at, member in enumerate(members):
        others = batch != at
        probabilities[at, others] = member.predict_proba(rows.X[others])
    return _MEAN(probabilities.astype(np.float64))
