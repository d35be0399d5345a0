"""The table of all positions that negatives are mined from."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from meta_models.dataset.genes.table import GeneTable
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.names import known_as
from meta_models.schema import GENE


@dataclass(frozen=True)
class Pool:
    """A table that should hold every position of the training genes; made by the pipeline.

    Attributes
    ----------
    input_hashes : tuple of str
        sha256 of each of its files.
    work_dir : Path
        Where rows that were mined are kept while the run lasts.
    """

    dataset: Dataset | GeneTable
    positions: Positions
    input_hashes: tuple[str, ...]
    work_dir: Path

    def of_process(self) -> Pool:
        """The same with a working folder that no other process has, of a unit that is done twice at a time say."""
        return replace(self, work_dir=self.work_dir / f"{socket.gethostname()}-{os.getpid()}")

    def of_genes(self, genes: pl.Series, name: str) -> Pool:
        """The positions of `genes` alone, with a working folder `name` of their own."""
        rows = known_as(self.positions.frame[GENE], genes).is_not_null().to_numpy()
        return Pool(self.dataset.with_rows(rows), self.positions.filter(rows), self.input_hashes, self.work_dir / name)
