"""What learners of genes are given of a table of rows that has a column ``sequence``."""

from __future__ import annotations

from meta_models.learners.seam.windows import TrainingWindows, site_columns
from meta_models.learners.window_bridge import WindowsOfTable
from meta_models.training.fitting.task import TrainingTask


def training_windows(task: TrainingTask) -> TrainingWindows:
    """The rows of `task`: base models whose site scores are kept, and every other feature as what was measured there.

    The third score of a base model says nothing that the two others do not.
    """
    kept = set(task.features)
    bases = [base for base in task.positions.bases if kept.issuperset(site_columns(base.name))]
    known = {column for base in bases for column in base.columns}
    return TrainingWindows(
        WindowsOfTable(task.dataset), task.dataset.n_rows, task.window, tuple(base.name for base in bases),
        tuple(name for name in task.features if name not in known), task.config.seed,
    )  # fmt: skip
