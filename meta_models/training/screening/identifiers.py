"""Columns that name the gene or the row instead of describing the position, and row orders that tell the label.

A gene's code and a gene's length look alike: one value a gene, another for the next one. Nor does the label tell them
apart: on genes held out a code says nothing at all. So a column counts as an identifier only if its name is unknown to
the table's contract, it holds whole numbers, (nearly) another one for each gene, and besides

- its name says so (``..._id``, ``..._code``), or
- it counts the genes in the order of the table, or
- it is spread as evenly as an arbitrary code and has nothing to do with the size of the gene (quantities of nature are
  skewed, and go with size). This last ground holds only if the column adds nothing over the base scores on other genes.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from meta_models.schema import CLASSES
from meta_models.training.screening.column import (
    TARGETS,
    Floats,
    Rows,
    TieGroups,
    linear_correlation,
    one_feature_ap,
)
from meta_models.training.screening.evidence import SUSPICIOUS_AP, SUSPICIOUS_LINEAR, Evidence, Level

_NAME = re.compile(
    r"(?:.*_)?(?:id|idx|index|code|key|hash|uid|uuid)|(?:gene|transcript|family|row|exon|record)_?(?:no|num|number)",
    re.IGNORECASE,
)
#: Distinct values a family from which on a gene-level column is (nearly) another one for each gene.
_NEARLY_UNIQUE = 0.9
_IN_ORDER = 0.999
_CHANCE = 0.01
#: A code of gene and label has few values a gene, each in several rows.
_MOST_VALUES_A_GENE, _LEAST_ROWS_A_VALUE = 6, 3
_FEWEST_GENES = 20
_GENE_AND_LABEL = "share of the label's entropy inside genes told by values that no other gene has"


def identifier_evidence(
    name: str, column: NDArray[np.float32], ties: TieGroups, rows: Rows, *, known: bool
) -> Evidence:
    """Whether `column`, (n,), names the gene, or gene and label together.

    Parameters
    ----------
    known : bool
        The table's contract knows the column's name, and with it what it means (``gene_length``).
    """
    n_genes = len(rows.gene_starts)
    if ties.n_values < _NEARLY_UNIQUE * rows.n_families or n_genes < _FEWEST_GENES:
        return Evidence("identifier", None, Level.CLEAN, f"{ties.n_values} distinct values in {n_genes} genes")
    value = _gene_values(column, rows)
    if value is None:
        return _gene_and_label(ties, rows)
    share = ties.n_values / n_genes
    if known:
        return Evidence("identifier", share, Level.CLEAN, "one value a gene, of a known meaning")
    if not ties.whole:
        return Evidence("identifier", share, Level.NOTE, "one value a gene, (nearly) another for each")
    return _gene_code(name, value, share, rows)


def _gene_values(column: NDArray[np.float32], rows: Rows) -> Floats | None:
    """The value of each gene, NaN where it is null, if no gene has two."""
    ordered = column[rows.gene_order]
    least, most = np.fmin.reduceat(ordered, rows.gene_starts), np.fmax.reduceat(ordered, rows.gene_starts)
    return least.astype(np.float64) if np.array_equal(least, most, equal_nan=True) else None


def _gene_code(name: str, value: Floats, share: float, rows: Rows) -> Evidence:
    """Evidence about a column of whole numbers with one value a gene, (nearly) another for each."""
    given = ~np.isnan(value)
    gene = rows.sample.genes[rows.gene_order[rows.gene_starts]][given]
    size = np.diff(rows.gene_starts, append=len(rows.gene_order))[given]
    value = value[given]
    if _NAME.fullmatch(name):
        return Evidence("identifier", share, Level.PROOF, "a whole number for each gene, and the name of an identifier")
    if abs(np.corrcoef(value, gene)[0, 1]) >= _IN_ORDER:
        return Evidence("identifier", share, Level.PROOF, "counts the genes in the order of the table")
    even = stats.kstest(value, "uniform", args=(value.min(), np.ptp(value))).pvalue > _CHANCE
    if even and (np.ptp(size) == 0 or stats.spearmanr(value, size).pvalue > _CHANCE):
        text = "a whole number for each gene, evenly spread and unrelated to the gene's size"
        return Evidence("identifier", share, Level.SUSPICIOUS, text)
    return Evidence("identifier", share, Level.NOTE, "a whole number for each gene, (nearly) another for each")


def _gene_and_label(ties: TieGroups, rows: Rows) -> Evidence:
    """Evidence about a column with several values a gene. A code of gene and label shares none with another gene."""
    n_genes, n_values = len(rows.gene_starts), ties.n_values + 1
    varies = Evidence("identifier", None, Level.CLEAN, "varies within genes")
    if n_values > _MOST_VALUES_A_GENE * n_genes:
        return varies
    label = rows.sample.labels.astype(np.int64)
    gene = rows.sample.genes.astype(np.int64)
    pairs, cell = np.unique(gene * n_values + ties.group, return_inverse=True)
    genes_of_value = np.bincount(pairs % n_values, minlength=n_values)
    own = float(np.mean(genes_of_value[ties.group] == 1))
    if len(cell) < _LEAST_ROWS_A_VALUE * len(pairs) or own < _NEARLY_UNIQUE:
        return varies
    before, after = _entropy(np.unique(gene, return_inverse=True)[1], label), _entropy(cell, label)
    told = 1 - after / before if before > 0 else 0.0
    level = Level.PROOF if told >= _NEARLY_UNIQUE else Level.CLEAN
    return Evidence("identifier", told, level, _GENE_AND_LABEL)


def _entropy(cell: NDArray[np.intp], label: NDArray[np.int64]) -> float:
    """Entropy of the label given the cell, summed over rows, in nats."""
    counts = np.bincount(cell * len(CLASSES) + label, minlength=(int(cell.max()) + 1) * len(CLASSES))
    table = counts.reshape(-1, len(CLASSES)).astype(np.float64)
    share = table / table.sum(axis=1, keepdims=True)
    return float(-(table * np.log(np.where(share > 0, share, 1.0))).sum())


def row_order_evidence(ties: TieGroups, rows: Rows, *, known: bool) -> Evidence:
    """Whether the column goes up or down with the row number (Spearman)."""
    given = ties.group < ties.n_values
    rank = np.append(ties.midranks, 0.0)[ties.group[given]]
    row = rows.row_rank[given]
    if ties.n_values < 2:
        return Evidence("row order", None, Level.CLEAN, "the column is constant")
    rho = float(np.corrcoef(rank, row)[0, 1])
    text = "rank correlation with the row number"
    if abs(rho) < _IN_ORDER:
        return Evidence("row order", rho, Level.CLEAN, text)
    if not known and ties.whole and ties.n_values >= _NEARLY_UNIQUE * len(ties.group):
        return Evidence("row order", rho, Level.PROOF, f"{text}: whole numbers that count the rows")
    return Evidence("row order", rho, Level.NOTE, text)


def table_evidence(rows: Rows) -> list[Evidence]:
    """Whether the order of the rows tells their labels: in the table, and from either end of a gene.

    Nothing can be removed for that, but whoever made the table should know: a feature made from the order would carry
    the label.
    """
    n = len(rows.gene_order)
    sizes = np.diff(rows.gene_starts, append=n)
    first = np.empty(n)
    first[rows.gene_order] = np.arange(n) - np.repeat(rows.gene_starts, sizes)
    size = np.empty(n)
    size[rows.gene_order] = np.repeat(sizes, sizes)
    orders = {
        "row number in the table": rows.row_rank,
        "rows from the start of the gene": first,
        "rows to the end of the gene": size - 1 - first,
        "place within the gene": (first + 0.5) / size,
    }
    return [_order_evidence(text, values.astype(np.float32), rows) for text, values in orders.items()]


def _order_evidence(text: str, values: NDArray[np.float32], rows: Rows) -> Evidence:
    ties = TieGroups.of(values, rows)
    ap, linear = one_feature_ap(ties), linear_correlation(ties)
    strength = np.fmax((ap - rows.prevalence) / (1 - rows.prevalence), 0.0)
    if np.isnan(ap).all():
        return Evidence("row order", None, Level.CLEAN, f"{text}: a class is absent")
    t = int(np.nanargmax(strength))
    told = strength[t] >= SUSPICIOUS_AP or bool(np.nanmax(np.abs(linear), initial=0.0) >= SUSPICIOUS_LINEAR)
    reason = f"AP of the {text}" + ("; the order of the rows tells the label" if told else "")
    return Evidence("row order", float(ap[t]), Level.NOTE if told else Level.CLEAN, reason, tuple(TARGETS)[t])
