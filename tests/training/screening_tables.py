"""Samples for the screening tests: a synthetic table, the real tables, and leaks to plant in either."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from meta_models.schema import FAMILY, GENE, LABEL, LABEL_VALUES, METADATA, FeatureGroup, base_models, feature_group
from meta_models.training.screening import ScreeningSample, choose_screening_genes

SITE_SHARE = 0.09


def synthetic(seed: int = 0, *, genes: int = 60, rows: int = 100, skill: float = 3.0) -> ScreeningSample:
    """Genes with base scores that err (the less the greater `skill`), a useful, a gene-level and three idle columns."""
    rng = np.random.default_rng(seed)
    n = genes * rows
    gene = np.repeat(np.arange(genes, dtype=np.int32) * 10, rows)
    label = rng.choice(3, size=n, p=[1 - SITE_SHARE, SITE_SHARE / 2, SITE_SHARE / 2]).astype(np.uint8)
    logits = np.stack([rng.normal(size=n) + skill * (label == k) for k in range(3)], axis=1)
    logits[:, 0] += 3
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns: dict[str, np.ndarray] = {
        "donor_score": scores[:, 1],
        "acceptor_score": scores[:, 2],
        "neither_score": scores[:, 0],
        "donor_acceptor_diff": scores[:, 1] - scores[:, 2],
        "3mer_GTA": rng.poisson(2 + 2 * (label == 1)),
        "3mer_AAA": rng.poisson(3, n),
        "gene_length": np.repeat(np.round(np.exp(rng.normal(8, 1, genes))), rows),
        "distance_to_start": np.tile(np.arange(rows), genes) * 7,
        "gc_content": rng.uniform(0.3, 0.7, n),
    }
    bases = base_models(columns)
    return ScreeningSample(
        features=np.ascontiguousarray(np.column_stack(list(columns.values())), dtype=np.float32),
        feature_names=tuple(columns),
        groups=tuple(feature_group(name, bases) for name in columns),
        labels=label,
        genes=gene,
        families=(gene // 20).astype(np.int32),
        rows=np.arange(n, dtype=np.int64) + 1000,
    )


def real(species: str, seed: int) -> ScreeningSample:
    """The screened genes of a real table."""
    root = os.environ.get("META_MODELS_DATA")
    if not root:
        pytest.skip("META_MODELS_DATA is unset: no real tables")
    table = pl.read_parquet(sorted((Path(root) / species / "master").glob("*.parquet")))
    gene, family = (table[c].rank("dense").cast(pl.Int32).to_numpy() - 1 for c in (GENE, FAMILY))
    gene, family = (_by_appearance(codes) for codes in (gene, family))
    families_by_gene = np.zeros(gene.max() + 1, dtype=np.int32)
    families_by_gene[gene] = family
    keep = np.isin(gene, choose_screening_genes(families_by_gene, 0.1, 50, seed))
    names = tuple(c for c, dtype in table.schema.items() if dtype.is_numeric() and c not in METADATA)
    bases = base_models(table.columns)
    return ScreeningSample(
        features=np.ascontiguousarray(table.select(names).filter(keep).cast(pl.Float32).to_numpy()),
        feature_names=names,
        groups=tuple(feature_group(name, bases) for name in names),
        labels=np.array([LABEL_VALUES[v or ""] for v in table[LABEL].filter(pl.Series(keep))], dtype=np.uint8),
        genes=gene[keep],
        families=family[keep],
        rows=np.flatnonzero(keep).astype(np.int64),
    )


def _by_appearance(codes: np.ndarray) -> np.ndarray:
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[inverse]


def with_columns(
    sample: ScreeningSample, columns: Mapping[str, np.ndarray], group: FeatureGroup = FeatureGroup.OTHER
) -> ScreeningSample:
    """`sample` with further columns."""
    added = np.column_stack([np.asarray(v, dtype=np.float32) for v in columns.values()])
    return dataclasses.replace(
        sample,
        features=np.ascontiguousarray(np.column_stack([sample.features, added])),
        feature_names=(*sample.feature_names, *columns),
        groups=(*sample.groups, *[group] * len(columns)),
    )


def leaks(sample: ScreeningSample, seed: int) -> dict[str, np.ndarray]:
    """Columns that must be removed."""
    rng = np.random.default_rng(seed)
    n, label = len(sample.labels), sample.labels
    site = label > 0
    code = np.random.default_rng(7).permutation(100_000)[sample.genes]
    sign = rng.choice([-1.0, 1.0], n)
    turn = 2 * np.pi * rng.integers(0, 10, n)
    away = sign * rng.uniform(0.5, np.pi, n)
    return {
        "donor_support": site + rng.normal(0, 0.1, n),
        "flipped_2_percent": np.where(rng.random(n) < 0.02, ~site, site),
        "null_for_negatives": np.where(site, rng.normal(size=n), np.nan),
        "nearly_null_for_negatives": np.where(site | (rng.random(n) < 0.01), rng.normal(size=n), np.nan),
        "zero_for_negatives": np.where(site, rng.uniform(0.55, 1.45, n), 0),
        "transcript_len_x": np.where(site, np.exp(rng.normal(7, 1, n)), 0),
        "zero_binary": np.where(site, rng.random(n) > 0.03, rng.random(n) < 0.01),
        "folded": np.where(site, rng.normal(0, 0.02, n), sign * rng.uniform(0.1, 1, n)),
        "folded_often": turn + np.where(site, rng.normal(0, 0.15, n), away),
        "donor_only": (label == 1) + rng.normal(0, 0.15, n),
        "null_but_for_acceptors": np.where(label == 2, 1.0, np.nan),
        "gene_code": code,
        "x_in_table_order": sample.genes,
        "gene_and_label": code * 3 + label,
        "x_row": sample.rows,
    }
