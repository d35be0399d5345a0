"""The rows that screening looks at, and how their genes are drawn and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from meta_models.schema import FeatureGroup, SpliceClass

#: Genes and families are split into so many parts: two halves, each of two quarters.
QUARTERS = 4


class ColumnReader(Protocol):
    """Feature values that are read when they are asked for."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""

    def read(self, columns: Sequence[int]) -> NDArray[np.float32]:
        """The values (n, len(columns)) of these features, NaN where the table has null."""


@dataclass(frozen=True)
class ScreeningSample:
    """All rows of the screened genes; read by the pipeline.

    Attributes
    ----------
    features : ndarray of float32, (n, n_features), or ColumnReader
        In C order; NaN where the table has null.
    feature_names : tuple of str
    groups : tuple of FeatureGroup
        One for each feature.
    labels : ndarray of uint8, (n,)
        :class:`SpliceClass`.
    genes, families : ndarray of int32, (n,)
        Codes over the whole table, in the order in which genes first appear in it; families equal genes where there are
        none.
    rows : ndarray of int64, (n,)
        Row number in the table.
    """

    features: NDArray[np.float32] | ColumnReader
    feature_names: tuple[str, ...]
    groups: tuple[FeatureGroup, ...]
    labels: NDArray[np.uint8]
    genes: NDArray[np.int32]
    families: NDArray[np.int32]
    rows: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = (len(self.labels), len(self.feature_names))
        lengths = {len(a) for a in (self.genes, self.families, self.rows, self.labels)}
        if self.features.shape != shape or len(self.groups) != shape[1] or len(lengths) != 1:
            raise ValueError(
                f"features must be {shape} with one group each and one value a row, found {self.features.shape}"
            )

    def columns(self, columns: Sequence[int]) -> NDArray[np.float32]:
        """Values (n, len(columns)) of the features with these numbers."""
        if isinstance(self.features, np.ndarray):
            return self.features[:, np.asarray(columns)]
        return self.features.read(columns)


def choose_screening_genes(
    families_by_gene: NDArray[np.int32], share: float, minimum: int, seed: int
) -> NDArray[np.int64]:
    """Draw the genes that screening looks at.

    Whole families are drawn, so that as many genes as possible stay free of relatives that were screened. The families
    are cut into runs of neighbours in the table, and one family of each run is drawn before a second one of any, which
    spreads the draw over the whole table. Families larger than a tenth of the draw come last, and the last family is
    cut, so that exactly ``max(share * genes, minimum)`` genes (rounded up, at most all) are drawn.

    Parameters
    ----------
    families_by_gene : ndarray of int32, (n_genes,)
        Family code of each gene, in the order in which the genes appear in the table.
    share : float
        Share of the genes.
    minimum : int
        Least number of genes.
    seed : int

    Returns
    -------
    ndarray of int64
        Sorted gene codes.
    """
    n_genes = len(families_by_gene)
    wanted = min(n_genes, max(int(np.ceil(share * n_genes - 1e-9)), minimum))
    _, first, family = np.unique(families_by_gene, return_index=True, return_inverse=True)
    sizes = np.bincount(family)
    run = max(1, n_genes // max(wanted, 1))
    rng = np.random.default_rng(seed)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    turn = _turn_within_run(place // run, rng)
    order = np.lexsort((rng.random(len(first)), turn, sizes > max(1, wanted // 10)))
    rank_of_family = np.empty(len(first), dtype=np.int64)
    rank_of_family[order] = np.arange(len(first))
    drawn = np.argsort(rank_of_family[family], kind="stable")[:wanted]
    return np.sort(drawn).astype(np.int64)


def _turn_within_run(run: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random turn 0, 1, ... of each item among those of its run."""
    order = np.lexsort((rng.random(len(run)), run))
    starts = np.searchsorted(run[order], run[order])
    turn = np.empty(len(run), dtype=np.int64)
    turn[order] = np.arange(len(run)) - starts
    return turn


def quarters(sample: ScreeningSample, seed: int) -> NDArray[np.intp]:
    """Deal the families into four quarters with like numbers of sites; quarters 0, 1 and 2, 3 are the two halves.

    Returns
    -------
    ndarray of intp, (n,)
        Quarter of each row.
    """
    _, family = np.unique(sample.families, return_inverse=True)
    sites = np.bincount(family, weights=sample.labels != SpliceClass.NEITHER)
    rows = np.bincount(family)
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(sites)), -rows, -sites))
    # dealt there and back, from the family with the most sites down; the first and last of each deal make a half
    deal = np.array([0, 2, 3, 1, 1, 3, 2, 0])
    quarter_of_family = np.empty(len(sites), dtype=np.intp)
    quarter_of_family[order] = deal[np.arange(len(sites)) % len(deal)]
    return quarter_of_family[family]
