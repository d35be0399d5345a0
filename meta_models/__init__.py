"""Honest meta-models over the scores of splice-site predictors.

Public names are imported when they are first used: ``import meta_models`` alone costs next to nothing.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "GeneBatchEnsembleClassifier": "meta_models.estimators",
    "MetaModelClassifier": "meta_models.estimators",
    "MetaModelsError": "meta_models.errors",
    "TrainingConfig": "meta_models.config",
    "TrainingRun": "meta_models.api",
    "evaluate": "meta_models.api",
    "load": "meta_models.inference.ensemble_model_loader",
    "train": "meta_models.api",
}

#: Resolved by `__getattr__`; ``__init__.pyi`` tells type checkers.
__all__ = [
    "GeneBatchEnsembleClassifier",
    "MetaModelClassifier",
    "MetaModelsError",
    "TrainingConfig",
    "TrainingRun",
    "evaluate",
    "load",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
