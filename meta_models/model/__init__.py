"""Fitted predictors: three one-vs-rest boosters, ensembles of them, and their calibrators.

Nothing here knows how a model is trained or stored. XGBoost is imported only when a booster is made or read, so that
importing this package stays fast.
"""

from meta_models.learners.xgboost.missing import MISSING, fill_missing
from meta_models.model.base import FittedModel, ModelInfo
from meta_models.model.calibrators import (
    Calibrator,
    IdentityCalibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    apply_calibrators,
    normalise,
)
from meta_models.model.ensemble import EnsembleMetaModel, combine, stacking_features
from meta_models.model.inputs import as_matrix
from meta_models.model.sigmoid import SigmoidMetaModel
from meta_models.model.sketches import FeatureSketch

__all__ = [
    "MISSING",
    "Calibrator",
    "EnsembleMetaModel",
    "FeatureSketch",
    "FittedModel",
    "IdentityCalibrator",
    "IsotonicCalibrator",
    "ModelInfo",
    "PlattCalibrator",
    "SigmoidMetaModel",
    "apply_calibrators",
    "as_matrix",
    "combine",
    "fill_missing",
    "normalise",
    "stacking_features",
]
