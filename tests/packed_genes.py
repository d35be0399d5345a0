"""Genes of given sizes, to be packed into batches."""

from __future__ import annotations

import numpy as np
import polars as pl

from meta_models.dataset.positions import Positions
from meta_models.schema import MAIN_BASE

EVERY_CLASS = np.array([0, 1, 2], np.uint8)


def positions_of(sizes: list[int], families: list[int] | None = None, *, seed: int = 0) -> Positions:
    """Genes with `sizes` rows, at least the first three of which are of different classes."""
    rng = np.random.default_rng(seed)
    gene = np.repeat(np.arange(len(sizes)), sizes)
    family = gene if families is None else np.array(families)[gene]
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    labels = rng.choice(3, len(gene), p=[0.8, 0.1, 0.1]).astype(np.uint8)
    for start, size in zip(first, sizes, strict=True):
        labels[start : start + min(3, size)] = EVERY_CLASS[: min(3, size)]
    frame = pl.DataFrame(
        {
            "gene_id": [f"G{g:05d}" for g in gene],
            "family": [f"F{f:05d}" for f in family],
            "chrom": [f"chr{g % 5}" for g in gene],
            "gene_type": ["rna" if g % 7 == 0 else "coding" for g in gene],
            "label": labels,
            "weight": np.ones(len(gene), np.float32),
        }
    ).with_columns(pl.col("gene_id", "family", "chrom", "gene_type").cast(pl.Categorical))
    return Positions(frame, "none", (MAIN_BASE,), ())
