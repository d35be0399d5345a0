"""Genes that hold the same rows: copies of one another, whatever their names say."""

from __future__ import annotations

import polars as pl

#: Fewer different rows in common say nothing.
LEAST_SHARED = 5
#: Share of the different rows of the smaller gene that the other one must have.
LEAST_SHARE = 0.5
#: Bits by which the rows in common must be rarer than chance: one false pair in 1e12 of genes with unrelated rows.
LEAST_BITS = 40.0

_GENE, _KEY, _COPIES = "gene", "key", "copies"


def copied_genes(genes: pl.Series, content: pl.DataFrame) -> pl.DataFrame:
    """Pairs of genes that hold the same rows.

    A pair has at least :data:`LEAST_SHARED` different rows in common, :data:`LEAST_SHARE` of those of the smaller gene,
    and they are so rare that chance does not explain it: that a gene of m rows has a given one of which there are k in
    n has a probability of at most ``m k / n``, of which ``-log2`` is counted. Rows that every gene has, such as
    (neither, 0, 0, 1), count nothing, nor do scores that were rounded to a few values.

    Parameters
    ----------
    genes : polars.Series of int (n,)
        Code of each row's gene.
    content : polars.DataFrame (n, ...)
        What must be equal in every column: label and scores.

    Returns
    -------
    polars.DataFrame
        ``a`` and ``b``, codes of genes, a < b, sorted: each copy with the first gene that has its rows.
    """
    key = content.select(pl.struct(pl.all()).hash(1).alias(_KEY))[_KEY]
    again = key.is_duplicated()  # most rows of most tables are not: they need no further look
    rows = pl.DataFrame({_GENE: genes, _KEY: key}).filter(again).group_by(_GENE, _KEY).len(_COPIES)
    of_key = rows.group_by(_KEY).agg(pl.col(_COPIES).sum().alias("total"), pl.len().alias("holders"))
    shared = rows.join(of_key.filter(pl.col("holders") > 1), on=_KEY).sort(_KEY, _GENE)
    sizes = _sizes(genes, again, rows)
    pairs = pl.concat([_with_first_holder(shared), _with_first_equal(shared, sizes)]).unique(["a", "b", _KEY])
    return _beyond_chance(pairs, sizes, len(genes))


def _sizes(genes: pl.Series, again: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
    """Number of rows, and of different rows, of each gene."""
    each = (
        pl.DataFrame({_GENE: genes, "once": ~again}).group_by(_GENE).agg(pl.len().alias("rows"), pl.col("once").sum())
    )
    repeated = rows.group_by(_GENE).len("repeated")
    different = (pl.col("once") + pl.col("repeated").fill_null(0)).alias("different")
    return each.join(repeated, on=_GENE, how="left").select(_GENE, "rows", different)


def _with_first_holder(shared: pl.DataFrame) -> pl.DataFrame:
    return _pairs(shared.with_columns(a=pl.col(_GENE).first().over(_KEY)))


def _with_first_equal(shared: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """Rows of genes of which every row is held elsewhere, with the first gene that has the same ones as often."""
    content = pl.struct(_KEY, _COPIES).hash(2)
    prints = shared.group_by(_GENE).agg(pl.col(_COPIES).sum().alias("rows"), content.sum().alias("sum"), content.max())
    whole = prints.join(sizes, on=[_GENE, "rows"]).sort(_GENE)
    whole = whole.select(_GENE, a=pl.col(_GENE).first().over("rows", "sum", _KEY))
    return _pairs(shared.join(whole, on=_GENE))


def _pairs(found: pl.DataFrame) -> pl.DataFrame:
    others = (pl.col("total") - pl.col(_COPIES)).alias("others")
    return found.filter(pl.col("a") != pl.col(_GENE)).select("a", pl.col(_GENE).alias("b"), _KEY, others)


def _beyond_chance(pairs: pl.DataFrame, sizes: pl.DataFrame, n_rows: int) -> pl.DataFrame:
    for end in "ab":
        of_end = sizes.rename({"rows": f"rows_{end}", "different": f"different_{end}"})
        pairs = pairs.join(of_end, left_on=end, right_on=_GENE)
    chance = pl.max_horizontal("rows_a", "rows_b") * pl.col("others") / n_rows
    found = pairs.group_by("a", "b").agg(
        pl.len().alias("shared"),
        (-chance.clip(upper_bound=1).log(2)).sum().alias("bits"),
        pl.min_horizontal(pl.col("different_a").first(), pl.col("different_b").first()).alias("smaller"),
    )
    enough = (pl.col("shared") >= LEAST_SHARED) & (pl.col("shared") >= LEAST_SHARE * pl.col("smaller"))
    return found.filter(enough & (pl.col("bits") >= LEAST_BITS)).select("a", "b").sort("a", "b")
