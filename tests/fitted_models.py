"""Small fitted models for tests; the same on every call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache

import numpy as np
import xgboost as xgb

from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import (
    Calibrator,
    EnsembleMetaModel,
    IdentityCalibrator,
    IsotonicCalibrator,
    ModelInfo,
    PlattCalibrator,
    SingleModel,
)
from meta_models.model.combinations import Mean, PerBin, Routed, Stacking, Voting, Weighted
from meta_models.persistence import archive, dump_model, envelope

FEATURES = ("donor_score", "acceptor_score", "neither_score", "x[1]<2", "3mer_ACG", "gc_content")

CALIBRATORS: dict[str, list[Calibrator] | None] = {
    "none": None,
    "identity": [IdentityCalibrator()] * 3,
    "platt": [PlattCalibrator(1.2, -0.1), PlattCalibrator(0.8, 0.3), PlattCalibrator(1.0, 0.0)],
    "isotonic": [IsotonicCalibrator(np.array([0.1, 0.5, 0.9]), np.array([0.0, 0.4, 1.0]))] * 3,
    "mixed": [IdentityCalibrator(), PlattCalibrator(2.0, 0.5), IsotonicCalibrator(np.array([0.2]), np.array([0.5]))],
}


def rows(n: int = 200, seed: int = 0) -> np.ndarray:
    """Features float32 (n, 6), some of them missing."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet((0.3, 0.3, 1.0), n)
    others = np.column_stack([rng.normal(size=n), rng.integers(0, 4, n), rng.random(n)])
    X = np.column_stack([scores, others]).astype(np.float32)
    X[rng.random(n) < 0.1, 5] = np.nan
    return X


@cache
def single(seed: int = 0, calibration: str = "none", rounds: int = 4) -> SingleModel:
    """A single model trained on genes ``g<seed>a`` and ``g<seed>b``."""
    X = rows(400, seed)
    labels = np.where(X[:, 0] > 0.5, 1, np.where(X[:, 1] > 0.5, 2, 0))
    matrix = xgb.DMatrix(np.nan_to_num(X, nan=-1e30))
    boosters = []
    for target in range(3):
        matrix.set_label(labels == target)
        boosters.append(xgb.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, matrix, rounds))
    info = ModelInfo(
        strategy="single_model",
        genes=(f"g{seed}a", f"g{seed}b"),
        families=("fam",),
        base_models=("main",),
        versions={"xgboost": xgb.__version__},
        provenance={"share": 0.5, "why": "test", "list": [1, None, {"a": True}]},
    )
    return SingleModel(BoosterPredictor(boosters), FEATURES, info=info, calibrators=CALIBRATORS[calibration])


@cache
def ensemble(combination: str = "mean", calibration: str = "none", n_members: int = 3) -> EnsembleMetaModel:
    """An ensemble of members with seeds 0, 1, 2."""
    members = [single(seed) for seed in range(n_members)]
    rng = np.random.default_rng(7)
    combinations = {
        "mean": Mean(),
        "weighted": Weighted(rng.random((n_members, 3))),
        "stacking": Stacking(rng.normal(size=(3, 3 * n_members)), rng.normal(size=3)),
        "voting": Voting(),
        "per-bin": PerBin(
            np.array([0.2, 0.6]), rng.random((3, n_members, 3)), rng.random((n_members, 3)), columns=(0, 1)
        ),
        "routed": Routed(np.array([0.5, 1.5]), np.ones(2), rng.normal(size=(n_members, 3)), columns=(5, 4)),
    }
    genes = tuple(sorted(gene for member in members for gene in member.info.genes))
    return EnsembleMetaModel(
        members,
        info=ModelInfo(strategy="batch_ensemble", genes=genes),
        combination=combinations[combination],
        calibrators=CALIBRATORS[calibration],
    )


@cache
def nested() -> EnsembleMetaModel:
    """A calibrated ensemble of a calibrated single model, and of an ensemble of a single model and an ensemble."""
    info = ModelInfo("batch_ensemble", ("g0a",))
    inner = EnsembleMetaModel([single(2), ensemble("stacking")], info=info, combination=Weighted(np.eye(2, 3) + 0.5))
    inner = inner.with_calibrators(CALIBRATORS["isotonic"])
    return EnsembleMetaModel(
        [single(1, "platt"), inner], info=info, combination=Voting(), calibrators=CALIBRATORS["mixed"]
    )


MODELS = {
    **{f"single-{kind}": (single, {"calibration": kind}) for kind in CALIBRATORS},
    **{
        f"ensemble-{kind}": (ensemble, {"combination": kind})
        for kind in ("mean", "voting", "weighted", "stacking", "per-bin", "routed")
    },
    "nested": (nested, {}),
    "ensemble-calibrated": (ensemble, {"calibration": "platt"}),
}


def make(name: str) -> SingleModel | EnsembleMetaModel:
    """One of `MODELS`."""
    function, arguments = MODELS[name]
    return function(**arguments)


def entries(data: bytes) -> dict[str, bytes]:
    """Everything in a model file, by name."""
    container = archive.Archive(envelope.unwrap(data), max_bytes=2**30)
    return {name: container.read(name) for name in container.entries}


def rebuilt(
    changes: Mapping[str, bytes | None], *, model: str = "single-platt", manifest: Mapping | None = None
) -> bytes:
    """A model file with `changes` to its entries (None removes one) and hashes made right again."""
    members = entries(dump_model(make(model)))
    listing = json.loads(members.pop("model.json"))
    for name, data in changes.items():
        members[name] = data
    members = {name: data for name, data in members.items() if data is not None}
    listing["files"] = {n: {"size": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in members.items()}
    members["model.json"] = json.dumps(listing | dict(manifest or {})).encode()
    return envelope.wrap(archive.write(members))
