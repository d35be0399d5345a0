"""Base and meta-model gene by gene."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.scores import META, Scores
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Draws, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.metrics.probabilities import row_log_loss
from meta_models.schema import GENE, SITE_CLASSES, SpliceClass

_Floats = NDArray[np.float64]
_SHOWN = 200


class Genes(Analysis):
    """Writes ``per_gene_performance.tsv``."""

    code = "genes"
    title = "Gene by gene"
    draws = Draws.NOTHING

    def run(self, context: AnalysisContext) -> Outcome:
        """One row per gene; the report shows those that gained and lost most."""
        found = Findings(context.writer)
        table = per_gene(context.scores)
        file = found.write("per_gene_performance.tsv", table)
        better, worse = ((table["log_loss_difference"] < 0).sum(), (table["log_loss_difference"] > 0).sum())
        found.tell(f"The log-loss falls in {better} genes and rises in {worse}, of {table.height}.")
        ends = table.sort("log_loss_difference", GENE)
        shown = pl.concat([ends.head(_SHOWN // 2), ends.tail(_SHOWN // 2)]).unique(maintain_order=True)
        caption = (
            f"The {_SHOWN} genes whose log-loss fell and rose most; found: sites among the gene's k highest scores."
        )
        found.tables.append(ReportTable("Genes", shown, caption, file))
        return self.done(found)


def per_gene(scores: Scores) -> pl.DataFrame:
    """Rows, sites, log-loss, and sites found among the highest scores of each gene, of base (main) and meta-model."""
    gene = scores.genes
    size = int(gene.max(initial=-1)) + 1
    weights = scores.headline.weights_or_ones(len(scores.labels))
    columns = [c for c in (GENE, "family", "chrom", "gene_type", "fold") if c in scores.frame.columns]
    table = scores.frame.select(columns).unique(GENE, keep="first").sort(GENE)
    added = {"rows": np.bincount(gene, minlength=size)}
    base = next(iter(scores.opponents))
    losses = {}
    for name, values in ((base, scores.main_base), (META, scores.calibrated)):
        loss = row_log_loss(scores.labels, values)
        losses[name] = np.bincount(gene, weights * loss, minlength=size) / np.bincount(gene, weights, minlength=size)
    for target in SITE_CLASSES:
        added[f"{target.label}_sites"] = np.bincount(gene[scores.is_class(target)], minlength=size)
        for who, values in (("base", scores.main_base), (META, scores.calibrated)):
            added[f"{target.label}_found_{who}"] = _found(gene, scores, values, target, size)
    return table.with_columns(
        *(pl.Series(name, values) for name, values in added.items()),
        pl.Series("log_loss_base", losses[base]),
        pl.Series("log_loss_meta", losses[META]),
        pl.Series("log_loss_difference", losses[META] - losses[base]),
    )


def _found(
    gene: NDArray[np.int64], scores: Scores, values: _Floats, target: SpliceClass, size: int
) -> NDArray[np.int64]:
    """Sites of each gene among its k highest scores, k its number of sites; in a tie a negative comes first."""
    positive = scores.is_class(target)
    order = np.lexsort((positive, -values[:, target], gene))
    counts = np.bincount(gene, minlength=size)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.arange(len(gene)) - np.repeat(starts, counts)
    sites = np.bincount(gene[positive], minlength=size)
    hit = positive[order] & (rank < sites[gene[order]])
    return np.bincount(gene[order][hit], minlength=size)
