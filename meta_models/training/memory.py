"""Predicted peak memory, from the shape of the table alone: the most that any phase of a run holds.

``python benchmarks/memory.py`` prints predicted beside measured peaks; the constants were read off the peaks of the
phases in its runs' manifests (on Linux, glibc, polars 2.1, XGBoost 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reader import CHUNK_BYTES, SCAN_BYTES
from meta_models.schema import CLASSES, FeatureGroup, SpliceClass
from meta_models.training.matrix import BUILD_BYTES, PAGE_BYTES, sample_size
from meta_models.training.rounds import CANDIDATES
from meta_models.training.screen_table import HELD_BYTES
from meta_models.training.selection import refit_reason

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
    training = max(_checking(rows, features, config), matrix + max(_reading(rows, features, BUILD_BYTES), boosters))
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
    histograms = _histograms(rows, features, _kmers(profile), config)
    boosters = 3 * quantised + WORKER + (FITTED_ROW_BYTES + WORKER_ROW_BYTES) * rows + histograms
    checking = _checking(rows, features, config)
    training = _held(rows, config) + max(checking, building, boosters, RESULT_ROW_BYTES * rows)
    return _with_other_phases(int(training), profile, config, threads)


def profile_peak(profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    """Peak in bytes of a run that trains one model, and on what is mined from the pool, if there is one."""
    rows = profile.rows + most_mined(profile, config)
    workers = worker_count(config, threads)
    training = single_model_peak(rows, profile.features, config, workers, kmers=_kmers(profile))
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


def _kmers(profile: DatasetProfile) -> int:
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
    return max(2 * sample, sample + _reading(rows, features))


def _reading(rows: int, features: int, chunk: int = CHUNK_BYTES) -> float:
    """Bytes of what reader and consumer hold of a table that is streamed; on disk a value takes 1 to 4 bytes.

    A chunk is a frame, an array, a copy without missing values, and the next one is read meanwhile.
    """
    return min(SCAN_BYTES, 2 * rows * features) + 4 * min(chunk, 4 * rows * features)


def cache_bytes(rows: int, features: int) -> int:
    """Bytes on disk of the pages of an external matrix."""
    return int(2.6 * rows * features)


def worker_count(config: TrainingConfig, threads: int) -> int:
    """Boosters that are trained at a time: on a GPU one, which takes all of it, and CUDA does not outlive a fork."""
    if config.device == "cuda":
        return 1
    return max(1, min(threads, 3 * (config.n_folds + 1)))


def most_mined(profile: DatasetProfile, config: TrainingConfig) -> int:
    """Rows that a round of mining may add: folds find much the same negatives hard, together twice as many as one."""
    sites = profile.rows - profile.class_counts[SpliceClass.NEITHER.label]
    return min(profile.pool_rows, int(2 * config.mined_per_site * sites))


def _member_bytes(config: TrainingConfig) -> int:
    """Bytes of the boosters of a member, loaded."""
    trees = len(CLASSES) * config.n_estimators * config.trees_per_round
    nodes = 1 << (min(config.max_depth, FULL_DEPTH) + 1)
    return NODE_BYTES * trees * nodes


@dataclass(frozen=True)
class BatchMemory:
    """What batches of a table may take; a pure function of its shape, the configuration and the budget.

    Attributes
    ----------
    profile : DatasetProfile
        Of the whole table.
    budget : int
        Memory budget of the run in bytes.
    """

    profile: DatasetProfile
    config: TrainingConfig
    threads: int
    budget: int

    @property
    def parent(self) -> int:
        """Bytes of the process that looks after the units."""
        return PROCESS + READ_ROW_BYTES * self.profile.rows + POOL_ROW_BYTES * self.profile.pool_rows

    @property
    def unit_cap(self) -> int:
        """Most bytes that the processes of one unit may take: ``max_batch_gb``, and what the budget leaves."""
        return min(int(self.config.max_batch_gb * 1e9), int(BUDGET_SHARE * self.budget) - self.parent)

    @property
    def row_cap(self) -> int:
        """Most rows of a batch; 0 where not even one row would fit."""
        low, high = 0, self.profile.rows
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.unit(middle) <= self.unit_cap else (low, middle - 1)
        return low

    def unit(self, rows: int) -> int:
        """Predicted peak in bytes of the unit of a batch with `rows`."""
        share = rows / self.profile.rows
        mined, pool = share * most_mined(self.profile, self.config), POOL_ROW_BYTES * share * self.profile.pool_rows
        workers = worker_count(self.config, self.threads)
        features, kmers = self.profile.features, _kmers(self.profile)
        return single_model_peak(int(rows + mined), features, self.config, workers, kmers=kmers) + int(pool)

    def parallel(self, unit_peak: int, batches: int) -> int:
        """How many units of `unit_peak` bytes run at a time: as asked for, as far as memory and threads allow."""
        default = 1 if self.config.device == "cuda" else max(1, self.threads // len(CLASSES))
        asked = self.config.parallel_batches or default
        room = (int(BUDGET_SHARE * self.budget) - self.parent) // unit_peak
        return max(1, min(asked, room, self.threads, batches))

    def scoring(self, members: int) -> int:
        """Predicted peak in bytes of scoring the table with `members` members and of combining them."""
        stacking = STACKING_BYTES if self.config.ensemble_method != "voting" else 0
        refit = refit_reason(self.config, members) is not None
        models = members * _member_bytes(self.config) * (self.config.n_folds if refit else 1)
        scores = members * (SCORE_BYTES + stacking) * self.profile.rows
        return self.parent + scores + models + int(_reading(self.profile.rows, self.profile.features))

    def peak(self) -> int:
        """Predicted peak in bytes of the whole strategy, before batches are packed.

        Where the budget has room for no batch at all it is that of batches which it does not bound.
        """
        rows, genes = self.profile.rows, self.profile.genes
        cap = self.row_cap or rows
        batches = max(-(-genes // self.config.max_genes_per_batch), -(-rows // cap))
        unit = self.unit(min(rows, cap, int(BATCH_IMBALANCE * rows / batches) + 1))
        training = self.parent + self.parallel(unit, batches) * unit
        return max(training, self.scoring(batches), analysis_peak(self.profile, self.config, self.threads))
