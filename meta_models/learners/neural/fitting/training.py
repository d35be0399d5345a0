"""A fit of a net, from its first weights or from where an earlier one was stopped. Only where PyTorch is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.neural.architecture import Architecture
from meta_models.learners.neural.fitting.loop import Course, Task, first_course, run
from meta_models.learners.neural.fitting.state import course_bytes, resume
from meta_models.learners.neural.library import library_versions
from meta_models.learners.neural.options import NeuralConfig
from meta_models.learners.neural.serving.predictor import NetPredictor
from meta_models.learners.seam import FitJob, Fitted


def staged(config: NeuralConfig, job: FitJob) -> NeuralConfig:
    """`config` with the epochs that `job` asks for."""
    return config if not job.stages else config.model_copy(update={"epochs": job.stages[-1]})


def trained(
    task: Task, plan: Architecture, key: str, state: bytes | None, keep: Callable[[bytes], None] | None
) -> Course:
    """Train `plan` on `task`, from `state` on where there is one.

    Parameters
    ----------
    key : str
        As `task_key` gives it: a state of another key is refused.
    """
    course = first_course(task, plan)
    if state is not None:
        resume(course, state, key)
    run(task, course, lambda course: None if keep is None else keep(course_bytes(course, key)))
    return course


def task_key(task: Task, inputs: tuple[object, ...], fingerprint: str, *arrays: NDArray[np.generic]) -> str:
    """What the result of `task` depends on: names of inputs, what was cached of them, other arrays."""
    digest = hashlib.sha256(fingerprint.encode())
    options = (task.config.model_dump_json(), task.seed, task.device, dict(library_versions()))
    digest.update(repr((inputs, options)).encode())
    digest.update(b"" if task.start is None else task.start.sha256.encode())
    for part in (*arrays, task.train, task.stop, task.watched):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def fitted(predictor: NetPredictor, course: Course, scores: NDArray[np.float32]) -> Fitted:
    """What a fit leaves, with the scores (n_score, n_classes) of its rows."""
    curves = {"train": tuple(course.train)}
    if course.held_out:
        curves["held_out"] = tuple(course.held_out)
    facts = {"epochs": course.epoch, "best_epoch": course.best, **predictor.facts()}
    return Fitted(predictor, scores[:, :, None], rounds=course.best, curves=curves, facts=facts)
