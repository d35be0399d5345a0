"""Packing genes into the batches of an ensemble: even in every respect, families whole, within memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.errors import InputError, MemoryBudgetError
from meta_models.schema import CHROM, CLASSES, GENE, GENE_TYPE, SITE_CLASSES
from meta_models.training.memory import BATCH_IMBALANCE

_ROWS_WEIGHT = 4.0  # rows set time and memory of a unit: they count more than the mix
_MORE_BATCHES = 4  # how many more batches than needed are tried for the sake of balance
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """The genes of one member; made by `make_batches`.

    Attributes
    ----------
    name : str
        Name of its unit: ``batch-00``, and ``batch-00a``, ``batch-00b`` for halves.
    rows : ndarray of bool (n_rows,)
        Its rows of the table.
    """

    name: str
    rows: NDArray[np.bool_]
    genes: int
    class_counts: tuple[int, int, int]

    @cached_property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.rows.sum())


@dataclass(frozen=True)
class Packing:
    """Batches and what the reader of the plan should know of them; made by `make_batches`."""

    batches: tuple[Batch, ...]
    notes: tuple[str, ...] = ()


def make_batches(positions: Positions, config: TrainingConfig, *, row_cap: int) -> Packing:
    """Pack the genes into as few batches as both caps allow.

    Groups of relatives are taken from the largest down; each goes where it adds least to the squared imbalance of rows,
    donors, acceptors, genes, and rows by chromosome and by gene type. A group with more genes than a batch may have gets
    a batch of its own.

    Parameters
    ----------
    row_cap : int
        Most rows of a batch.

    Raises
    ------
    MemoryBudgetError
        If a family has more rows than `row_cap`.
    InputError
        If a batch lacks a class.
    """
    groups = _Groups(positions)
    largest = int(groups.sizes.max())
    if largest > row_cap:
        raise MemoryBudgetError(
            f"A batch may have {row_cap:,} rows within its memory (--max-batch-gb {config.max_batch_gb:g} and the budget)",
            f"The family of {groups.name(int(groups.sizes.argmax()))} has {largest:,} rows",
            "Raise --max-batch-gb or --max-memory-gb",
        )
    least = max(-(-groups.n_genes // config.max_genes_per_batch), -(-groups.n_rows // row_cap))
    of_group = _pack_balanced(groups, least, config.max_genes_per_batch, row_cap)
    batches = _batches(positions, of_group[groups.of_row], "batch-{:02d}")
    _require_classes(batches, config)
    return Packing(batches, tuple(_notes(groups, of_group, config)))


def split_batch(batch: Batch, positions: Positions) -> tuple[Batch, ...]:
    """Two halves of `batch`, families whole; nothing where it has a single family or a half would lack a class."""
    groups = _Groups(positions.filter(batch.rows))
    if groups.n_groups < 2:
        return ()
    of_group = _pack(groups, 2, groups.n_genes, groups.n_rows)
    if of_group is None:
        return ()
    of_row = np.full(len(batch.rows), -1)
    of_row[batch.rows] = of_group[groups.of_row]
    halves = tuple(
        _batch(positions, batch.name + letter, np.asarray(of_row == half)) for half, letter in enumerate("ab")
    )
    return halves if all(min(half.class_counts) > 0 for half in halves) else ()


class _Groups:
    """What each group of relatives brings into a batch.

    Attributes
    ----------
    loads : ndarray of float64 (n_groups, n_loads)
        Share of each total, times the square root of that total's weight.
    """

    def __init__(self, positions: Positions) -> None:
        _, self.of_row = np.unique(positions.relatives(), return_inverse=True)
        gene = positions.codes(GENE)
        self._positions = positions
        self.sizes = np.bincount(self.of_row)
        first_rows = np.unique(gene, return_index=True)[1]
        self.genes = np.bincount(self.of_row[first_rows], minlength=len(self.sizes))
        sites = [np.bincount(self.of_row, positions.labels == c, len(self.sizes)) for c in SITE_CLASSES]
        mixes = [self._by(column) for column in (CHROM, GENE_TYPE) if column in positions.frame.columns]
        parts = [_ROWS_WEIGHT * self.sizes, *sites, self.genes]
        columns = [_share(values, 1.0) * weight for values, weight in zip(parts, (2.0, 1, 1, 1), strict=True)]
        for mix in mixes:
            columns += [_share(mix[:, k], 1.0) * np.sqrt(mix[:, k].sum() / mix.sum()) for k in range(mix.shape[1])]
        self.loads = np.column_stack(columns)

    @property
    def n_groups(self) -> int:
        return len(self.sizes)

    @property
    def n_genes(self) -> int:
        return int(self.genes.sum())

    @property
    def n_rows(self) -> int:
        return int(self.sizes.sum())

    def name(self, group: int) -> str:
        """The first gene of `group`, for messages."""
        at = int(np.flatnonzero(self.of_row == group)[0])
        return str(self._positions.frame[GENE][at])

    def _by(self, column: str) -> Floats:
        codes = self._positions.codes(column)
        n_codes = int(codes.max()) + 1
        flat = np.bincount(self.of_row * n_codes + codes, minlength=self.n_groups * n_codes)
        return flat.reshape(self.n_groups, n_codes).astype(np.float64)
