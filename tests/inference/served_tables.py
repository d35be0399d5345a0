"""A small model with sketches and prevalence, and tables to be scored with it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from fitted_models import CALIBRATORS
from tables import make_frame, write_table

from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import ModelInfo, SingleModel
from meta_models.model.sketches import sketch_features
from meta_models.persistence import dump_model

FEATURES = ("neither_score", "donor_score", "acceptor_score", "feature_0", "feature_1", "feature_2", "3mer_ACG")
PREVALENCE = (0.98, 0.01, 0.01)


def served_frame(n_genes: int = 20, rows: int = 60, seed: int = 0) -> pl.DataFrame:
    """A labelled table with coordinates; genes G0000 and G0001 overlap on chr1."""
    frame = make_frame(n_genes, rows, seed=seed)
    number = pl.col("gene_id").str.slice(1).cast(pl.Int64)
    start = pl.when(number <= 1).then(1000 + 10 * number).otherwise(1000 + 5000 * number)
    return frame.with_columns(
        genomic_position=start + pl.col("position"),
        chrom=pl.when(number <= 1).then(pl.lit("chr1")).otherwise(pl.col("chrom")),
        strand=pl.when(number % 2 == 0).then(pl.lit("+")).otherwise(pl.lit("-")),
    )


@cache
def model() -> SingleModel:
    """Trained on genes G0000 to G0009 of `served_frame`, calibrated, with sketches of the whole table."""
    import xgboost as xgb

    frame = served_frame()
    X = frame.select(pl.col(FEATURES).cast(pl.Float32)).to_numpy(order="c")
    labels = frame["splice_type"].replace_strict({"neither": 0, "donor": 1, "acceptor": 2}).to_numpy()
    matrix, boosters = xgb.DMatrix(X), []
    for target in range(3):
        matrix.set_label(labels == target)
        boosters.append(xgb.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, matrix, 5))
    genes = frame["gene_id"].rank("dense").to_numpy()
    sketches = sketch_features(X, FEATURES, ["float"] * len(FEATURES), weights=np.ones(len(X)), genes=genes)
    info = ModelInfo("single_model", tuple(f"G{g:04d}" for g in range(10)), prevalence=PREVALENCE, sketches=sketches)
    return SingleModel(BoosterPredictor(boosters), FEATURES, info=info, calibrators=CALIBRATORS["platt"])


def write_model(folder: Path, **info: object) -> Path:
    """The model file, with other `info`."""
    path = folder / "model_multiclass.pkl"
    path.write_bytes(dump_model(model().with_info(replace(model().info, **info))))
    return path


def write_served(folder: Path, frame: pl.DataFrame | None = None, *, files: int = 2) -> Path:
    """The table as Parquet files with small row groups."""
    return write_table(folder / "table", served_frame() if frame is None else frame, files=files, row_group=70)
