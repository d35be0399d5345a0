"""What a strategy is given."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.dataset.positions import Positions
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import TimeUp
from meta_models.learners.seam import Resources
from meta_models.learners.seam.start import Starts
from meta_models.places import describe_input
from meta_models.run_folder import UnitStore
from meta_models.schema import GENE
from meta_models.training.fitting.origin import Origin
from meta_models.training.fitting.rows.pool import Pool
from meta_models.training.fitting.rows.weights import row_weights
from meta_models.workers import HERE, Farm


@dataclass(frozen=True)
class TrainedGenes:
    """The genes of a built folder.

    Attributes
    ----------
    hashes : tuple of str
        sha256 of each of its files.
    """

    folder: GeneFolder
    hashes: tuple[str, ...]

    @classmethod
    def of(cls, folder: GeneFolder | None) -> Self | None:
        """Those of a folder, whose files are hashed now; None where no learner reads genes."""
        return None if folder is None else cls(folder, tuple(describe_input(path).sha256 for path in folder.files))


@dataclass(frozen=True)
class TrainingTask:
    """A screened table and what it is to be trained with; made by the pipeline.

    Attributes
    ----------
    features : tuple of str
        Features that are kept, in the order of the table.
    excluded : dict of str to str
        Features left out, and why.
    screened : ndarray of bool (n_rows,)
        Rows whose gene or family was seen by screening.
    input_hashes : tuple of str
        sha256 of each file of the table: part of the key of every unit.
    budget : int
        Memory budget in bytes.
    predicted_peak : int
        Peak that the strategy predicted, in bytes.
    run_path : Path
        The run folder; working files go there.
    device : str
        What is fitted on, ``cpu`` or ``cuda``.
    ends_at : float or None
        Reading of ``time.monotonic()`` at which no further unit is begun; the clock is that of all processes here.
    columns : mapping of int to ndarray of bool (n_features,)
        Features that the models of a fold may use; all, where a fold is not named.
    pool : Pool or None
        All positions of the training genes, where negatives are to be mined.
    trained : TrainedGenes or None
        The genes of the table, where a learner reads them whole.
    window : int
        Bases of the column ``sequence``, where a learner of genes reads windows of it; 0 where none does.
    origins : mapping of str to Origin
        What learners go on from, by their names; a learner that is not named begins anew.
    begun : mapping of int to Start
        In a later stage: what the stage before made of each fold.
    left_out : tuple of str
        Genes that are not in the table, since what is gone on from knows them; sorted.
    farm : Farm
        Where units are done that take a process of their own.
    """

    config: TrainingConfig
    dataset: Dataset
    positions: Positions
    profile: DatasetProfile
    features: tuple[str, ...]
    excluded: dict[str, str]
    screened: NDArray[np.bool_]
    input_hashes: tuple[str, ...]
    units: UnitStore
    strategy_reason: str
    budget: int
    predicted_peak: int
    threads: int
    run_path: Path
    device: str = "cpu"
    ends_at: float | None = None
    columns: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    pool: Pool | None = None
    trained: TrainedGenes | None = None
    window: int = 0
    origins: Mapping[str, Origin] = field(default_factory=dict)
    begun: Starts = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    farm: Farm = HERE

    @property
    def seconds_left(self) -> float | None:
        """Seconds in which more may be begun, where a time was given."""
        return None if self.ends_at is None else self.ends_at - time.monotonic()

    def has_time(self) -> bool:
        """Whether more may be begun."""
        left = self.seconds_left
        return left is None or left > 0

    def require_time(self) -> None:
        """Raise TimeUp where the time that was given is over."""
        if not self.has_time():
            raise TimeUp(
                f"Stopped: the time of --max-hours {self.config.max_hours:g} is over",
                "What was finished is kept",
                "Run it again with --resume to do the rest",
            )

    def portable(self) -> Self:
        """The same for another process: its units are told of by their files alone. Clocks are those of a machine."""
        ends_at = None if self.farm.apart else self.ends_at
        return replace(self, units=UnitStore(self.units.folder), farm=HERE, ends_at=ends_at)

    @property
    def resources(self) -> Resources:
        """What a fit may use."""
        return Resources(self.threads, self.device)

    @property
    def origin(self) -> Origin | None:
        """What the learner goes on from."""
        return self.origins.get(self.config.learners[0])

    @property
    def starts(self) -> Starts:
        """What the fits of each fold are given to go on from: the stage before, or the model of another run."""
        return self.begun or ({} if self.origin is None else {None: self.origin.start})

    @property
    def training_weights(self) -> NDArray[np.float32] | None:
        """Weights of the rows in training, or None."""
        sampling = self.positions.weights if self.positions.weighting == "sampling_weight" else None
        config = self.config
        return row_weights(
            config.training_weights, self.positions.labels, sampling, of_classes=config.class_weights, seed=config.seed
        )

    @property
    def fit_weights(self) -> NDArray[np.float32] | None:
        """`training_weights`, where the learner can do something with them."""
        traits = self.config.learner.traits
        return self.training_weights if traits.weights or (self.window and traits.windows) else None

    def genes(self, rows: NDArray[np.bool_] | None = None) -> tuple[str, ...]:
        """Sorted gene ids (of the rows chosen)."""
        column = self.positions.frame[GENE]
        chosen = column if rows is None else column.filter(rows)
        return tuple(chosen.unique().cast(str).sort())
