"""One model as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from meta_models.config import TrainingConfig
from meta_models.estimators.base import DEFAULTS, AnyModel, BaseMetaModelClassifier
from meta_models.estimators.fitting import calibrated, final_model, fit_rows, no_folds, split_rows
from meta_models.estimators.rows import Floats, TrainingRows


class MetaModelClassifier(BaseMetaModelClassifier):
    """What a learner makes of the rows, calibrated on rows of groups that it never saw.

    The training is that of the strategy ``single_model``, on features in memory. Parameters are those of the command
    (`TrainingConfig`), with its defaults.

    Parameters
    ----------
    learner : str
        What is fitted: ``"xgboost"``, ``"lightgbm"``, ... (``meta-models learners`` lists them).
    learner_params : mapping, optional
        Its options, as ``meta-models learners NAME`` lists them: ``{"n_estimators": 100}``.
    monotone : bool
        Where features are named as base scores (``donor_score``, ``<key>_donor_score``, ...) and labels as splice
        sites: a higher score for a class never lowers its probability.
    cut_sample_rows : int
        Rows that set the bins.
    rounds : {"cross-validation", "early-stopping", "fixed"}
        How many rounds: the best ones on held-out groups, those where inner groups stop gaining, or all.
    early_stopping_share : float
        Share of the groups that only decide when to stop, of ``rounds="early-stopping"``.
    n_folds : int
        Folds of whole groups, for calibration and rounds.
    calibrate, calibrate_per_class : bool
        Calibrate the probabilities; each class on its own.
    calib_method : {"blend", "platt", "isotonic"}
        Without such names ``"blend"`` is ``"platt"`` with a slope that is not negative.
    device : {"auto", "cpu", "cuda"}
    n_jobs : int or None
        Threads; None or -1 for all that this process may use.
    random_state : int, RandomState or None
        Seed of everything random. The default is an integer: two fits are the same.

    Attributes
    ----------
    classes_ : ndarray (K,)
        Labels in sorted order, the order of the columns of `predict_proba`.
    model_ : SingleModel
        The fitted model. Where the labels are 0, 1, 2 or ``neither``, ``donor``, ``acceptor`` its classes are those of
        splice sites, in that order, and :func:`meta_models.persistence.dump_model` can store it.
    oof_proba_ : ndarray of float64 (n, K)
        Probabilities of each training row by fits and calibrators that never saw its group; NaN for rows of weight
        0, and everywhere if nothing needed to be held out (``calibrate=False`` with ``rounds="fixed"``).
    n_features_in_, feature_names_in_
        As in every estimator; the names where `X` has text names.
    """

    def __init__(
        self,
        *,
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
        self.learner = learner
        self.learner_params = learner_params
        self.monotone = monotone
        self.cut_sample_rows = cut_sample_rows
        self.rounds = rounds
        self.early_stopping_share = early_stopping_share
        self.n_folds = n_folds
        self.calibrate = calibrate
        self.calibrate_per_class = calibrate_per_class
        self.calib_method = calib_method
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _train(self, rows: TrainingRows, config: TrainingConfig, threads: int) -> tuple[AnyModel, Floats]:
        return train_single(rows, config, threads, "single_model")


def train_single(rows: TrainingRows, config: TrainingConfig, threads: int, strategy: str) -> tuple[AnyModel, Floats]:
    """One model on all `rows`; and cross-fitted probabilities (n, K), NaN where nothing needs to be held out.

    Raises
    ------
    InputError
        If folds cannot be made, or values are infinite.
    """
    if not config.calibrate and config.rounds == "fixed":
        fit = fit_rows(rows, no_folds(rows), config, threads=threads, held_out=())
        return final_model(rows, fit, strategy), np.full((len(rows.X), len(rows.classes.names)), np.nan)
    folds = split_rows(rows, config)
    fit = fit_rows(rows, folds, config, threads=threads)
    model = final_model(rows, fit, strategy)
    probabilities, calibrators = calibrated(model, fit.scores(), folds.of_row, rows, config)
    return model.with_calibrators(calibrators), probabilities
