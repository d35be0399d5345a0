"""A trained booster as the files of a unit, and the key that says whether it may be reused."""

from __future__ import annotations

import hashlib
import io
import json
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from meta_models import __version__
from meta_models.choice import EXTERNAL
from meta_models.config import TrainingConfig
from meta_models.learners.base import BoosterJob, FittedBooster
from meta_models.run_folder import UnitHit
from meta_models.schema import SpliceClass
from meta_models.training.fitting.task import TrainingTask

#: Configuration that changes what a booster becomes. The number of threads does not (tested).
_PARAMETERS = (
    "family", "learning_rate", "max_depth", "min_child_weight", "reg_lambda", "subsample", "colsample",
    "trees_per_round", "monotone",
    "max_bin", "cut_sample_rows", "early_stopping_rounds", "training_weights", "thin_negatives", "thin_below",
    "device", "seed",
)  # fmt: skip


def encode(fitted: FittedBooster) -> dict[str, bytes]:
    """The files of a finished unit."""
    scores = io.BytesIO()
    np.save(scores, fitted.scores, allow_pickle=False)
    facts = {
        "rounds": fitted.rounds,
        "snapshots": fitted.snapshots,
        "train_curve": fitted.train_curve,
        "stop_curve": fitted.stop_curve,
    }
    return {
        "booster.ubj": fitted.payload,
        "scores.npy": scores.getvalue(),
        "facts.json": json.dumps(facts).encode(),
    }


def decode(unit: UnitHit) -> FittedBooster:
    """The booster whose files `encode` made."""
    facts = json.loads(unit.read("facts.json"))
    return FittedBooster(
        payload=unit.read("booster.ubj"),
        rounds=facts["rounds"],
        snapshots=tuple(facts["snapshots"]),
        scores=np.load(io.BytesIO(unit.read("scores.npy")), allow_pickle=False),
        train_curve=tuple(facts["train_curve"]),
        stop_curve=tuple(facts["stop_curve"]),
    )


def unit_key(task: TrainingTask, job: BoosterJob) -> dict[str, object]:
    """Everything that determines a booster: inputs, rows, features, parameters, seed, versions."""
    return {
        "job": job.name,
        "inputs": list(task.input_hashes),
        "rows": _digest(job.train) + _digest(job.stop) + _digest(job.score) + _digest(task.dataset.row_mask),
        "target": SpliceClass(job.target).label,
        "weights": "of the table" if job.weights is None else hashlib.sha256(job.weights.tobytes()).hexdigest(),
        "rounds": [job.rounds, *job.snapshots],
        "features": hashlib.sha256("\n".join(task.features).encode()).hexdigest() + _digest(job.features),
        "parameters": parameters(task.config),
        "matrix": "on disk" if task.config.strategy == EXTERNAL else "in memory",
        "versions": library_versions(),
    }


def parameters(config: TrainingConfig) -> dict[str, object]:
    """The part of the configuration that changes what a booster becomes."""
    values = config.model_dump(mode="json")
    return {**{name: values[name] for name in _PARAMETERS}, "leaf_bound": config.leaf_bound}


def library_versions() -> dict[str, str]:
    """Versions of this package and of the libraries that make a model what it is."""
    return {
        "meta_models": __version__,
        **{name: _version(name) for name in ("xgboost", "numpy", "polars", "scikit-learn")},
    }


def _version(name: str) -> str:
    for candidate in (name, f"{name}-cpu"):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return "unknown"


def _digest(rows: np.ndarray | None) -> str:
    return "all" if rows is None else hashlib.sha256(np.packbits(rows).tobytes()).hexdigest()[:16]
