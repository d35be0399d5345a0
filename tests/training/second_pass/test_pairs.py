"""Models of two folds: neither is trained on."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from training_tasks import make_task

from meta_models.errors import InputError
from meta_models.learners.seam import FitJob, Fitted
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.second_pass.pairs import Pair, fit_pairs
from meta_models.training.strategies.single_model import SingleModelStrategy
