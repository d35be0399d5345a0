"""Strategies by name. A new one is a file here and an entry below."""

from meta_models.training.strategies.base import PlannedUnit, TrainingStrategy
from meta_models.training.strategies.batch_ensemble import BatchEnsembleTrainingStrategy
from meta_models.training.strategies.distributed import DistributedStrategy
from meta_models.training.strategies.external_memory import ExternalMemoryStrategy
from meta_models.training.strategies.incremental import IncrementalStrategy
from meta_models.training.strategies.single_model import SingleModelStrategy

STRATEGIES: dict[str, TrainingStrategy] = {
    s.name: s
    for s in (
        SingleModelStrategy(),
        BatchEnsembleTrainingStrategy(),
        ExternalMemoryStrategy(),
        IncrementalStrategy(),
        DistributedStrategy(),
    )
}

__all__ = ["STRATEGIES", "BatchEnsembleTrainingStrategy", "PlannedUnit", "TrainingStrategy"]
