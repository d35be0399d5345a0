"""Which rows are held out together. Relatives (gene and gene family) never straddle two folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.errors import InputError
from meta_models.result import FoldRecord
from meta_models.schema import CHROM, CLASS_NAMES, GENE


@dataclass(frozen=True)
class Folds:
    """A partition of the rows into folds; made by `make_folds`.

    Attributes
    ----------
    of_row : ndarray of int16 (n_rows,)
        The fold that holds out each row.
    groups : ndarray of int64 (n_rows,)
        Rows with an equal group are never separated.
    """

    of_row: NDArray[np.int16]
    groups: NDArray[np.int64]
    genes: NDArray[np.int64]

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.of_row.max()) + 1

    def held_out(self, fold: int) -> NDArray[np.bool_]:
        """Rows (n_rows,) that `fold` holds out."""
        return np.asarray(self.of_row == fold)

    def record(self, fold: int, stop: NDArray[np.bool_]) -> FoldRecord:
        """Counts of `fold`, of whose training rows `stop` (n_rows,) only decide when to stop."""
        held_out = self.held_out(fold)
        return FoldRecord(
            fold=fold,
            held_out_genes=len(np.unique(self.genes[held_out])),
            held_out_rows=int(held_out.sum()),
            train_genes=len(np.unique(self.genes[~held_out & ~stop])),
            stop_genes=len(np.unique(self.genes[stop])),
        )


def make_folds(positions: Positions, config: TrainingConfig) -> Folds:
    """Stratified folds of whole families (or chromosomes), as even in rows of each class as they can be.

    Raises
    ------
    InputError
        If there are fewer groups than folds, or a class is absent from the table or from a fold's training genes.
    """
    groups, unit = held_together(positions, config)
    return split_groups(positions.labels, groups, config, genes=positions.codes(GENE), unit=unit)


def require_enough_groups(positions: Positions, config: TrainingConfig) -> None:
    """InputError where there are fewer groups than folds; it costs nothing, and is known before anything is made."""
    _require_enough(*held_together(positions, config), config, positions.joined)


def _require_enough(groups: NDArray[np.int64], unit: str, config: TrainingConfig, joined: Sequence[str] = ()) -> None:
    n_groups = len(np.unique(groups))
    if n_groups < config.n_folds:
        raise InputError(
            f"--n-folds {config.n_folds} needs at least {config.n_folds} {unit}",
            ": ".join([f"Found {n_groups}", *(note.rstrip(".") for note in joined)]),
            "Give a larger table or fewer folds",
        )


def split_groups(
    labels: NDArray[np.integer],
    groups: NDArray[np.int64],
    config: TrainingConfig,
    *,
    genes: NDArray[np.int64] | None = None,
    unit: str = "groups",
    classes: Sequence[str] = CLASS_NAMES,
) -> Folds:
    """Stratified folds of whole groups of rows, as even in rows of each class as they can be.

    Parameters
    ----------
    labels, groups : ndarray of integers (n_rows,)
        Number of the class, and of the group, of each row.
    genes : ndarray of int64 (n_rows,), optional
        What is counted in the records of folds; the groups by default.
    unit : str
        What a group is called in messages.
    classes : sequence of str
        Names of the classes.

    Raises
    ------
    InputError
        If there are fewer groups than folds, or a class is absent, altogether or without a fold.
    """
    _require_enough(groups, unit, config)
    require_classes(labels, labels, classes, "the table")
    of_row = np.empty(len(labels), np.int16)
    for fold, (_, held_out) in enumerate(_stratified(config.n_folds, labels, groups, config.seed)):
        of_row[held_out] = fold
    for fold in range(config.n_folds):
        require_classes(labels[of_row != fold], labels, classes, f"the training {unit} of fold {fold}")
    return Folds(of_row, groups, groups if genes is None else genes)


def stop_rows(
    folds: Folds, labels: NDArray[np.integer], train: NDArray[np.bool_], config: TrainingConfig
) -> NDArray[np.bool_]:
    """Rows (n_rows,) inside `train` whose genes only decide when to stop; none without ``--rounds early-stopping``.

    They are whole groups, about ``early_stopping_share`` of the training rows, stratified by class.

    Raises
    ------
    InputError
        If the training rows have a single group, so that none can be split off.
    """
    chosen = np.zeros(len(labels), bool)
    if config.rounds != "early-stopping":
        return chosen
    rows = np.flatnonzero(train)
    n_groups = len(np.unique(folds.groups[rows]))
    parts = min(max(2, round(1 / config.early_stopping_share)), n_groups)
    if parts < 2:
        raise InputError(
            "Early stopping needs at least two families among the training genes",
            f"Found {n_groups}",
            "Give a larger table or --rounds fixed",
        )
    _, inner = next(_stratified(parts, labels[rows], folds.groups[rows], config.seed))
    chosen[rows[inner]] = True
    return chosen


def _stratified(parts: int, labels: NDArray[np.integer], groups: NDArray[np.int64], seed: int) -> Iterator[Any]:
    """Rows outside and inside each part. Where each row is its own group, the same comes at far less cost."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    single = len(np.unique(groups)) == len(groups)
    splitter = (StratifiedKFold if single else StratifiedGroupKFold)(parts, shuffle=True, random_state=seed)
    return iter(splitter.split(labels[:, None], labels, None if single else groups))


def held_together(positions: Positions, config: TrainingConfig) -> tuple[NDArray[np.int64], str]:
    """Group (n_rows,) of each row, whose rows no split may part, and what such a group is called in messages.

    Raises
    ------
    InputError
        If chromosomes are to be held out, and the table does not name them.
    """
    if config.split == "gene":
        return positions.relatives(), "gene families"
    if CHROM not in positions.frame.columns:
        raise InputError(f"--split chromosome needs the column {CHROM!r}", "The table has none", "Use --split gene")
    return positions.relatives_by_chromosome(), "chromosomes that share no gene family"


def require_classes(
    labels: NDArray[np.integer], all_labels: NDArray[np.integer], classes: Sequence[str], where: str
) -> None:
    """Raise InputError where a class has no row among `labels` (n,), a part of `all_labels` that is called `where`."""
    counts = np.bincount(labels, minlength=len(classes))
    absent = [name for c, name in enumerate(classes) if counts[c] == 0]
    if absent:
        found = np.bincount(all_labels, minlength=len(classes))
        raise InputError(
            f"Every class must occur in {where}",
            f"Absent: {', '.join(absent)} (rows in the table: "
            + ", ".join(f"{name} {found[c]}" for c, name in enumerate(classes))
            + ")",
            "Give a table with more genes",
        )
