"""A small simulated run: real boosters, out-of-fold probabilities, every population."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from unittest.mock import patch

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import xgboost as xgb

from meta_models.analysis.framework.base import AnalysisContext
from meta_models.analysis.plots import style
from meta_models.analysis.runner import AnalysisRun, run_analyses
from meta_models.config import TrainingConfig
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import EnsembleMetaModel, ModelInfo, SingleModel
from meta_models.result import (
    CALIBRATED,
    RAW,
    EnsembleRecord,
    FeatureRecord,
    FitRecord,
    FoldRecord,
    MemberRecord,
    MemoryRecord,
    Note,
    ScoreFigures,
    TrainingResult,
    probability_columns,
)
from meta_models.schema import CLASS_NAMES, CLASSES, MAIN_BASE, BaseModel, feature_group

GENES, ROWS, FOLDS = 60, 30, 3
BASES = (MAIN_BASE, BaseModel("other"))
FEATURES = (
    *MAIN_BASE.columns,
    *BASES[1].columns,
    "gc_content",
    "distance_to_start",
    "distance_to_end",
    "gene_length",
    "3mer_ACG",
    "3mer_CGT",
    "3mer_AAA",
    "copy_of_gc",
)
INFO = ModelInfo("single_model", ())


class MemoryWriter:
    """Keeps artifacts as bytes by name."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write_bytes(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def write_text(self, name: str, text: str) -> None:
        self.write_bytes(name, text.encode())

    def write_json(self, name: str, value: object) -> None:
        self.write_text(name, json.dumps(value, sort_keys=True, allow_nan=False))

    def write_parquet(self, name: str, table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pa.parquet.write_table(table, sink)
        self.write_bytes(name, sink.getvalue().to_pybytes())


class ArrayRows:
    """Feature values from an array."""

    def __init__(self, features: np.ndarray, names: tuple[str, ...]) -> None:
        self.features, self.names = features, names
        self.texts: list[str] | None = None

    def read_rows(self, rows: np.ndarray, columns: tuple[str, ...]) -> np.ndarray:
        return self.features[rows][:, [self.names.index(c) for c in columns]]

    def read_text(self, column: str, expressions: Sequence[pl.Expr]) -> pl.DataFrame | None:
        return None if self.texts is None else pl.DataFrame({column: self.texts}).select(expressions)


@cache
def simulated() -> tuple[pl.DataFrame, np.ndarray]:
    """Metadata and features: a base model that errs where GC is high, two of the features of no use."""
    rng = np.random.default_rng(7)
    gene = np.repeat(np.arange(GENES), ROWS)
    n = len(gene)
    labels = rng.choice(3, n, p=[0.8, 0.1, 0.1])
    gc = rng.uniform(0.3, 0.7, GENES)[gene] + rng.normal(0, 0.02, n)
    position = np.tile(np.arange(ROWS) * 40, GENES)
    strength = np.where(gc > 0.5, 1.0, 3.0)
    scores = [_scores(labels, s, rng) for s in (strength, np.full(n, 2.0))]
    length = rng.integers(1200, 5000, GENES)[gene]
    others = [gc, position, length - position, length, *(rng.integers(0, 5, n) for _ in range(3)), gc * 2 + 1]
    features = np.column_stack([*scores, *others]).astype(np.float32)
    features[rng.random(n) < 0.05, FEATURES.index("3mer_AAA")] = np.nan
    frame = pl.DataFrame(
        {
            "gene_id": [f"g{g:03d}" for g in gene],
            "family": [f"f{g // 2:03d}" for g in gene],
            "chrom": [f"chr{g % 3 + 1}" for g in gene],
            "position": position,
            "gene_type": np.where(gene % 3 == 0, "lncRNA", "protein_coding"),
            "label": labels.astype(np.uint8),
            "fold": ((gene // 2) % FOLDS).astype(np.int16),
            "weight": np.where(labels == 0, 10.0, 1.0).astype(np.float32),
            "screened": gene < 6,
        }
    )
    columns = {
        name: scores[b][:, k].astype(np.float32) for b, base in enumerate(BASES) for k, name in enumerate(base.columns)
    }
    return frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()}), features


def _scores(labels: np.ndarray, strength: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    logits = rng.normal(size=(len(labels), 3)) + strength[:, None] * np.eye(3)[labels]
    odds = np.exp(logits)
    return odds / odds.sum(axis=1, keepdims=True)


def fit(features: np.ndarray, labels: np.ndarray, rounds: int = 12, seed: int = 0) -> SingleModel:
    matrix = xgb.DMatrix(np.nan_to_num(features, nan=-1e30))
    boosters = []
    for target in CLASSES:
        matrix.set_label(labels == target)
        parameters = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "nthread": 1, "seed": seed}
        boosters.append(xgb.train(parameters, matrix, rounds))
    return SingleModel(BoosterPredictor(boosters), FEATURES, info=INFO)


@cache
def trained(*, ensemble: bool = False) -> TrainingResult:
    """A finished training of the simulated table."""
    frame, features = simulated()
    labels, fold = frame["label"].to_numpy(), frame["fold"].to_numpy()
    models = {k: fit(features[fold != k], labels[fold != k]) for k in range(FOLDS)}
    raw = np.empty((len(labels), 3))
    for k, model in models.items():
        raw[fold == k] = model.predict_proba(features[fold == k])
    calibrated = raw**1.1
    calibrated /= calibrated.sum(axis=1, keepdims=True)
    columns = {
        name: values[:, k].astype(np.float32)
        for prefix, values in ((RAW, raw), (CALIBRATED, calibrated))
        for k, name in enumerate(probability_columns(prefix))
    }
    final = fit(features, labels)
    model = EnsembleMetaModel(list(models.values()), info=INFO) if ensemble else final
    curve = tuple(0.6 * 0.9**k for k in range(12))
    return TrainingResult(
        strategy="batch_ensemble" if ensemble else "single_model",
        strategy_reason="60 genes",
        config=TrainingConfig(
            dataset="simulated",
            bootstrap_samples=40,
            shap_rows=90,
            permutation_rows=120,
            importance_rows=600,
            explained_sites=10,
            permutation_features=8,
        ),
        model=model,
        oof=frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()}),
        bases=BASES,
        features=_records(final),
        folds=tuple(FoldRecord(k, 20, 600, 36, 4) for k in range(FOLDS)),
        fits=tuple(
            FitRecord(k, 0, target, 12, curve, tuple(v + 0.02 for v in curve) if k >= 0 else ())
            for k in (-1, *range(FOLDS))
            for target in CLASSES
        ),
        memory=MemoryRecord(1_000_000_000, 900_000_000),
        weighting="sampling_weight",
        best_base_by_fold={0: "other", 1: "main", 2: "other"},
        base_train_chroms=("chr1",),
        notes=(Note("warning", "A warning of training."), Note("info", "A note of training.")),
        fold_models={} if ensemble else models,
        ensemble=_ensemble(models) if ensemble else None,
    )


def _ensemble(models: dict[int, SingleModel]) -> EnsembleRecord:
    """A record of members as if each fold's model had been trained on a batch."""
    seen, unseen = ScoreFigures(600, 0.97, 0.1, 0.98, 0.97), ScoreFigures(1200, 0.9, 0.2, 0.93, None)
    counts, rounds = dict(zip(CLASS_NAMES, (480, 60, 60), strict=True)), dict.fromkeys(CLASS_NAMES, 12)
    members = tuple(
        MemberRecord(k, f"batch-{k:02d}", 20, 600, counts, rounds, seen, unseen, 600_000_000, 400_000_000, 12.5)
        for k in models
    )
    return EnsembleRecord(
        "out-of-batch", "3 batches", "mean", members, dict.fromkeys(models, 2), seen, unseen, missing_genes=()
    )


def _records(model: SingleModel) -> tuple[FeatureRecord, ...]:
    gains = [booster.get_score(importance_type="total_gain") for booster in model.predictor.boosters]
    kept = tuple(
        FeatureRecord(
            name,
            feature_group(name, BASES),
            "Float32",
            0.0,
            {c: gains[k].get(f"f{place}", 0.0) for k, c in enumerate(CLASS_NAMES)},
        )
        for place, name in enumerate(FEATURES)
    )
    return (
        *kept,
        FeatureRecord("gene_code", feature_group("gene_code", BASES), "Int64", 0.0, None, "identifies genes"),
    )


def reweighted(result: TrainingResult, weighting: str) -> TrainingResult:
    """The same run with weights known or not."""
    weight = pl.lit(1.0, pl.Float32) if weighting == "none" else pl.col("weight")
    return replace(result, weighting=weighting, oof=result.oof.with_columns(weight.alias("weight")))


def context_of(result: TrainingResult, *, rows: bool = True) -> AnalysisContext:
    source = ArrayRows(simulated()[1], FEATURES) if rows else None
    return AnalysisContext(result, MemoryWriter(), source)


@contextmanager
def unrendered() -> Iterator[None]:
    """Figures are made but not drawn, which takes most of the time; they come out as pictures of one pixel."""
    from matplotlib.figure import Figure

    def stub(signature: bytes) -> Callable[[Figure | Sequence[Figure]], bytes]:
        return lambda figures: signature + str(np.size(figures)).encode()

    with (
        patch.object(style, "settled", lambda figure: figure),
        patch.object(style, "png_bytes", stub(b"\x89PNG\r\n\x1a\n")),
        patch.object(style, "pdf_bytes", stub(b"%PDF")),
    ):
        yield


@cache
def finished_run(name: str) -> tuple[AnalysisContext, AnalysisRun]:
    """All analyses of the simulated run, by where its weights come from or as an ``"ensemble"``; made once.

    Figures are drawn for ``"sampling_weight"`` alone.
    """
    result = trained(ensemble=True) if name == "ensemble" else reweighted(trained(), name)
    context = context_of(result)
    with nullcontext() if name == "sampling_weight" else unrendered():
        return context, run_analyses(context)
