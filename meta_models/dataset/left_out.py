"""Genes that are left out of a table, with all that no split may part from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.positions import Positions
from meta_models.errors import InputError
from meta_models.schema import GENE

#: Why a gene is left out that is left out for another one's sake.
RELATED = "related to such genes"


def with_relatives(positions: Positions, genes: Mapping[str, str]) -> dict[str, str]:
    """`genes` of a table and why they are chosen, and with them those that hang together with one of them."""
    if not genes:
        return {}
    ids, relatives = positions.frame[GENE].cast(pl.String), positions.relatives()
    chosen = relatives[ids.is_in(list(genes)).to_numpy()]
    whole = ids.filter(pl.Series(np.isin(relatives, chosen))).unique().sort()
    return {gene: genes.get(gene, RELATED) for gene in whole}


def without_genes(positions: Positions, genes: Collection[str], source: str) -> NDArray[np.bool_]:
    """Rows (n_rows,) of other genes than `genes`.

    Raises
    ------
    InputError
        If there are none.
    """
    rows = ~positions.frame[GENE].cast(pl.String).is_in(list(genes)).to_numpy()
    if not rows.any():
        raise InputError(
            f"{source!r} must hold genes that the earlier training did not see",
            f"All {len(genes):,} are known to it, or related to such genes: no score of them would be honest",
            "Leave --init-from and --pretrain out, or give other genes",
        )
    return np.asarray(rows)
