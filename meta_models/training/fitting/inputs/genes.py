"""What learners of whole genes are given, and what stands beside their scores in the rows of a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from meta_models.dataset.genes.folder import GeneFolder
from meta_models.errors import InputError
from meta_models.learners.gene_bridge import GenesOfFolder, evidence_names, model_keys
from meta_models.learners.seam.genes import TrainingGenes
from meta_models.schema import CLASS_NAMES, GENE, POSITION
from meta_models.training.fitting.task import TrainedGenes, TrainingTask


def read_by_learner(task: TrainingTask) -> TrainingTask:
    """`task` with the features that its learner reads: of one of whole genes, the base scores alone.

    They are not what it learns from, but what its calibrators look at beside its scores. Windows of rows come with all.
    """
    learner = task.config.learner
    if learner.traits.inputs != "genes" or task.window:
        return task
    scores = {column for base in task.positions.bases for column in base.columns}
    why = f"{learner.name} reads whole genes, not columns"
    excluded = {name: why for name in task.features if name not in scores}
    kept = tuple(name for name in task.features if name in scores)
    return replace(task, features=kept, excluded={**excluded, **task.excluded})


def model_features(task: TrainingTask) -> tuple[str, ...]:
    """The features of the model of `task`: those that are read, and behind them the scores of a learner of genes."""
    learner = task.config.learner
    return task.features if learner.traits.inputs != "genes" else (*task.features, *score_columns(learner.name))


def score_columns(learner: str) -> tuple[str, ...]:
    """What the scores of a learner of genes are called where they stand among features; no table has such names."""
    return tuple(f"{learner}:{name}" for name in CLASS_NAMES)


def training_genes(task: TrainingTask) -> TrainingGenes:
    """The genes of the table of `task`, and where its rows lie in them.

    Raises
    ------
    InputError
        If the table has rows of other genes.
    """
    return replace(genes_of_rows(_genes_of(task).folder, task.positions.frame, task.config.seed), starts=task.starts)


def genes_of_rows(folder: GeneFolder, frame: pl.DataFrame, seed: int) -> TrainingGenes:
    """The genes of `folder` that rows of a table are of, and where these lie in them.

    Parameters
    ----------
    frame : polars.DataFrame (n_rows, ...)
        ``gene_id`` and ``position``.

    Raises
    ------
    InputError
        If the table has rows of other genes.
    """
    of_row, recipe = frame[GENE].cast(pl.String), folder.recipe
    known = set(of_row.unique())
    entries = [entry for entry in folder.entries if entry.gene_id in known]
    numbers = {entry.gene_id: number for number, entry in enumerate(entries)}
    if lacking := sorted(known - numbers.keys()):
        raise InputError(
            "The table of a built folder must hold rows of its genes",
            f"Found {len(lacking)} other genes: {', '.join(lacking[:5])}",
            "Build it again",
        )
    return TrainingGenes(
        GenesOfFolder(folder, numbers.keys()), np.array([entry.length for entry in entries], np.int64),
        recipe.flank, model_keys(recipe), evidence_names(recipe),
        of_row.replace_strict(numbers, return_dtype=pl.Int64).to_numpy(), frame[POSITION].to_numpy(), seed,
    )  # fmt: skip


def _genes_of(task: TrainingTask) -> TrainedGenes:
    if task.trained is None:
        raise AssertionError("learners of genes are refused where there are no genes")
    return task.trained
