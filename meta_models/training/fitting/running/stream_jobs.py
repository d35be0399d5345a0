"""Running a list of fits that go over the rows together: each block is read once for all, and each pass is kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from meta_models.learners.seam import FitJob, Fitted
from meta_models.learners.seam.course import Course
from meta_models.progress import Progress
from meta_models.run_folder import UnitHit, UnitKey, UnitStore
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.running.run_jobs import finished
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.fitting.unit_codec import decode, encode, unit_key

logger = logging.getLogger(__name__)


def stream_jobs(task: TrainingTask, preparation: Preparation, jobs: Sequence[FitJob], title: str) -> dict[str, Fitted]:
    """As `train_jobs`, of a learner with the trait ``streamed``: after each pass what was learnt is kept as a unit.

    That unit goes when those of the jobs are there.
    """
    keys = {job.name: UnitStore.key(unit_key(task, job)) for job in jobs}
    done = finished(task, keys)
    if len(done) == len(jobs):
        return done
    started = time.monotonic()
    weights = task.fit_weights
    course = preparation.prepared.course(jobs, task.positions.labels, weights)
    name = f"passes-{jobs[0].name}"
    _go_over(task, course, name, _key_of(keys), title)
    seconds = (time.monotonic() - started) / len(jobs)
    for job, fitted in zip(jobs, course.fitted(), strict=True):
        files = encode(fitted)
        task.units.put(job.name, keys[job.name], files, timing={"total": seconds})
        done[job.name] = decode(preparation.learner, files)
    task.units.remove(name)
    return done


def _key_of(keys: Mapping[str, UnitKey]) -> UnitKey:
    return UnitStore.key({name: key.sha256 for name, key in keys.items()})


def _go_over(task: TrainingTask, course: Course, name: str, key: UnitKey, title: str) -> None:
    """All passes that are left, each kept as soon as it is done."""
    found = task.units.get(name, key)
    if isinstance(found, UnitHit):
        course.restore(found.files())
        logger.info("%d of %d passes were done before", course.done, course.passes)
    with Progress(title, "passes").started(course.passes) as progress:
        progress.advance(course.done)
        while course.done < course.passes:
            started = time.monotonic()
            course.go_over()
            task.units.put(name, key, course.state(), timing={"total": time.monotonic() - started})
            progress.advance()
            if course.done < course.passes:
                task.require_time()
