"""What both estimators share: parameters, checks of what they are given, and prediction."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from meta_models.config import TrainingConfig
from meta_models.estimators.rows import (
    Floats,
    Matrix,
    TrainingRows,
    code_classes,
    code_groups,
    feature_names,
    require_known,
    require_no_enormous,
    value_errors,
    without_na,
    without_weightless,
)
from meta_models.model import EnsembleMetaModel, SingleModel
from meta_models.model.calibrators import logit
from meta_models.model.inputs import unmasked
from meta_models.resources import cpu_count

#: Defaults of the parameters: those of the command.
DEFAULTS = TrainingConfig.from_mapping({})
AnyModel = SingleModel | EnsembleMetaModel
_RENAMED = {"n_jobs": "threads", "random_state": "seed"}
_SEEDS = 2**31 - 1


class BaseMetaModelClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Checks, and everything after `fit`; subclasses train."""

    model_: AnyModel
    classes_: NDArray[Any]
    oof_proba_: Floats

    @abstractmethod
    def _train(self, rows: TrainingRows, config: TrainingConfig, threads: int) -> tuple[AnyModel, Floats]:
        """Train on `rows`; the model, and cross-fitted probabilities (n, K) in the order of its classes."""

    def fit(
        self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array or data frame, (n, F)
            Numbers; NaN where a value is missing. Held as float32.
        y : array (n,)
            Labels of two classes or more.
        groups : array (n,), optional
            Gene (or gene family) of each row. Rows of a group are never held out apart: whatever is fitted on held-out
            rows, calibration above all, is right for genes that were not trained on. Without it each row is on its own.
            Where rows do share genes, calibration and ``oof_proba_`` are then too sure. (In ``cross_val_predict``
            pass them twice: ``groups=genes, params={"groups": genes}``.)
        sample_weight : array (n,), optional
            Not negative; a row of weight 0 is left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If anything of this cannot be trained on.
        """
        with value_errors():
            config = self._config()
            rows, counted = self._checked(X, y, groups, sample_weight)
            threads = cpu_count(config.threads)
            model, probabilities = self._train(rows, config, threads)
        model.set_threads(threads)
        self.model_, self.classes_, self._numbers = model, rows.classes.values, rows.classes.numbers
        self.oof_proba_ = np.full((len(counted), len(self.classes_)), np.nan)
        self.oof_proba_[counted] = probabilities[:, self._numbers]
        return self

    @property
    def feature_importances_(self) -> Floats:
        """Share (F,) of each feature in the gain of all trees, or in what else the learner has; all 0 without any.

        Raises
        ------
        AttributeError
            If the learner has no importances of features.
        """
        check_is_fitted(self)
        model = self.model_
        members = model.singles
        found = [next(iter(member.predictor.importances().values()), None) for member in members]
        known = [values for values in found if values is not None]
        if not known:
            raise AttributeError(f"the learner {members[0].learner} has no importances of features")
        gains = np.sum([values.sum(axis=0) for values in known], axis=0)
        return np.asarray(gains / max(float(gains.sum()), np.finfo(np.float64).tiny))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Probabilities (n, K) of the classes in the order of ``classes_``; rows sum to 1.

        Raises
        ------
        ValueError
            If `X` (n, F) does not fit.
        """
        check_is_fitted(self)
        values = unmasked(without_na(X))
        values = validate_data(self, values, reset=False, dtype=np.float32, ensure_all_finite="allow-nan")
        with value_errors():
            return np.asarray(self.model_.predict_proba(values)[:, self._numbers])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class (n,) of each row of `X` (n, F)."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def decision_function(self, X: ArrayLike) -> Floats:
        """Log-odds of the classes: (n, K), or, where there are two, those of the second (n,)."""
        log_odds = logit(self.predict_proba(X))
        return log_odds[:, 1] if len(self.classes_) == 2 else log_odds

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _config(self) -> TrainingConfig:
        values = {_RENAMED.get(name, name): value for name, value in self.get_params(deep=False).items()}
        if not isinstance(values["seed"], int | np.integer):
            values["seed"] = check_random_state(values["seed"]).randint(_SEEDS)
        if values["threads"] == -1:
            values["threads"] = None
        section = values.pop("learner_params") or {}
        return TrainingConfig.from_mapping({**values, values["learner"]: dict(section)})

    def _checked(
        self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None, sample_weight: ArrayLike | None
    ) -> tuple[TrainingRows, NDArray[np.bool_]]:
        """The rows to train on, and which (n,) of all they are."""
        for name, values in (("y", y), ("sample_weight", sample_weight)):
            if values is not None and (np.ma.is_masked(values) or _holds_objects(values)):
                require_known(values, name)
        numbers = unmasked(without_na(X))
        checked = validate_data(self, numbers, y, dtype=np.float32, ensure_all_finite="allow-nan", ensure_min_samples=2)
        matrix: Matrix = checked[0]
        check_classification_targets(checked[1])
        weights = _check_sample_weight(without_na(sample_weight), matrix, dtype=np.float32, ensure_non_negative=True)
        if not weights.any():
            raise ValueError("A sample_weight above zero is needed, found zero weights only")
        require_no_enormous(weights)
        classes, labels = code_classes(np.asarray(checked[1]))
        codes, genes = code_groups(groups, matrix)
        names = feature_names(getattr(self, "feature_names_in_", None), matrix.shape[1])
        return without_weightless(TrainingRows(matrix, labels, weights, codes, genes, names, classes)), weights > 0


def _holds_objects(values: ArrayLike) -> bool:
    """Whether values may be missing in ways that scikit-learn stumbles over: those that numpy keeps as objects."""
    known = isinstance(values, list) or hasattr(values, "dtype")
    return known and np.asarray(values).dtype.kind == "O"
