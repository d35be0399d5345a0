"""Screening of a table: draws the genes, reads their rows, and says which rows were seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import UsageError
from meta_models.progress import Progress
from meta_models.training.fitting.rows.audit import audit_features
from meta_models.training.screening import ScreeningReport, ScreeningSample, choose_screening_genes, screen

#: Bytes of features that screening holds; with more, it reads a block of columns at a time.
HELD_BYTES = 250_000_000


class _Blocks:
    """Columns of some rows, read in blocks of neighbours, of which the last one is kept."""

    def __init__(self, dataset: Dataset, rows: NDArray[np.int64], names: tuple[str, ...]) -> None:
        self._dataset, self._rows, self._names = dataset, rows, names
        self._size = max(1, HELD_BYTES // (4 * len(rows)))
        self._number = -1
        self._block = np.empty((0, 0), np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self._rows), len(self._names)

    def read(self, columns: Sequence[int]) -> NDArray[np.float32]:
        """Values (n, len(columns)); neighbouring columns should be asked for one after another."""
        values = np.empty((len(self._rows), len(columns)), np.float32)
        blocks = np.asarray(columns) // self._size
        for number in np.unique(blocks):
            mine = np.flatnonzero(blocks == number)
            values[:, mine] = self._held(int(number))[:, np.asarray(columns)[mine] - number * self._size]
        return values

    def _held(self, number: int) -> NDArray[np.float32]:
        if number != self._number:
            self._block = np.empty((0, 0), np.float32)  # the old one goes before the new one comes
            names = self._names[number * self._size : (number + 1) * self._size]
            self._number, self._block = number, _read(self._dataset, self._rows, names)
        return self._block


@dataclass(frozen=True)
class Screened:
    """Made by `screen_table`.

    Attributes
    ----------
    features : tuple of str
        Features that are kept, in the order of the table.
    excluded : dict of str to str
        Features left out by request or by screening, and why.
    rows : ndarray of bool (n_rows,)
        Rows whose gene or family was looked at.
    genes : tuple of str
        Genes that were looked at, sorted.
    """

    report: ScreeningReport
    features: tuple[str, ...]
    excluded: dict[str, str]
    rows: NDArray[np.bool_]
    genes: tuple[str, ...]


def screen_table(dataset: Dataset, positions: Positions, config: TrainingConfig) -> Screened:
    """Screen the features of a table on ``screening_share`` of its genes.

    Raises
    ------
    UsageError
        If ``--exclude-features`` or ``--protect-features`` name no feature of the table, or nothing is left.
    InputError
        If a feature of the screened genes is infinite.
    """
    asked = requested(dataset, config)
    features = tuple(f for f in dataset.features if f not in asked)
    _require(features, "--exclude-features")
    genes, relatives = positions.gene_order(), positions.relatives()
    family_of_gene = np.empty(int(genes.max()) + 1, np.int32)
    family_of_gene[genes] = relatives
    chosen = choose_screening_genes(family_of_gene, config.screening_share, config.screening_min_genes, config.seed)
    seen = np.isin(genes, chosen)
    report = screen(_sample(dataset, positions, features, seen, genes, relatives), config)
    excluded = asked | dict(report.excluded)
    kept = tuple(f for f in features if f not in excluded)
    _require(kept, "--keep-leaky or --protect-features")
    names = tuple(positions.frame["gene_id"].filter(seen).unique().cast(str).sort())
    return Screened(report, kept, excluded, np.isin(relatives, relatives[seen]), names)


def _sample(
    dataset: Dataset,
    positions: Positions,
    features: tuple[str, ...],
    seen: NDArray[np.bool_],
    genes: NDArray[np.int64],
    relatives: NDArray[np.int64],
) -> ScreeningSample:
    rows = np.flatnonzero(seen)
    held = 4 * len(rows) * len(features) <= HELD_BYTES
    return ScreeningSample(
        features=_read(dataset, rows, features) if held else _Blocks(dataset, rows, features),
        feature_names=features,
        groups=tuple(dataset.group(f) for f in features),
        labels=positions.labels[rows],
        genes=genes[rows].astype(np.int32),
        families=relatives[rows].astype(np.int32),
        rows=rows,
    )


def _read(dataset: Dataset, rows: NDArray[np.int64], features: tuple[str, ...]) -> NDArray[np.float32]:
    """Values (n, len(features)) of `rows`; where one is infinite, the audit of the whole table says which are."""
    values = dataset.read_rows(rows, features)
    if np.isinf(values).any():
        audit_features(dataset, features, np.empty(0, np.int64), Progress("Checking the features"))
    return values


def requested(dataset: Dataset, config: TrainingConfig) -> dict[str, str]:
    """Features that are left out by request, and why.

    Raises
    ------
    UsageError
        If an option names no column of the table, or both the same one.
    """
    for option, names in (
        ("--exclude-features", config.exclude_features),
        ("--protect-features", config.protect_features),
    ):
        unknown = [name for name in names if name not in dataset.columns]
        if unknown:
            raise UsageError(
                f"{option} must name columns of the table", f"Found {', '.join(unknown[:20])}", "Correct it"
            )
    if both := sorted({*config.exclude_features} & {*config.protect_features}):
        found = f"Found {', '.join(both[:20])} in both"
        raise UsageError("A feature is left out (--exclude-features) or stays (--protect-features)", found)
    return dict.fromkeys(config.exclude_features, "left out by --exclude-features")


def _require(features: tuple[str, ...], option: str) -> None:
    if not features:
        raise UsageError("At least one feature must be left to train on", "Found none", f"Mind {option}")
