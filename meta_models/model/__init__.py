"""Fitted models: a predictor of all classes, ensembles of them, and their calibrators.

Nothing here knows how a model is trained or stored, nor what library is behind a predictor.
"""

from meta_models.model.base import FittedModel, ModelInfo
from meta_models.model.calibrators import (
    Calibrator,
    IdentityCalibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    apply_calibrators,
    normalise,
)
from meta_models.model.combinations import COMBINATIONS, Combination
from meta_models.model.ensemble import EnsembleMetaModel
from meta_models.model.inputs import as_matrix
from meta_models.model.single import SingleModel
from meta_models.model.sketches import FeatureSketch

__all__ = [
    "COMBINATIONS",
    "Calibrator",
    "Combination",
    "EnsembleMetaModel",
    "FeatureSketch",
    "FittedModel",
    "IdentityCalibrator",
    "IsotonicCalibrator",
    "ModelInfo",
    "PlattCalibrator",
    "SingleModel",
    "apply_calibrators",
    "as_matrix",
    "normalise",
]
