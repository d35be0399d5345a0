"""Screening of a table: draws the genes, reads their rows, and says which rows were seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.dataset.reader import Dataset
from meta_models.errors import UsageError
from meta_models.training.screening import ScreeningReport, ScreeningSample, choose_screening_genes, screen


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
    """
    asked = _requested(dataset, config)
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
    return ScreeningSample(
        features=dataset.read_rows(rows, features),
        feature_names=features,
        groups=tuple(dataset.group(f) for f in features),
        labels=positions.labels[rows],
        genes=genes[rows].astype(np.int32),
        families=relatives[rows].astype(np.int32),
        rows=rows,
        weights=positions.weights[rows] if positions.weighting == "sampling_weight" else None,
    )


def _requested(dataset: Dataset, config: TrainingConfig) -> dict[str, str]:
    for option, names in (
        ("--exclude-features", config.exclude_features),
        ("--protect-features", config.protect_features),
    ):
        unknown = [name for name in names if name not in dataset.columns]
        if unknown:
            raise UsageError(f"{option} must name columns of the table", f"Found {', '.join(unknown[:20])}", "Mend it")
    return dict.fromkeys(config.exclude_features, "left out by --exclude-features")


def _require(features: tuple[str, ...], option: str) -> None:
    if not features:
        raise UsageError("At least one feature must be left to train on", "Found none", f"Mind {option}")
