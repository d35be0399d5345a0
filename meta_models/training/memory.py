"""Predicted peak memory, from the shape of the table alone: the most that any phase of a run holds.

``python benchmarks/memory.py`` prints predicted beside measured peaks; the constants were read off the peaks of the
phases in its runs' manifests (on Linux, glibc, polars 2.1, XGBoost 3.2).
"""

from __future__ import annotations

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reader import CHUNK_BYTES, SCAN_BYTES
from meta_models.learners.xgboost.matrix import BUILD_BYTES, PAGE_BYTES, sample_size
from meta_models.schema import CLASSES, FeatureGroup, SpliceClass
from meta_models.training.fitting.cores import worker_count
from meta_models.training.fitting.rounds import CANDIDATES
from meta_models.training.screening.table import HELD_BYTES

PROCESS = 250_000_000  # interpreter and libraries; 50 MB less where other processes share them
READ_ROW_BYTES = 220  # narrow columns of a row while they are read and checked
ROW_BYTES = 90  # narrow columns of a row, held from then on
FITTED_ROW_BYTES = 40  # masks and scores of a row while boosters are trained
SNAPSHOT_BYTES = 12  # scores of a row by three boosters after one of the compared numbers of rounds
RESULT_ROW_BYTES = 220  # scores, calibration and out-of-fold table of a row while the result is assembled
POOL_ROW_BYTES = 200  # positions of the pool, their rows in the table, three scores

BYTES_PER_VALUE = 2.1  # quantised matrix without missing values
DEVICE_HOST = 300_000_000  # what CUDA holds of the host's memory
DEVICE_COPY = 1.0  # bytes a value that the host holds once more while the matrix goes over to a GPU
WORKER_ROW_BYTES = 40  # gradients, predictions and row partition of one booster in training
WORKER = 25_000_000
BIN_BYTES = 16  # sums of gradients and hessians of a bin, which a booster holds for each node that it has split
KMER_BINS = 16  # distinct counts of a k-mer

COMPARISON = 80_000_000  # for each thread: a process that compares in one stratum, with its resamples
COMPARED_ROW_BYTES = 240  # out-of-fold table, and what one comparison sorts and sums by family
BASE_ROW_BYTES = 80  # scores of a base model for a row that is compared, and their copies
PICTURES = 180_000_000  # the plotting library, figures, blocks of resamples of the analyses that draw
PICTURE = 80_000_000  # the plotting library and the one figure of the comparison with the base models
DRAWING = 90_000_000  # for each of several threads: a process that draws while the next analysis computes
PLAIN = frozenset({"base-vs-meta", "targets", "genes", "features"})  # analyses without pictures, or with the one
AGAIN = frozenset({"all", "group-ablation", "learning-curve", "shuffled-labels"})  # analyses that train again
EXPLAINED_VALUE_BYTES = 40  # a feature value of a SHAP row: value, contributions to three classes, copies in tables
SAMPLED_VALUE_BYTES = 8  # a feature value of a row behind one-feature average precision

BATCH_IMBALANCE = 1.2  # rows of the largest batch over the mean
BUDGET_SHARE = 0.9  # of the budget, planned for: the guard stops a run at 0.95
SCORE_BYTES = 12  # three float32 probabilities of a member for a row
STACKING_BYTES = 60  # log-probabilities of a member for a row as float64, and the copies that the regression makes
NODE_BYTES = 150  # a node of a member's tree, loaded, and its copy among the merged boosters
FULL_DEPTH = 7  # deeper trees are hardly ever full


def single_model_peak(rows: int, features: int, config: TrainingConfig, workers: int, *, kmers: int = 0) -> int:
    """Peak in bytes of training on `rows` x `features` with `workers` boosters at a time, before any analysis.

    Of the features so many are `kmers`, which have few bins.
    """
    matrix = BYTES_PER_VALUE * rows * features
    if config.device == "cuda":
        matrix += DEVICE_HOST + DEVICE_COPY * rows * features
    booster = WORKER + WORKER_ROW_BYTES * rows + _histograms(rows, features, kmers, config)
    boosters = FITTED_ROW_BYTES * rows + workers * booster
    training = max(
        _checking(rows, features, config), matrix + max(reading_bytes(rows, features, BUILD_BYTES), boosters)
    )
    return int(_held(rows, config) + max(training, RESULT_ROW_BYTES * rows))


def external_memory_peak(profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    """Peak in bytes of a run whose matrix lies on disk.

    While the pages are made, the chunks of one, their copy as one and its quantised form are held; in training, XGBoost
    holds three quantised pages.
    """
    rows, features = profile.rows + most_mined(profile, config), profile.features
    page = min(PAGE_BYTES, 4 * rows * features)
    quantised = BYTES_PER_VALUE / 4 * page
    building = min(SCAN_BYTES, 2 * rows * features) + CHUNK_BYTES + 2 * page + quantised
    histograms = _histograms(rows, features, kmer_features(profile), config)
    boosters = 3 * quantised + WORKER + (FITTED_ROW_BYTES + WORKER_ROW_BYTES) * rows + histograms
    checking = _checking(rows, features, config)
    training = _held(rows, config) + max(checking, building, boosters, RESULT_ROW_BYTES * rows)
    return _with_other_phases(int(training), profile, config, threads)


def profile_peak(profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    """Peak in bytes of a run that trains one model, and on what is mined from the pool, if there is one."""
    rows = profile.rows + most_mined(profile, config)
    workers = worker_count(config, threads)
    training = single_model_peak(rows, profile.features, config, workers, kmers=kmer_features(profile))
    if AGAIN & set(config.analyses):
        training += analysis_peak(profile, config, threads) - PROCESS
    return _with_other_phases(training, profile, config, threads)


def analysis_peak(profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    """Peak in bytes of what comes after training: comparison, explanation, report; the tables that are scored then."""
    chosen, features = set(config.analyses), profile.features
    rows = max(profile.rows, profile.scored_rows)
    draws = PICTURE * ("base-vs-meta" in chosen)
    if chosen - PLAIN:
        draws = PICTURES + (DRAWING * threads if threads > 1 else 0)
    explained = EXPLAINED_VALUE_BYTES * min(rows, config.shap_rows) * features
    sampled = SAMPLED_VALUE_BYTES * min(rows, config.importance_rows) * features
    values = explained + sampled if chosen & {"default", "all", "shap", "importance"} else 0
    other = RESULT_ROW_BYTES * min(profile.rows, profile.scored_rows)
    row = COMPARED_ROW_BYTES + BASE_ROW_BYTES * len(profile.base_models)
    return int(PROCESS + COMPARISON * threads + row * rows + other + draws + values)


def _with_other_phases(training: int, profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    reading = PROCESS + READ_ROW_BYTES * profile.rows
    share = max(config.screening_share, config.screening_min_genes / profile.genes)
    screened = 4 * min(1.0, share) * profile.rows * profile.features
    screening = _held(profile.rows, config) + 2 * min(HELD_BYTES, screened)
    mining = training + POOL_ROW_BYTES * profile.pool_rows
    return int(max(reading, screening, mining, analysis_peak(profile, config, threads)))


def _held(rows: int, config: TrainingConfig) -> float:
    """Bytes of the process and of its rows."""
    snapshots = CANDIDATES if config.rounds == "cross-validation" else 0
    return PROCESS + (ROW_BYTES + SNAPSHOT_BYTES * snapshots) * rows


def kmer_features(profile: DatasetProfile) -> int:
    """How many features count k-mers; they have few bins."""
    return profile.features_by_group.get(FeatureGroup.KMER.value, 0)


def _histograms(rows: int, features: int, kmers: int, config: TrainingConfig) -> float:
    """Bytes of the histograms of a booster's full tree; those of a GPU lie on it."""
    if config.device == "cuda":
        return 0.0
    most = min(config.max_bin, rows)
    bins = most * (features - kmers) + min(KMER_BINS, most) * kmers
    return float(BIN_BYTES * bins * ((1 << min(config.max_depth, FULL_DEPTH)) - 1))


def _checking(rows: int, features: int, config: TrainingConfig) -> float:
    """Bytes of what checks the features and takes the sample that sets the bins, and of sketches of that sample."""
    sample = 4.0 * min(rows, sample_size(features, config)) * features
    return max(2 * sample, sample + reading_bytes(rows, features))


def reading_bytes(rows: int, features: int, chunk: int = CHUNK_BYTES) -> float:
    """Bytes of what reader and consumer hold of a table that is streamed; on disk a value takes 1 to 4 bytes.

    A chunk is a frame, an array, a copy without missing values, and the next one is read meanwhile.
    """
    return min(SCAN_BYTES, 2 * rows * features) + 4 * min(chunk, 4 * rows * features)


def cache_bytes(rows: int, features: int) -> int:
    """Bytes on disk of the pages of an external matrix."""
    return int(2.6 * rows * features)


def most_mined(profile: DatasetProfile, config: TrainingConfig) -> int:
    """Rows that a round of mining may add: folds find much the same negatives hard, together twice as many as one."""
    sites = profile.rows - profile.class_counts[SpliceClass.NEITHER.label]
    return min(profile.pool_rows, int(2 * config.mined_per_site * sites))


def member_bytes(config: TrainingConfig) -> int:
    """Bytes of the boosters of a member, loaded."""
    trees = len(CLASSES) * config.n_estimators * config.trees_per_round
    nodes = 1 << (min(config.max_depth, FULL_DEPTH) + 1)
    return NODE_BYTES * trees * nodes
