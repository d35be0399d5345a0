"""Many models, each trained on a batch of genes in a process of its own, combined into one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.dataset.profile import DatasetProfile
from meta_models.errors import UnitsFailed, UsageError
from meta_models.result import Note
from meta_models.training.batch_runner import BatchRun, train_batches
from meta_models.training.batch_unit import NO_FOLD
from meta_models.training.batches import Packing, make_batches
from meta_models.training.ensemble_fit import EnsembleFit, fit_ensemble
from meta_models.training.folds import Folds, make_folds
from meta_models.training.memory import BatchMemory
from meta_models.training.strategies.base import PlannedUnit, StrategyFit, TrainingStrategy
from meta_models.training.task import TrainingTask
