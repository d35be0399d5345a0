"""Predicted peak memory, from the shape of the table alone.

The constants were measured (``benchmarks/memory.py`` prints predicted beside measured).
"""

from __future__ import annotations

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reader import CHUNK_BYTES

PROCESS = 420_000_000  # interpreter and libraries
BYTES_PER_VALUE = 2.1  # quantised matrix without missing values
SKETCH_BYTES_PER_VALUE = 14.0  # sample, its sketch and its own matrix, while the cuts are made
ROW_BYTES = 260  # positions, out-of-fold table, masks and fold bookkeeping
WORKER_ROW_BYTES = 40  # gradients, predictions and row partition of one booster in training
WORKER = 60_000_000
CHUNKS_IN_FLIGHT = 6  # chunks that reader and matrix hold at a time


def single_model_peak(rows: int, features: int, config: TrainingConfig, workers: int) -> int:
    """Peak in bytes of training on `rows` x `features` with `workers` boosters at a time."""
    matrix = BYTES_PER_VALUE * rows * features
    sketch = SKETCH_BYTES_PER_VALUE * min(rows, config.cut_sample_rows) * features
    training = workers * (WORKER + WORKER_ROW_BYTES * rows)
    building = CHUNKS_IN_FLIGHT * CHUNK_BYTES
    return int(PROCESS + ROW_BYTES * rows + max(sketch, matrix + building, matrix + training))


def worker_count(config: TrainingConfig, threads: int) -> int:
    """Boosters that are trained at a time."""
    return max(1, min(threads, 3 * config.n_folds))


def profile_peak(profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    """`single_model_peak` of a whole table."""
    return single_model_peak(profile.rows, profile.features, config, worker_count(config, threads))
