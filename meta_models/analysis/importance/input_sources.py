"""Where the inputs of learners of genes are read again: from whole genes, or from the rows and their windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.attribution.contributions import spread_sample
from meta_models.analysis.attribution.gene_explanations import (
    Ablation,
    Explained,
    Predictors,
    Site,
    ablations,
    explained_sites,
    sampled_genes,
)
from meta_models.analysis.attribution.window_explanations import LabelledWindows, explained_windows, window_ablations
from meta_models.analysis.framework.base import AnalysisContext
from meta_models.dataset.windows import window_codes
from meta_models.learners.seam.windows import WindowRows
from meta_models.schema import GENE, SEQUENCE

if TYPE_CHECKING:
    from meta_models.analysis.comparison.sources import RowSource
    from meta_models.dataset.genes.folder import GeneFolder


class InputSource(ABC):
    """What predictors of each fold are given again."""

    @property
    @abstractmethod
    def told(self) -> str:
        """What is looked at, for the report."""

    @abstractmethod
    def ablations(self, predictors: Predictors) -> tuple[list[Ablation], str]:
        """What each group of inputs is worth, and on what that was measured."""

    @abstractmethod
    def explained(self, predictors: Predictors, sites: Sequence[Site]) -> Iterable[Explained]:
        """Explain `sites`."""


@dataclass(frozen=True)
class OfGenes(InputSource):
    """Whole genes."""

    context: AnalysisContext
    genes: GeneFolder

    @property
    def told(self) -> str:
        """Positions."""
        return f"genes of {self.context.config.explained_positions:,} positions (explained_positions)"

    def ablations(self, predictors: Predictors) -> tuple[list[Ablation], str]:
        """On every position of some genes."""
        folds, config = _folds(self.context), self.context.config
        ids = sampled_genes(self.genes, folds, config.explained_positions, config.seed)
        return ablations(predictors, self.genes, ids, folds), f"at every position of {len(ids):,} genes,"

    def explained(self, predictors: Predictors, sites: Sequence[Site]) -> Iterable[Explained]:
        """Where they lie in their genes."""
        return explained_sites(predictors, self.genes, sites)


@dataclass(frozen=True)
class OfWindows(InputSource):
    """Windows around rows."""

    context: AnalysisContext
    rows: RowSource

    @property
    def told(self) -> str:
        """Rows."""
        return f"{self._size:,} rows, whose windows have explained_positions bases together"

    @property
    def _size(self) -> int:
        context = self.context
        return min(1 + context.config.explained_positions // context.result.model.window, len(context.scores.labels))

    @property
    def _kinds(self) -> dict[str, str]:
        return {record.name: record.group.value for record in self.context.result.features}

    def ablations(self, predictors: Predictors) -> tuple[list[Ablation], str]:
        """On some rows."""
        scores = self.context.scores
        rows = spread_sample(scores.labels, scores.genes, self._size, self.context.config.seed)
        found = window_ablations(predictors, self._read(rows), self._kinds)
        return found, f"on {len(rows):,} rows of the table, a third of each class as far as there are so many,"

    def explained(self, predictors: Predictors, sites: Sequence[Site]) -> Iterable[Explained]:
        """Each by its own row."""
        ordered = sorted(sites, key=lambda site: site.row)
        if not ordered:
            return ()
        windows = self._read(np.array([site.row for site in ordered], np.int64))
        return explained_windows(predictors, windows, ordered, self._kinds)

    def _read(self, rows: NDArray[np.int64]) -> LabelledWindows:
        """The rows with these numbers, which increase."""
        scores, columns = self.context.scores, self.context.result.kept_features
        text = self.rows.read_text_rows(rows, SEQUENCE)
        codes = window_codes(text, self.context.result.model.window)
        found = WindowRows(codes, self.rows.read_rows(rows, columns))
        return LabelledWindows(found, columns, scores.labels[rows], scores.folds[rows])


def source_of(context: AnalysisContext) -> InputSource | None:
    """Where the inputs of the learners of `context` are read again; None where they are not at hand."""
    if context.result.model.window:
        return None if context.rows is None else OfWindows(context, context.rows)
    return None if context.genes is None else OfGenes(context, context.genes)


def _folds(context: AnalysisContext) -> dict[str, int]:
    of_gene = context.result.oof.group_by(pl.col(GENE).cast(pl.String)).agg(pl.col("fold").first())
    return {str(gene): int(fold) for gene, fold in of_gene.iter_rows()}
