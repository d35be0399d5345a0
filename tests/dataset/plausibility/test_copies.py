"""Copies of genes are known by their rows; rows that all genes have, or rounded scores, say nothing."""

from __future__ import annotations

import numpy as np
import polars as pl

from meta_models.dataset.plausibility.copies import copied_genes


def table(
    n_genes: int = 30, rows: int = 40, seed: int = 0, digits: int | None = None
) -> tuple[pl.Series, pl.DataFrame]:
    """Rows of unrelated genes, scores rounded to so many digits."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet((8, 1, 1), n_genes * rows).astype(np.float32)
    scores = scores if digits is None else scores.round(digits)
    content = pl.DataFrame(scores, ["neither", "donor", "acceptor"]).with_columns(
        label=pl.Series(rng.integers(0, 3, len(scores)))
    )
    return pl.Series(np.repeat(np.arange(n_genes), rows)), content


def appended(genes: pl.Series, content: pl.DataFrame, of: int, share: float = 1.0) -> tuple[pl.Series, pl.DataFrame]:
    """The table with a new gene that holds the first `share` of the rows of gene `of`, in another order."""
    rows = content.filter(genes == of)
    rows = rows.head(int(share * rows.height)).reverse()
    code = int(genes.max()) + 1
    return pl.concat([genes, pl.Series([code] * rows.height)]), pl.concat([content, rows])


def pairs(genes: pl.Series, content: pl.DataFrame) -> list[tuple[int, int]]:
    return copied_genes(genes, content).rows()


def test_unrelated_genes_are_no_copies() -> None:
    assert pairs(*table()) == []
    assert pairs(*table(digits=2)) == []
    assert pairs(*table(digits=1)) == []
    assert pairs(*table(n_genes=300, rows=20, digits=2)) == []


def test_a_copy_is_found_in_any_order_and_by_half_of_its_rows() -> None:
    assert pairs(*appended(*table(), of=3)) == [(3, 30)]
    assert pairs(*appended(*table(), of=3, share=0.5)) == [(3, 30)]
    assert pairs(*appended(*appended(*table(), of=3), of=3)) == [(3, 30), (3, 31)]


def test_a_few_rows_in_common_are_no_copy() -> None:
    genes, content = table()
    few = content.filter(genes == 3).head(15)
    genes = pl.concat([genes, pl.Series([30] * 15), pl.Series([30] * 40)])
    content = pl.concat([content, few, table(n_genes=1, seed=9)[1]])
    assert pairs(genes, content) == []  # 15 of 40


def test_an_exact_copy_is_found_among_rounded_scores() -> None:
    assert pairs(*appended(*table(n_genes=60, digits=2), of=59)) == [(59, 60)]


def test_rows_of_equal_scores_say_nothing() -> None:
    genes = pl.Series(np.repeat(np.arange(20), 30))
    content = pl.DataFrame({"label": [0, 1, 2] * 200, "donor": [1 / 3] * 600})
    assert pairs(genes, content) == []
    assert pairs(pl.Series([0, 0, 1, 1]), content.head(4)) == []


def test_two_genes_that_are_copies_in_a_small_table() -> None:
    assert pairs(*appended(*table(n_genes=3), of=0)) == [(0, 3)]
