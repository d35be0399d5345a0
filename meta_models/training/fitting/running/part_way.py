"""Fits that are kept on the way: the state of a learner that hands it out, and going on from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import FitJob, Fitted, Prepared
from meta_models.learners.seam.genes import GenePrepared
from meta_models.run_folder import UnitHit, UnitKey, UnitStore
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import unit_key

#: Where states lie below the units, and the one file of each.
FOLDER, _FILE = "part-way", "state"


def fit_or_go_on(
    task: TrainingTask, prepared: Prepared, job: FitJob, weights: NDArray[np.float32] | None, threads: int
) -> Fitted:
    """Fit `job`; from the state on that was kept last, where the learner hands one out.

    The result is that of an undisturbed fit.
    """
    labels = task.positions.labels
    if not (task.config.learner.traits.checkpoints and isinstance(prepared, GenePrepared)):
        return prepared.fit(job, labels, weights, threads=threads)
    store, key = _store(task), UnitStore.key(unit_key(task, job))
    found = store.get(job.name, key)
    state = found.read(_FILE) if isinstance(found, UnitHit) else None
    return prepared.fit(
        job, labels, weights, threads=threads, state=state,
        keep=lambda payload: _keep(store, job.name, key, payload),
    )  # fmt: skip


def forget_state(task: TrainingTask, job: FitJob) -> None:
    """Remove the state of a fit that is finished."""
    if task.config.learner.traits.checkpoints:
        _store(task).remove(job.name)


def _keep(store: UnitStore, name: str, key: UnitKey, payload: bytes) -> None:
    store.put(name, key, {_FILE: payload})


def _store(task: TrainingTask) -> UnitStore:
    """States tell nobody of themselves: they are written in the process of a fit."""
    return UnitStore(task.units.folder / FOLDER)
