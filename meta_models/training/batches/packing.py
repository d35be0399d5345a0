"""Packing genes into the batches of an ensemble: even in every respect, families whole, within memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.errors import InputError, MemoryBudgetError
from meta_models.schema import CHROM, CLASSES, GENE, GENE_TYPE, SITE_CLASSES
from meta_models.training.batches.grouping import batch_groups
from meta_models.training.memory import BATCH_IMBALANCE
from meta_models.wording import counted

_ROWS_WEIGHT = 4.0  # rows set time and memory of a unit: they count more than the mix
_MORE_BATCHES = 4  # so many more batches than needed are tried for the sake of balance
_RARE = 0.01  # chromosomes and gene types with a smaller share of the rows (scaffolds) are balanced as one
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """The genes of one member; made by `make_batches`.

    Attributes
    ----------
    name : str
        Name of its unit: ``batch-00``; ``batch-00a`` and ``batch-00b`` are its halves.
    rows : ndarray of bool (n_rows,)
        Its rows of the table.
    class_counts : tuple of int
        Rows of each class.
    group : str
        The batches that are combined with it first; all, where they are not grouped.
    """

    name: str
    rows: NDArray[np.bool_]
    genes: int
    class_counts: tuple[int, ...]
    is_half: bool = False
    group: str = ""

    @cached_property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.rows.sum())


@dataclass(frozen=True)
class Packing:
    """Batches, and what a reader of the plan should know of them; made by `make_batches`."""

    batches: tuple[Batch, ...]
    notes: tuple[str, ...] = ()


def make_batches(positions: Positions, config: TrainingConfig, *, row_cap: int) -> Packing:
    """Pack the genes into as few batches as both caps and their balance allow.

    Groups of relatives are taken from the largest down. Each goes where it adds least to the squared imbalance of rows,
    donors, acceptors, genes, rows by chromosome and rows by gene type. A group with more genes than a batch may have
    gets a batch of its own. Where batches are grouped, each group of them is packed alone.

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
    batches, notes = list[Batch](), list[str]()
    for name, rows in batch_groups(positions, config).items():
        found = _packed(positions, rows, config, row_cap, len(batches))
        batches += [replace(batch, group=name) for batch in found.batches]
        notes += found.notes
    _require_classes(batches, config)
    return Packing(tuple(batches), (*_group_notes(batches, config), *notes))


def _group_notes(batches: Sequence[Batch], config: TrainingConfig) -> Iterator[str]:
    """Which groups there are, of how many batches; or that all are of one."""
    if config.batch_groups == "none":
        return
    counts = Counter(batch.group for batch in batches)
    option = f"--batch-groups {config.batch_groups}"
    if len(counts) == 1:
        yield f"{option} changes nothing: all batches are of one group ({batches[0].group})."
        return
    groups = ", ".join(f"{name} ({counted(count, 'batch', 'batches')})" for name, count in counts.items())
    over = f"each combined by its mean before they are ({config.ensemble_method})"
    yield f"{option}: {len(counts)} groups, {over}: {groups}."


def _packed(positions: Positions, rows: NDArray[np.bool_], config: TrainingConfig, row_cap: int, first: int) -> Packing:
    """The genes of some `rows`, in batches that are numbered from `first`."""
    groups = _of_positions(positions.filter(rows))
    largest = int(groups.sizes.max())
    if largest > row_cap:
        raise MemoryBudgetError(
            f"A batch may have {row_cap:,} rows within --max-batch-gb {config.max_batch_gb:g} and the memory budget",
            f"The family of gene {_a_gene(positions.filter(rows), groups, int(groups.sizes.argmax()))} has "
            f"{largest:,} rows",
            "Raise --max-batch-gb or --max-memory-gb",
        )
    of_group = _pack_evenly(groups, config.max_genes_per_batch, row_cap)
    of_row = np.full(len(rows), -1)
    of_row[rows] = of_group[groups.of_row]
    n_batches = int(of_group.max()) + 1
    batches = [_batch(positions, f"batch-{first + b:02d}", np.asarray(of_row == b)) for b in range(n_batches)]
    return Packing(tuple(batches), tuple(_notes(positions.filter(rows), groups, of_group, config)))


def pack_groups(groups: Codes, labels: NDArray[np.integer], max_groups: int) -> Codes:
    """The batch (n_rows,) of each row: as few batches of whole groups as allowed, packed like those of `make_batches`.

    Parameters
    ----------
    groups, labels : ndarray of integers (n_rows,)
        Code of the group, and number of the class, of each row.
    max_groups : int
        Most groups of a batch.
    """
    packed = _Groups(groups, groups, labels, np.unique(labels))
    return _pack_evenly(packed, max_groups, len(labels))[packed.of_row]


def split_batch(batch: Batch, positions: Positions) -> tuple[Batch, ...]:
    """Two halves of `batch`, families whole; none where it has a single family or a half would lack a class."""
    groups = _of_positions(positions.filter(batch.rows))
    of_group = _pack(groups, 2, groups.n_genes, groups.n_rows) if groups.n_groups > 1 else None
    if of_group is None:
        return ()
    of_row = np.full(len(batch.rows), -1)
    of_row[batch.rows] = of_group[groups.of_row]
    halves = tuple(
        replace(_batch(positions, batch.name + letter, np.asarray(of_row == half)), is_half=True, group=batch.group)
        for half, letter in enumerate("ab")
    )
    return halves if all(min(half.class_counts) > 0 for half in halves) else ()


class _Groups:
    """What each group of relatives brings into a batch.

    Parameters
    ----------
    relatives, genes : ndarray of integers (n_rows,)
        Codes of what is never separated, and of the genes in it.
    labels : ndarray of integers (n_rows,)
        Number of the class of each row.
    classes : sequence of int
        Classes that every batch should have an even share of.
    mixes : sequence of ndarray of int64 (n_rows,)
        Codes of which the same mix should be in every batch.

    Attributes
    ----------
    of_row : ndarray of int64 (n_rows,)
    sizes, genes : ndarray of int64 (n_groups,)
        Rows and genes of each group.
    loads : ndarray of float64 (n_groups, n_loads)
        Share of each total, times the square root of the weight that its imbalance has.
    """

    def __init__(
        self,
        relatives: NDArray[np.integer],
        genes: NDArray[np.integer],
        labels: NDArray[np.integer],
        classes: Iterable[int],
        mixes: Sequence[Codes] = (),
    ) -> None:
        _, self.of_row = np.unique(relatives, return_inverse=True)
        self.sizes = np.bincount(self.of_row)
        first_rows = np.unique(genes, return_index=True)[1]
        self.genes = np.bincount(self.of_row[first_rows], minlength=self.n_groups)
        counts = [(self.sizes, _ROWS_WEIGHT), (self.genes, 1.0)]
        counts += [(np.bincount(self.of_row, labels == c, self.n_groups), 1.0) for c in classes]
        for codes in mixes:
            counts += self._mix(codes)
        self.loads = np.column_stack([values / values.sum() * np.sqrt(weight) for values, weight in counts])

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.sizes)

    @property
    def n_genes(self) -> int:
        """Genes of all groups."""
        return int(self.genes.sum())

    @property
    def n_rows(self) -> int:
        """Rows of all groups."""
        return int(self.sizes.sum())

    def _mix(self, codes: Codes) -> list[tuple[NDArray[np.int64], float]]:
        """Rows of each group by their `codes`; together they weigh as much as one other load."""
        kinds = _pooled(codes)
        n_kinds = int(kinds.max()) + 1
        rows = np.bincount(self.of_row * n_kinds + kinds, minlength=self.n_groups * n_kinds)
        return [(column, column.sum() / len(codes)) for column in rows.reshape(self.n_groups, n_kinds).T]


def _pooled(codes: Codes) -> Codes:
    """`codes` (n_rows,) numbered from 0 in their order, all rare ones as the first of them."""
    _, numbers, counts = np.unique(codes, return_inverse=True, return_counts=True)
    rare = counts < _RARE * len(codes)
    if rare.any():
        numbers[rare[numbers]] = rare.argmax()
    return np.asarray(np.unique(numbers, return_inverse=True)[1], np.int64)


def _of_positions(positions: Positions) -> _Groups:
    mixes = [positions.codes(column) for column in (CHROM, GENE_TYPE) if column in positions.frame.columns]
    return _Groups(positions.relatives(), positions.codes(GENE), positions.labels, SITE_CLASSES, mixes)


def _a_gene(positions: Positions, groups: _Groups, group: int) -> str:
    """The first gene of `group`, for messages."""
    return str(positions.frame[GENE][int(np.argmax(groups.of_row == group))])


def _pack_evenly(groups: _Groups, gene_cap: int, row_cap: int) -> Codes:
    """The batch of each group (n_groups,): as few batches as possible, a few more where that makes them even."""
    least = max(-(-groups.n_genes // gene_cap), -(-groups.n_rows // row_cap))
    best: Codes | None = None
    for n_batches in range(least, groups.n_groups + 1):
        found = _pack(groups, n_batches, gene_cap, row_cap)
        if found is not None and (_is_even(groups, found) or _is_forced(groups, n_batches)):
            return found
        best = found if best is None else best
        if best is not None and n_batches >= least + _MORE_BATCHES:
            return best
    return np.arange(groups.n_groups) if best is None else best


def _pack(groups: _Groups, n_batches: int, gene_cap: int, row_cap: int) -> Codes | None:
    """The batch of each group (n_groups,), or None where the caps leave no room for one."""
    loads = np.zeros((n_batches, groups.loads.shape[1]))
    rows, genes = np.zeros(n_batches, np.int64), np.zeros(n_batches, np.int64)
    even = BATCH_IMBALANCE * groups.n_rows / n_batches
    of_group = np.empty(groups.n_groups, np.int64)
    for group in np.argsort(-groups.sizes, kind="stable"):
        allowed = (rows + groups.sizes[group] <= row_cap) & ((genes + groups.genes[group] <= gene_cap) | (genes == 0))
        if not allowed.any():
            return None
        balanced = allowed & (rows + groups.sizes[group] <= even)
        cost = np.where(balanced if balanced.any() else allowed, loads @ groups.loads[group], np.inf)
        chosen = of_group[group] = int(cost.argmin())
        loads[chosen] += groups.loads[group]
        rows[chosen] += groups.sizes[group]
        genes[chosen] += groups.genes[group]
    return of_group if (genes > 0).all() else None


def _is_even(groups: _Groups, of_group: Codes) -> bool:
    rows = np.bincount(of_group, groups.sizes)
    return bool(rows.max() <= BATCH_IMBALANCE * rows.mean())


def _is_forced(groups: _Groups, n_batches: int) -> bool:
    """Whether a family is so large that no packing need be even."""
    return bool(groups.sizes.max() > (BATCH_IMBALANCE - 1) * groups.n_rows / n_batches)


def _batch(positions: Positions, name: str, rows: NDArray[np.bool_]) -> Batch:
    counts = np.bincount(positions.labels[rows], minlength=len(CLASSES))
    return Batch(name, rows, positions.frame[GENE].filter(rows).n_unique(), tuple(counts.tolist()))


def _require_classes(batches: Sequence[Batch], config: TrainingConfig) -> None:
    for batch in batches:
        absent = [c.label for c in CLASSES if batch.class_counts[c] == 0]
        if absent:
            raise InputError(
                f"Every class must occur in every batch; {len(batches)} batches were made",
                f"The {batch.genes} genes of {batch.name} have no {' and no '.join(absent)}",
                f"Raise --max-genes-per-batch ({config.max_genes_per_batch}) or --max-batch-gb",
            )


def _notes(positions: Positions, groups: _Groups, of_group: Codes, config: TrainingConfig) -> Iterator[str]:
    rows = np.bincount(of_group, groups.sizes)
    if not _is_even(groups, of_group):
        largest = int(groups.sizes.argmax())
        yield (
            f"The largest batch has {rows.max():,} rows, {rows.max() / rows.mean():.2f} times the mean; the largest "
            f"family (of gene {_a_gene(positions, groups, largest)}, {groups.sizes[largest]:,} rows) is never split."
        )
    if (groups.genes > config.max_genes_per_batch).any():
        largest = int(groups.genes.argmax())
        yield (
            f"The family of gene {_a_gene(positions, groups, largest)} has {groups.genes[largest]:,} genes, more than "
            f"--max-genes-per-batch {config.max_genes_per_batch:,}: it is never split and has a batch of its own."
        )
