"""A fit as the files of a unit, and the key that says whether it may be reused."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from meta_models import __version__
from meta_models.choice import DISTRIBUTED, EXTERNAL
from meta_models.config import Scope, TrainingConfig
from meta_models.learners.continued import restore_served
from meta_models.learners.registry import package_note
from meta_models.learners.seam import FitJob, Fitted, Learner
from meta_models.learners.seam.start import start_of
from meta_models.training.fitting.inputs.motif_columns import motif_obstacle
from meta_models.training.fitting.task import TrainingTask

SCORES, _FACTS, _PREDICTOR = "scores.npy", "facts.json", "predictor-"


def encode(fitted: Fitted) -> dict[str, bytes]:
    """The files of a finished unit."""
    scores = io.BytesIO()
    np.save(scores, fitted.scores, allow_pickle=False)
    facts = {
        "inputs": fitted.predictor.n_inputs,
        "targets": fitted.predictor.n_targets,
        "rounds": fitted.rounds,
        "stages": list(fitted.stages),
        "curves": {name: list(values) for name, values in fitted.curves.items()},
        "facts": dict(fitted.facts),
    }
    predictor = {f"{_PREDICTOR}{name}": data for name, data in fitted.predictor.files().items()}
    return {**predictor, SCORES: scores.getvalue(), _FACTS: json.dumps(facts, sort_keys=True).encode()}


def decode(learner: Learner, files: Mapping[str, bytes]) -> Fitted:
    """The fit whose files `encode` made."""
    facts = json.loads(files[_FACTS])
    own = {name.removeprefix(_PREDICTOR): data for name, data in files.items() if name.startswith(_PREDICTOR)}
    return Fitted(
        predictor=restore_served(learner, own, facts["inputs"], facts["targets"]),
        scores=np.load(io.BytesIO(files[SCORES]), allow_pickle=False),
        stages=tuple(facts["stages"]),
        rounds=facts["rounds"],
        curves={name: tuple(values) for name, values in facts["curves"].items()},
        facts=facts["facts"],
    )


def unit_key(task: TrainingTask, job: FitJob) -> dict[str, object]:
    """Everything that determines a fit: inputs, rows, features, options, seed, versions."""
    learner = task.config.learner
    return {
        "job": job.name,
        "inputs": list(task.input_hashes),
        "rows": _digest(job.train) + _digest(job.stop) + _digest(job.score) + _digest(task.dataset.row_mask),
        "targets": list(job.targets),
        "weights": "of the table" if job.weights is None else hashlib.sha256(job.weights.tobytes()).hexdigest(),
        "stages": list(job.stages),
        "features": hashlib.sha256("\n".join(task.features).encode()).hexdigest() + _digest(job.features),
        "constraints": list(job.constraints),
        "motifs": motif_obstacle(task) or "fitted on the training rows",
        "options": unit_options(task.config),
        "device": task.device,
        **({} if task.trained is None or learner.traits.inputs != "genes" else {"genes": list(task.trained.hashes)}),
        **({} if (start := start_of(task.starts, job.fold)) is None else {"start": start.sha256}),
        "kept": _kept(task),
        "versions": library_versions(task.config),
    }


def _kept(task: TrainingTask) -> str:
    """Where the rows are while a fit is made: sums over them have another order there."""
    if task.config.strategy == DISTRIBUTED:
        return f"in {task.farm.slots} shards"
    return "on disk" if task.config.strategy == EXTERNAL else "in memory"


def unit_options(config: TrainingConfig) -> dict[str, object]:
    """The part of the configuration that changes what a fit becomes: fields of that scope, the learner's section."""
    values = config.model_dump(mode="json")
    return {
        "learner": config.learner.name,
        **{name: values[name] for name in config.of(Scope.UNIT)},
        **config.section.model_dump(mode="json"),
    }


def library_versions(config: TrainingConfig) -> dict[str, str]:
    """Versions of this package and of the libraries that make a model what it is, and of the package of the learner."""
    return {
        "meta_models": __version__,
        **{name: _version(name) for name in ("numpy", "polars", "scikit-learn", "scipy")},
        **config.learner.versions(),
        **package_note(config.learner.name),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _digest(rows: np.ndarray | None) -> str:
    return "all" if rows is None else hashlib.sha256(np.packbits(rows).tobytes()).hexdigest()[:16]
