"""Ids of genes that lie in several places: such as names that several genes have."""

from __future__ import annotations

import polars as pl

from meta_models.names import chromosome_keys, strand_keys
from meta_models.schema import CHROM, GENE, STRAND
from meta_models.wording import counted

_SHOWN = 3


def scattered_genes(frame: pl.DataFrame) -> tuple[str, ...]:
    """What to warn of: genes with rows on several chromosomes or on both strands, which no gene has.

    Parameters
    ----------
    frame : polars.DataFrame (n_rows, ...)
        ``gene_id``, and ``chrom`` and ``strand`` where they are known.
    """
    places = [column for column in (CHROM, STRAND) if column in frame.columns]
    if not places:
        return ()
    rows = frame.select(pl.col(GENE).cast(pl.String), *places).unique()
    keys = {CHROM: chromosome_keys, STRAND: strand_keys}
    rows = rows.with_columns(keys[column](rows[column]).alias(column) for column in places)
    known = rows.group_by(GENE).agg(pl.col(column).drop_nulls().n_unique() for column in places)
    found = known.filter(pl.max_horizontal(places) > 1)[GENE].sort()
    if not len(found):
        return ()
    such = f"{counted(len(found), 'gene')} with rows on several chromosomes or on both strands, such as "
    shown = ", ".join(map(repr, found.head(_SHOWN)))
    return (f"{such}{shown}: {GENE!r} must be the id of one gene, not a name that several have.",)
