"""Predicted memory of a matrix and of a booster that is trained on it.

The constants were read off the peaks of runs (``python benchmarks/memory.py``; Linux, glibc, XGBoost 3.2).
"""

from __future__ import annotations

from meta_models.dataset.reading.chunks import parked_bytes, reading_bytes
from meta_models.learners.seam import Footprint, Resources, Shape
from meta_models.learners.xgboost.section import XGBoostConfig

#: Bytes of features, as float32, that XGBoost is handed at a time: with each chunk it goes over the bins of them all.
BUILD_BYTES = 32_000_000
#: Bytes of features, as float32, that become one page of an external matrix: few pages are read faster than many.
PAGE_BYTES = 128_000_000

BYTES_PER_VALUE = 2.1  # quantised matrix without missing values
DISK_BYTES_PER_VALUE = 2.6  # pages of an external matrix
DEVICE_HOST = 300_000_000  # what CUDA holds of the host's memory
DEVICE_COPY = 1.0  # bytes a value that the host holds once more while the matrix goes over to a GPU
WORKER_ROW_BYTES = 40  # gradients, predictions and row partition of one booster in training
LOSS_ROW_BYTES = 24  # margins, derivatives and scores of a row outside XGBoost
WORKER = 6_000_000
BIN_BYTES = 16  # sums of gradients and hessians of a bin, which a booster holds for each node that it has split
KMER_BINS = 16  # distinct counts of a k-mer
NODE_BYTES = 150  # a node of a tree, loaded, and its copy among the merged boosters
FULL_DEPTH = 7  # deeper trees are hardly ever full
DEVICE_PROCESS = 1_500_000_000  # context, kernels, histograms
DEVICE_VALUE_BYTES = 2  # the quantised value, and its copy while the matrix comes over from the host
DEVICE_ROW_BYTES = 100  # gradients, predictions, labels, weights and row partition of one booster
CLASSES = 3


def footprint(shape: Shape, config: XGBoostConfig, resources: Resources) -> Footprint:
    """Bytes of a quantised matrix, in memory or in pages, and of boosters."""
    cells = shape.rows * shape.features
    row = WORKER_ROW_BYTES + LOSS_ROW_BYTES * config.own_loss
    job = int(WORKER + row * shape.rows + _histograms(shape, config, resources))
    predictor = _predictor(config)
    if resources.cache is not None:
        return _paged(shape, job, predictor)
    held = BYTES_PER_VALUE * cells
    if resources.device == "cuda":
        held += DEVICE_HOST + DEVICE_COPY * cells
    building = held + reading_bytes(shape.rows, shape.features, BUILD_BYTES)
    held += parked_bytes(shape.rows, shape.features)
    return Footprint(int(held), int(building), job, predictor)


def all_bins(shape: Shape, max_bin: int) -> int:
    """Bins of all features, of which each has `max_bin` at most and counts of k-mers have few."""
    most = min(max_bin, shape.rows)
    return most * (shape.features - shape.kmers) + min(KMER_BINS, most) * shape.kmers


def device_bytes(shape: Shape) -> int:
    """Predicted peak in bytes of the GPU's memory."""
    return DEVICE_PROCESS + shape.rows * (DEVICE_VALUE_BYTES * shape.features + DEVICE_ROW_BYTES)


def _paged(shape: Shape, job: int, predictor: int) -> Footprint:
    """While pages are made, the chunks of one, the page and two in quantised form are held; then three, if so many."""
    cells = shape.rows * shape.features
    two, share = min(2 * PAGE_BYTES, 4 * cells), BYTES_PER_VALUE / 4
    # Beside process, rows and the sample that sets the bins, two threads: 0.31 GB at 400,000 x 300, 0.41 at 265,991 x
    # 1,142, 0.43 at 1,072,392 x 1,142; reading alone takes 0.1 GB.
    building = reading_bytes(shape.rows, shape.features) + (1 + share) * two
    held, disk = share * min(3 * PAGE_BYTES, 4 * cells), DISK_BYTES_PER_VALUE * cells
    return Footprint(int(held), int(building), job, predictor, int(disk))


def _histograms(shape: Shape, config: XGBoostConfig, resources: Resources) -> float:
    """Bytes of the histograms of a booster's full tree; those of a GPU lie on it."""
    if resources.device == "cuda":
        return 0.0
    return float(BIN_BYTES * all_bins(shape, config.max_bin) * ((1 << min(config.max_depth, FULL_DEPTH)) - 1))


def _predictor(config: XGBoostConfig) -> int:
    trees = CLASSES * config.n_estimators * config.trees_per_round
    return NODE_BYTES * trees * (1 << (min(config.max_depth, FULL_DEPTH) + 1))
