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


def require_genes(trained: pl.Series, found: pl.Series, source: str) -> None:
    """Refuse a table of which no row is of a gene that was trained on.

    Parameters
    ----------
    trained, found : polars.Series
        Gene of each row of the training table, and of the table `source`.

    Raises
    ------
    InputError
    """
    genes = texts(trained)
    if not genes & texts(found):
        raise InputError(
            "--oof-dataset must hold genes of the training table",
            f"{source!r} has none of its {len(genes):,} genes",
            "Give all positions of the training genes, or --eval-dataset for other genes",
        )


def texts(values: pl.Series) -> set[str]:
    """The different values of a text or categorical series."""
    return set(values.unique().cast(pl.String).to_list())
