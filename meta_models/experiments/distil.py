"""``meta-models distil``: one small model fitted to what a large one says out of fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meta_models.config import TrainingConfig
from meta_models.errors import ExitCode
from meta_models.experiments.options import DistilConfig
from meta_models.finished_run import read_run
from meta_models.pipeline.run import run_training

#: What of the teacher's configuration is not the student's: how it was made, and what was looked at in particular.
_OWN = (
    "learners", "sections", "variants", "strategy", "train_all_genes", "mine_negatives", "mining_rounds",
    "max_features", "out_dir", "overwrite", "resume", "dry_run", "track", "targets", "verbose", "max_hours",
)  # fmt: skip


def distil_run(given: list[str], options: DistilConfig) -> ExitCode:
    """Fit a student to the run in the folder ``given[0]``; its run folder is an ordinary one.

    Raises
    ------
    UsageError
        If the folder holds no finished run of this version, or an option is wrong.
    MetaModelsError
        As `run_training` says.
    """
    return run_training(student_config(Path(given[0]), dict(read_run(Path(given[0])).manifest.config), options))


def student_config(teacher: Path, run: dict[str, Any], options: DistilConfig) -> TrainingConfig:
    """The configuration `run` of the teacher's run, as its student has it."""
    shared = {name: value for name, value in run.items() if name not in _OWN}
    given = {name: getattr(options, name) for name in options.model_fields_set | {"learners", "sections", "out_dir"}}
    return TrainingConfig.from_mapping({**shared, **given, "teacher": teacher, "strategy": "single_model"})
