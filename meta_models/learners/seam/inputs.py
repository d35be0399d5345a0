"""All that learners make their representations from."""

from __future__ import annotations

from typing import TypeAlias

from meta_models.learners.seam.fit import TrainingRows
from meta_models.learners.seam.genes import TrainingGenes
from meta_models.learners.seam.windows import TrainingWindows

TrainingInputs: TypeAlias = TrainingRows | TrainingGenes | TrainingWindows
