"""Folders of finished runs with scores that a test chooses, made without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from meta_models.config import TrainingConfig
from meta_models.pipeline.reporting import CARD, PAGE, SCREENED_GENES, SCREENING, SUMMARY
from meta_models.result import FitRecord, FoldRecord
from meta_models.result_files import _ADAPTER, FORMAT_VERSION, OOF_FILE, RESULT_FILE, StoredResult
from meta_models.run_folder import MemoryFigures, RunFolder
from meta_models.schema import MAIN_BASE, SpliceClass

MODEL = "model_multiclass.pkl"
ROWS = 20


def make_oof(n_genes: int = 30, *, seed: int = 0, skill: float = 2.0, gene: str = "G") -> pl.DataFrame:
    """An out-of-fold table of `n_genes` genes of 20 rows, a donor and an acceptor each, in five folds.

    Labels are the same whatever the seed; scores of another seed are drawn anew.
    """
    n = n_genes * ROWS
    labels = np.tile([1, 2] + [0] * (ROWS - 2), n_genes)
    logits = np.random.default_rng(seed).normal(size=(n, 3))
    logits[np.arange(n), labels] += skill
    scores = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    genes = np.repeat(np.arange(n_genes), ROWS)
    columns = {f"calibrated_{name}": scores[:, k] for k, name in enumerate(("neither", "donor", "acceptor"))}
    base = {f"{name}_score": np.full(n, 1 / 3, np.float32) for name in ("neither", "donor", "acceptor")}
    names = [f"{gene}{k:03d}" for k in genes]
    return pl.DataFrame(
        {
            "gene_id": names,
            "family": names,
            "chrom": [f"chr{k % 2 + 1}" for k in genes],
            "position": np.tile(np.arange(ROWS), n_genes),
            "label": pl.Series(labels, dtype=pl.UInt8),
            "fold": pl.Series(genes % 5, dtype=pl.Int16),
            "weight": pl.Series(np.ones(n), dtype=pl.Float32),
            "screened": np.zeros(n, bool),
            **base,
            **columns,
        }
    )


def write_run(path: Path, oof: pl.DataFrame, **changes: Any) -> Path:
    """A finished run of that table in the folder `path`; `changes` are fields of what it stores."""
    with RunFolder.open(path) as folder:
        folder.update(
            config=TrainingConfig(dataset="data/table").model_dump(mode="json"),
            seeds={"seed": 0},
            phases={"training": 2.0, "analysis": 1.0},
            memory=MemoryFigures(measured=1000),
        )
        folder.write_bytes(MODEL, b"model")
        folder.write_parquet(OOF_FILE, oof)
        folder.write_json(RESULT_FILE, _ADAPTER.dump_python(_stored(oof, changes), mode="json"))
        folder.write_text(SCREENING, "feature,test\na,linear\nb,linear\n")
        folder.write_text(SCREENED_GENES, "G000\nG001\n")
        for name in (SUMMARY, PAGE, CARD):
            folder.write_text(name, f"the content of {name}")
    return path


def _stored(oof: pl.DataFrame, changes: dict[str, Any]) -> StoredResult:
    folds = sorted(set(oof["fold"].to_list()))
    values: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "model_file": MODEL,
        "fold_models": (),
        "strategy": "single_model",
        "strategy_reason": "a test",
        "bases": (MAIN_BASE,),
        "features": (),
        "folds": tuple(FoldRecord(fold, 1, 1, 1, 0) for fold in folds),
        "fits": tuple(FitRecord(fold, 0, SpliceClass.DONOR, 2, (0.5, 0.2), (0.6, 0.3)) for fold in folds),
        "predicted_peak": 1000,
        "weighting": "none",
        "best_base_by_fold": dict.fromkeys(folds, "main"),
        "base_train_chroms": None,
        "notes": (),
        "ensemble": None,
        "mining": (),
    }
    return StoredResult(**{**values, **changes})
