"""K-mers that mean the same on the two strands, and k-mers of one length, taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.schema import CLASSES, is_kmer

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def sequence_of(column: str) -> str:
    """The letters of a k-mer column: ``"ACG"`` of ``3mer_ACG``."""
    return column.rsplit("_", 1)[1]


def strand_pair(column: str) -> str:
    """Name that a k-mer shares with its reverse complement: ``"ACG/CGT"``, ``"ACGT"`` for a palindrome."""
    letters = sequence_of(column)
    return "/".join(sorted({letters, letters.translate(_COMPLEMENT)[::-1]}))


def kmer_table(names: Sequence[str], importance: NDArray[np.float64]) -> pl.DataFrame:
    """Importance (3, F) summed over strand pairs and over k, most important first; no rows without k-mers."""
    kmers = [k for k, name in enumerate(names) if is_kmer(name)]
    columns = [f"mean_abs_shap_{target.label}" for target in CLASSES]
    frame = pl.DataFrame(
        {
            "k": [len(sequence_of(names[k])) for k in kmers],
            "kmers": [strand_pair(names[k]) for k in kmers],
            **{column: importance[target, kmers] for column, target in zip(columns, CLASSES, strict=True)},
        },
        schema={"k": pl.Int64, "kmers": pl.String, **dict.fromkeys(columns, pl.Float64)},
    )
    sums = [pl.col(column).sum() for column in columns]
    pairs = frame.group_by("k", "kmers", maintain_order=True).agg(pl.lit("strand pair").alias("sum"), *sums)
    named = (pl.lit("all").alias("kmers"), pl.lit("k").alias("sum"))
    lengths = frame.group_by("k", maintain_order=True).agg(*named, *sums)
    total = pl.sum_horizontal(columns)
    order = ["sum", "k", "kmers", *columns]
    rows = pl.concat([lengths.select(order), pairs.select(order)])
    return rows.sort("sum", total, "k", "kmers", descending=[False, True, False, False])
