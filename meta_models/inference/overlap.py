"""Whether a table is free of what a model was trained on."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import polars as pl

from meta_models.dataset.positions import Positions
from meta_models.errors import InputError
from meta_models.schema import GENE


def refuse_overlap(
    genes: AbstractSet[str], families: AbstractSet[str], positions: Positions, source: str, *, table: str = "The table"
) -> None:
    """Refuse a table that shares genes or gene families with those a model was trained on.

    Parameters
    ----------
    genes, families : set of str
        That the model was trained on.
    source : str
        Where `positions` come from, for the message.
    table : str
        What the table is called there.

    Raises
    ------
    InputError
        With the number of what is shared, and some of their names.
    """
    for column, trained, what in ((GENE, genes, "genes"), ("family", families, "gene families")):
        shared = sorted(trained & texts(positions.frame[column]))
        if shared:
            raise InputError(
                f"{table} must hold other {what} than those trained on",
                f"{source!r} shares {len(shared)} {what}: {', '.join(shared[:5])}",
                "Take them out of one of the tables",
            )


def texts(values: pl.Series) -> set[str]:
    """The different values of a text or categorical series."""
    return set(values.unique().cast(pl.String).to_list())
