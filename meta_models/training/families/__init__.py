"""Learners by name. A new one is a file here and an entry below."""

from meta_models.training.families.base import BoosterJob, FittedBooster, LearnerFamily
from meta_models.training.families.xgboost_binary import XGBoostBinary

FAMILIES: dict[str, LearnerFamily] = {XGBoostBinary.name: XGBoostBinary()}

__all__ = ["FAMILIES", "BoosterJob", "FittedBooster", "LearnerFamily"]
