"""Which rows are held out together. Relatives (gene and gene family) never straddle two folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.errors import InputError
from meta_models.result import FoldRecord
from meta_models.schema import CHROM, CLASSES, GENE


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
    groups, unit = _groups(positions, config)
    labels = positions.labels
    n_groups = len(np.unique(groups))
    if n_groups < config.n_folds:
        raise InputError(
            f"--n-folds {config.n_folds} needs at least {config.n_folds} {unit}",
            f"Found {n_groups}",
            "Give a larger table or fewer folds",
        )
    _require_classes(labels, labels, "the table")
    splitter = StratifiedGroupKFold(config.n_folds, shuffle=True, random_state=config.seed)
    of_row = np.empty(len(labels), np.int16)
    for fold, (_, held_out) in enumerate(splitter.split(labels[:, None], labels, groups)):
        of_row[held_out] = fold
    for fold in range(config.n_folds):
        _require_classes(labels[of_row != fold], labels, f"the training genes of fold {fold}")
    return Folds(of_row, groups, positions.codes(GENE))


def stop_rows(
    folds: Folds, labels: NDArray[np.uint8], train: NDArray[np.bool_], config: TrainingConfig
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
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=config.seed)
    _, inner = next(splitter.split(rows[:, None], labels[rows], folds.groups[rows]))
    chosen[rows[inner]] = True
    return chosen


def _groups(positions: Positions, config: TrainingConfig) -> tuple[NDArray[np.int64], str]:
    if config.split == "gene":
        return positions.relatives(), "gene families"
    if CHROM not in positions.frame.columns:
        raise InputError(f"--split chromosome needs the column {CHROM!r}", "The table has none", "Use --split gene")
    return positions.relatives_by_chromosome(), "chromosomes that share no gene family"


def _require_classes(labels: NDArray[np.uint8], all_labels: NDArray[np.uint8], where: str) -> None:
    counts = np.bincount(labels, minlength=len(CLASSES))
    absent = [c.label for c in CLASSES if counts[c] == 0]
    if absent:
        found = np.bincount(all_labels, minlength=len(CLASSES))
        raise InputError(
            f"Every class must occur in {where}",
            f"Absent: {', '.join(absent)} (rows in the table: "
            + ", ".join(f"{c.label} {found[c]}" for c in CLASSES)
            + ")",
            "Give a table with more genes",
        )
