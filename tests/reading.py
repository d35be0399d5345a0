"""All that a run does with a table before it trains, without writing a run folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from meta_models.config import TrainingConfig
from meta_models.dataset.opening import open_training_table
from meta_models.dataset.profile import profile_dataset
from meta_models.errors import InputError
from meta_models.progress import Progress
from meta_models.resources import cpu_limit, memory_budget
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.rows.audit import audit_features
from meta_models.training.plan import make_plan
from meta_models.training.screening.table import screen_table


def features_of(table: Path) -> tuple[str, ...]:
    """Open `table`, read its narrow columns, plan, screen, fold and read every feature; the features that are kept."""
    config = TrainingConfig(dataset=str(table), n_folds=2, n_estimators=2)
    with tempfile.TemporaryDirectory() as work_dir:
        table = open_training_table(config, Path(work_dir))
        dataset, positions = table.dataset, table.positions
        profile = profile_dataset(dataset, positions)
        make_plan(profile, config, memory_budget(None), cpu_limit(None), positions)
        screened = screen_table(dataset, positions, config)
        make_folds(positions, config)
        audit_features(dataset, screened.features, np.arange(dataset.n_rows), Progress("Checking the features"))
    return screened.features


def refusal(table: Path) -> str:
    """Why `table` is refused, in one line; empty where it is not. Any other error goes through."""
    try:
        features_of(table)
    except InputError as error:
        text = str(error)
        assert len(text.splitlines()) == 1, text
        return text
    return ""
