"""A finished run as a teacher: its scores out of fold, and the models that gave them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.errors import InputError, UsageError
from meta_models.places import describe_input
from meta_models.result import CALIBRATED, TrainingResult, probability_columns
from meta_models.result_files import StoredResult, load_result, read_stored
from meta_models.run_folder import MANIFEST_NAME, RunManifest
from meta_models.schema import GENE
from meta_models.training.fitting.task import TrainingTask


@dataclass(frozen=True)
class Teacher:
    """A finished run.

    Attributes
    ----------
    name : str
        What it is called on the leaderboard.
    result : TrainingResult
    input_hashes : tuple of str
        sha256 of each file of its table.
    """

    name: str
    result: TrainingResult
    input_hashes: tuple[str, ...]

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Calibrated scores out of fold, (n_rows, 3)."""
        return self.result.oof.select(probability_columns(CALIBRATED)).to_numpy().astype(np.float32)

    @property
    def folds(self) -> NDArray[np.int16]:
        """The fold that held each row out, (n_rows,)."""
        return self.result.oof["fold"].to_numpy().astype(np.int16)

    def require_rows(self, task: TrainingTask) -> None:
        """See that `task` has the rows that the teacher scored, and that it scored all of them.

        Raises
        ------
        InputError
            If not.
        """
        oof, frame = self.result.oof, task.positions.frame
        same = task.input_hashes == self.input_hashes and oof.height == frame.height
        if not same or not oof[GENE].cast(pl.String).equals(frame[GENE].cast(pl.String)):
            raise InputError(
                "The table must be the one that the teacher was trained on",
                f"{task.dataset.source} has other content, or other rows",
                "Give --dataset, where the table lies now",
            )
        if np.isnan(self.probabilities).any():
            raise InputError(
                "The teacher must have scored every row out of fold", "Some have no score", "Train it again"
            )


def require_teacher(path: Path) -> tuple[RunManifest, StoredResult]:
    """The manifest and the facts of the run in the folder `path`, whose files are compared with their hashes.

    Raises
    ------
    UsageError
        If there is no run whose training finished.
    InputError
        If a file was altered.
    """
    manifest = RunManifest.read(path)
    if manifest is None:
        raise UsageError(f"{path} must be the folder of a run", f"Found no {MANIFEST_NAME}", "Name a run folder")
    stored = read_stored(path)
    for name in stored.artifacts:
        record = manifest.artifacts.get(name)
        if record is None or describe_input(path / name).sha256 != record.sha256:
            raise InputError(f"{path / name} must be as the run wrote it", "Found other content", "Train again")
    return manifest, stored


def open_teacher(path: Path) -> Teacher:
    """The run in the folder `path`, as `require_teacher` compares it.

    Raises
    ------
    UsageError
        If there is no run whose training finished.
    InputError
        If a file was altered.
    """
    manifest, stored = require_teacher(path)
    config = TrainingConfig.from_mapping({**manifest.config, "resume": False, "overwrite": False, "dry_run": False})
    result = load_result(path, stored, config, measured_peak=manifest.memory.measured, seconds=manifest.phases)
    saved = stored.leaderboard.saved if stored.leaderboard is not None else " ".join(config.learners)
    return Teacher(f"teacher ({saved})", result, tuple(record.sha256 for record in manifest.inputs))
