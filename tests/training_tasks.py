"""Training tasks over small tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tables import write_table

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import read_positions
from meta_models.dataset.profile import profile_dataset
from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.seam import Resources
from meta_models.run_folder import UnitStore
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies import STRATEGIES
from meta_models.workers import HERE, Executor, Farm, fresh

#: Options with which a strategy can train, where XGBoost's are not for it.
OPTIONS_FOR = {
    "incremental": {"learners": ["sgd"], "sgd.passes": 2},
    "distributed": {"rounds": "fixed", "n_estimators": 8},
}


class Processes(Farm):
    """A farm of processes of this machine, so many at a time."""

    def __init__(self, slots: int) -> None:
        self.slots = slots

    def executor(self, work: Callable[[Any], Any], *, threads: int, together: bool = False) -> Executor[Any, Any]:
        return fresh(work, threads=threads)


def make_task(folder: Path, table: pl.DataFrame | Path, strategy: str = "single_model", **options: Any) -> TrainingTask:
    """A task over `table`; every feature is kept."""
    own = {} if "learners" in options else {"n_estimators": 12, "early_stopping_rounds": 5}
    farm = Processes(2) if strategy == "distributed" else HERE
    config = TrainingConfig(**{"rounds": "early-stopping", "n_folds": 3, "strategy": strategy, **own, **options})
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
        device=device, run_path=folder, farm=farm,
    )  # fmt: skip
