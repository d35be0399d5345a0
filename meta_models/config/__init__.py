"""The one configuration of each command."""

from meta_models.config.base import Configuration, GigaBytes, PositiveInt, Scope, Share, ValueNames
from meta_models.config.cluster import CLUSTERS, Cluster
from meta_models.config.combination import UNFITTED
from meta_models.config.input_output import SCORE_NAMES
from meta_models.config.training import TrainingConfig
from meta_models.config.unit import UnitConfig

__all__ = [
    "CLUSTERS",
    "SCORE_NAMES",
    "UNFITTED",
    "Cluster",
    "Configuration",
    "GigaBytes",
    "PositiveInt",
    "Scope",
    "Share",
    "TrainingConfig",
    "UnitConfig",
    "ValueNames",
]
