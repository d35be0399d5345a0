"""What later stages need, told before anything is trained, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Learner
from meta_models.schema import GENE
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.pairs import pair_obstacles
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.stages.file import Stage, read_stages
from meta_models.training.stages.rows import StageRows, require_classes, stage_rows


def require_stages(config: TrainingConfig) -> None:
    """See that the file can be read, and that every learner can do what it says; before a table is read.

    Raises
    ------
    UsageError
        With the reason why not.
    """
    if config.stages is None:
        return
    stages = read_stages(config.stages)
    if any(stage.looks for stage in stages):
        for found, action in pair_obstacles(config):
            raise UsageError("--stages looks at rows by models that saw neither their fold nor another", found, action)
    for name in config.learners:
        for need, found in _obstacles(LEARNERS[name], stages):
            raise UsageError(f"--stages {need}", f"{name} {found}", "Take another learner, or leave --stages out")


def _obstacles(learner: Learner, stages: Sequence[Stage]) -> Iterator[tuple[str, str]]:
    """What a stage calls for, and what a learner is like that cannot do that."""
    traits = learner.traits
    if not traits.starts:
        yield "needs a learner that goes on from a model", "always begins anew"
    if traits.inputs == "genes" and any(stage.looks for stage in stages):
        yield "with hardest, loss or score needs a learner of rows", "trains on whole genes: give where alone"
    if not traits.weights and any(stage.others for stage in stages):
        yield "with others needs a learner whose rows can be weighted", "cannot weight them"


def check_stages(config: TrainingConfig, dataset: Dataset, positions: Positions) -> tuple[StageRows, ...]:
    """The stages with the rows that their columns name; none where there are no stages.

    Raises
    ------
    UsageError
        If a column is not in the table, or differs within a gene where a learner is trained on whole genes.
    InputError
        If a stage has no rows, or none of some class.
    """
    stages = () if config.stages is None else stage_rows(read_stages(config.stages), dataset)
    for number, stage in enumerate(stages, 1):
        require_classes(positions.labels, stage.stratum, stage, number, "the table")
        if config.reads_genes:
            _require_whole(number, stage, positions)
    return stages


def planned_stages(task: TrainingTask, folds: Folds) -> tuple[StageRows, ...]:
    """Those of a task, see `check_stages`; each has rows of every class outside of each fold, as its columns say."""
    stages = check_stages(task.config, task.dataset, task.positions)
    for fold in range(folds.n_folds):
        for number, stage in enumerate(stages, 1):
            outside = stage.stratum & ~folds.held_out(fold)
            require_classes(task.positions.labels, outside, stage, number, f"fold {fold}")
    return stages


def _require_whole(number: int, stage: StageRows, positions: Positions) -> None:
    """Raise UsageError where a stage takes a part of a gene."""
    frame = positions.frame.select(GENE).with_columns(rows=stage.stratum)
    parted = frame.group_by(GENE).agg(pl.col("rows").n_unique() > 1).filter("rows")[GENE].cast(pl.String).sort()
    if len(parted):
        raise UsageError(
            f"--stages: stage {number} must be of whole genes for a learner that is trained on those",
            f"Where {stage.stage.text} holds for a part of the rows of {len(parted)} genes, such as {parted[0]}",
            "Name a column that is the same in all of a gene, such as gene_type or chrom",
        )


def stage_fits(config: TrainingConfig) -> float:
    """How many fits of all rows later stages come to beside those of the folds, the pairs of folds included.

    How many rows a stage by columns has is not known here: it is taken for all of them.
    """
    if config.stages is None:
        return 0.0
    stages, folds = read_stages(config.stages), config.n_folds
    pairs = (folds - 1) * (folds - 2) / 2 if any(stage.looks for stage in stages) else 0.0
    shares = [stage.hardest if stage.hardest is not None and not stage.others else 1.0 for stage in stages]
    return pairs + folds * float(np.sum(shares))


def stage_cost(config: TrainingConfig) -> dict[str, object]:
    """For the plan: the rows of each stage in words, fits of one stage, and of the whole run."""
    stages = () if config.stages is None else read_stages(config.stages)
    folds, classes = config.n_folds, 3 if config.learner.traits.targets == "each" else 1
    pairs = folds * (folds - 1) // 2 if any(stage.looks for stage in stages) else 0
    return {
        "rows": [stage.text for stage in stages],
        "fits_of_one_stage": (folds + 1) * classes,
        "fits": ((folds + 1) * (1 + len(stages)) + pairs) * classes,
    }
