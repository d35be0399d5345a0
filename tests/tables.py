"""Small simulated tables for tests."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars as pl

from meta_models.schema import CLASS_NAMES


def make_frame(n_genes: int = 24, rows: int = 30, *, seed: int = 0, n_features: int = 4) -> pl.DataFrame:
    """A table of `n_genes` genes of `rows` rows: a base model that is right most of the time, features that help."""
    rng = np.random.default_rng(seed)
    n = n_genes * rows
    labels = np.where(rng.random(n) < 0.7, 0, rng.integers(1, 3, n))
    logits = rng.normal(size=(n, 3))
    logits[np.arange(n), labels] += 2.0
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    features = {f"feature_{k}": (rng.normal(size=n) + (labels == k % 3)).astype(np.float32) for k in range(n_features)}
    genes = np.repeat(np.arange(n_genes), rows)
    return pl.DataFrame(
        {
            "gene_id": [f"G{g:04d}" for g in genes],
            "chrom": [f"chr{g % 4 + 1}" for g in genes],
            "position": np.tile(np.arange(rows), n_genes),
            "splice_type": np.array(CLASS_NAMES, object)[labels].tolist(),
            "neither_score": scores[:, 0].astype(np.float32),
            "donor_score": scores[:, 1].astype(np.float32),
            "acceptor_score": scores[:, 2].astype(np.float32),
            **features,
            "3mer_ACG": rng.integers(0, 9, n).astype(np.uint8),
        }
    )


def gene_rule_frame(n_genes: int = 60, rows: int = 40, seed: int = 0) -> pl.DataFrame:
    """Each gene has its own random rule from a feature to the label, and features that identify the gene."""
    rng = np.random.default_rng(seed)
    frame = make_frame(n_genes, rows, seed=seed, n_features=1)
    level = rng.integers(0, 3, frame.height)
    rules = np.array(list(itertools.permutations(range(3))))
    rule = rules[rng.permutation(np.arange(n_genes) % len(rules))]
    gene = np.repeat(np.arange(n_genes), rows)
    labels = rule[gene, level]
    fingerprint = rng.normal(size=(n_genes, 4))[gene]
    return frame.with_columns(
        pl.Series("splice_type", np.array(["neither", "donor", "acceptor"], object)[labels].tolist()),
        pl.Series("feature_0", level.astype(np.float32)),
        *(pl.Series(f"gene_{k}", fingerprint[:, k].astype(np.float32)) for k in range(4)),
        *(
            pl.Series(c, np.full(frame.height, 1 / 3, np.float32))
            for c in ("neither_score", "donor_score", "acceptor_score")
        ),
    )


def write_table(folder: Path, frame: pl.DataFrame, *, files: int = 1, row_group: int = 100) -> Path:
    """Write `frame` as `files` Parquet files; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-frame.height // files) if frame.height else 1
    for number in range(files):
        part = frame.slice(number * size, size)
        part.write_parquet(folder / f"part_{number}.parquet", row_group_size=row_group)
    return folder
