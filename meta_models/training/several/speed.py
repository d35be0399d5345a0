"""How fast a model that reads whole genes scores them."""

from __future__ import annotations

import time

import numpy as np

from meta_models.learners.gene_bridge import tracks_of
from meta_models.model import FittedModel
from meta_models.training.fitting.task import TrainingTask


def positions_per_second(task: TrainingTask, model: FittedModel, positions: int) -> float | None:
    """Positions per second over the first genes of the table, as many as have so many `positions`; None without any."""
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
