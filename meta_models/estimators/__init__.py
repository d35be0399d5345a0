"""scikit-learn estimators over the training code of this package, for features that fit into memory."""

from meta_models.estimators.ensemble import GeneBatchEnsembleClassifier
from meta_models.estimators.single import MetaModelClassifier

__all__ = ["GeneBatchEnsembleClassifier", "MetaModelClassifier"]
