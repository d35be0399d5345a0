"""Learners by name. A new one is a file here and an entry below."""

from meta_models.learners.base import LearnerFamily
from meta_models.learners.xgboost.booster import XGBoostBinary

FAMILIES: dict[str, LearnerFamily] = {XGBoostBinary.name: XGBoostBinary()}
