"""Whether boosters are trained side by side with one thread each, or in turn with all threads."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from meta_models.config import TrainingConfig
from meta_models.schema import CLASSES

logger = logging.getLogger(__name__)

#: Speed-up by threads, as a share of their number, that is not to be expected: what needs more is not tried.
_BEST_SHARE = 0.9


def choose_processes(n_jobs: int, most: int, threads: int, timed: Callable[[int], float]) -> int:
    """How many single-thread processes to use at a time; 1: one job after another, each with all threads.

    Processes share the work without waiting for one another, but not evenly where jobs do not fill the last turn, and
    there may be fewer of them than threads. Where threads could make up for that, both are tried.

    Parameters
    ----------
    n_jobs : int
        Jobs of like length.
    most : int
        Processes that memory and jobs allow.
    threads : int
        Threads of this process.
    timed : callable
        Seconds that a piece of a job takes with a number of threads.
    """
    processes = min(most, n_jobs)
    if processes <= 1:
        return 1
    even = n_jobs / math.ceil(n_jobs / processes)
    if even >= _BEST_SHARE * threads:
        return processes
    speed_up = timed(1) / timed(threads)
    chosen = processes if even >= speed_up else 1
    logger.info(
        "%d threads are worth %.1f, %d processes %.1f: %s", threads, speed_up, processes, even,
        "side by side" if chosen > 1 else "in turn",
    )  # fmt: skip
    return chosen


def worker_count(config: TrainingConfig, threads: int, device: str) -> int:
    """Jobs that are fitted at a time: on a GPU one, which takes all of it, and CUDA does not outlive a fork.

    One as well where a fit reads the table.
    """
    if device == "cuda" or not config.learner.traits.side_by_side:
        return 1
    return max(1, min(threads, jobs_in_all(config)))


def jobs_in_all(config: TrainingConfig) -> int:
    """Jobs of all folds and of the final model."""
    each = len(CLASSES) if config.learner.traits.targets == "each" else 1
    return each * (config.n_folds + 1)
