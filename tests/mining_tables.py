"""A table of all positions and a sample of it, for tests of mining."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tables import make_frame, write_table
from training_tasks import make_task

from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.training.fitting.rows.pool import Pool
from meta_models.training.fitting.task import TrainingTask


def all_positions(n_genes: int = 30, rows: int = 60, seed: int = 0) -> pl.DataFrame:
    """Every position of some genes; one site in ten."""
    frame = make_frame(n_genes, rows, seed=seed)
    rng = np.random.default_rng(seed)
    site = frame["splice_type"] != "neither"
    easier = pl.Series(rng.random(frame.height) < 0.75) & site
    return frame.with_columns(splice_type=pl.when(easier).then(pl.lit("neither")).otherwise("splice_type"))


def sampled(full: pl.DataFrame, share: float = 0.3, seed: int = 1) -> pl.DataFrame:
    """All sites, all negatives with a high base score, and a `share` of the others, with weights."""
    site = (full["splice_type"] != "neither").to_numpy()
    hard = full.select(pl.max_horizontal("donor_score", "acceptor_score"))["donor_score"].to_numpy() > 0.7
    certain = site | hard
    kept = certain | (np.random.default_rng(seed + 100).random(full.height) < share)
    weight = np.where(certain, 1.0, 1 / share).astype(np.float32)
    return full.with_columns(sampling_weight=pl.Series(weight)).filter(pl.Series(kept))


def mining_task(folder: Path, full: pl.DataFrame, table: pl.DataFrame | None = None, **options: Any) -> TrainingTask:
    """A task over a sample of `full`, with `full` as its pool."""
    small = {"rounds": "fixed", "mined_per_site": 0.5, "threads": 1, "n_estimators": 6}
    given = {"mine_negatives": "pool", **small, **options}
    task = make_task(folder, sampled(full) if table is None else table, **given)
    source = write_table(folder / "pool", full.with_columns(sampling_weight=pl.lit(1.0)), files=2)
    dataset = open_dataset(source, work_dir=folder / "text")
    pool = Pool(dataset, read_positions(dataset), ("pool",), folder / "mined")
    return TrainingTask(**{**vars(task), "pool": pool})
