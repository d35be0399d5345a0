"""Training tasks over small tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tables import write_table

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import read_positions
from meta_models.dataset.profile import profile_dataset
from meta_models.dataset.reader import open_dataset
from meta_models.learners.seam import Resources
from meta_models.run_folder import UnitStore
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies import STRATEGIES

#: Options with which a strategy can train, where XGBoost's are not for it.
OPTIONS_FOR = {"incremental": {"learners": ["sgd"], "sgd.passes": 2}}


def make_task(folder: Path, table: pl.DataFrame | Path, strategy: str = "single_model", **options: Any) -> TrainingTask:
    """A task over `table`; every feature is kept."""
    own = {} if "learners" in options else {"n_estimators": 12, "early_stopping_rounds": 5}
    config = TrainingConfig(**{"rounds": "early-stopping", "n_folds": 3, **own, **options})
    source = table if isinstance(table, Path) else write_table(folder / "table", table)
    dataset = open_dataset(source, work_dir=folder / "work")
    positions = read_positions(dataset)
    profile = profile_dataset(dataset, positions)
    threads, device = config.threads or 2, "cuda" if config.device == "cuda" else "cpu"
    return TrainingTask(
        config=config, dataset=dataset, positions=positions, profile=profile, features=dataset.features, excluded={},
        screened=np.zeros(dataset.n_rows, bool), input_hashes=("test",), units=UnitStore(folder / "units"),
        strategy_reason="named by the test", budget=20_000_000_000,
        predicted_peak=STRATEGIES[strategy].predict_peak(profile, config, Resources(threads, device)), threads=threads,
        device=device, run_path=folder,
    )  # fmt: skip
