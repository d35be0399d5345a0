"""How fast a model that reads whole genes, or windows around rows, scores them."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from meta_models.learners.gene_bridge import tracks_of
from meta_models.model import FittedModel
from meta_models.model.windows import table_features
from meta_models.schema import SEQUENCE
from meta_models.training.fitting.task import TrainingTask


def positions_per_second(task: TrainingTask, model: FittedModel, positions: int) -> float | None:
    """Positions per second over the first genes of the table, as many as have so many `positions`; None without any.

    Of windows, rows per second over the first rows.
    """
    if task.window:
        return _rows_per_second(task, model, positions)
    if task.trained is None:
        return None
    folder, done, started = task.trained.folder, 0, time.monotonic()
    for gene in folder.genes():
        model.scores_of_gene(tracks_of(gene, folder.recipe), np.arange(len(gene)))
        done += len(gene)
        if done >= positions:
            break
    seconds = time.monotonic() - started
    return done / seconds if seconds > 0 else None


def _rows_per_second(task: TrainingTask, model: FittedModel, rows: int) -> float | None:
    wanted = [pl.col(name) for name in (*table_features(model), SEQUENCE)]
    frame = next(task.dataset.iter_frames(wanted, rows))
    started = time.monotonic()
    model.predict_proba(frame)
    seconds = time.monotonic() - started
    return frame.height / seconds if seconds > 0 else None
