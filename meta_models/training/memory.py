"""Predicted peak memory, from the shape of the table alone: the most that any phase of a run holds.

``python benchmarks/memory.py`` prints predicted beside measured peaks; the constants were read off the peaks of the
phases in its runs' manifests (on Linux, glibc, polars 2.1, XGBoost 3.2).
"""

from __future__ import annotations

from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reading.chunks import reading_bytes
from meta_models.features import MOTIF_SCORES
from meta_models.learners.seam import Resources, Shape
from meta_models.model.first_pass import FIRST_PASS_WIDTH
from meta_models.resources.needs import AnalysisNeeds
from meta_models.schema import CLASSES, FeatureGroup, SpliceClass
from meta_models.training.combination.composition import ROW_BYTES as COMPOSITION_ROW_BYTES
from meta_models.training.fitting.rounds import CANDIDATES
from meta_models.training.fitting.rows.audit import sample_size
from meta_models.training.fitting.running.cores import worker_count
from meta_models.training.screening.table import HELD_BYTES

MARGIN_BYTES = 4 * len(CLASSES)  # of a row: what an earlier model says of it, where boosters go on from that
STAGE_BYTES = MARGIN_BYTES + 4 + 8  # of a row and a fold: margins, weights, and masks and scores of pairs of folds
MOTIF_WIDTH = len(MOTIF_SCORES)  # columns of a fold
PROCESS = 340_000_000  # interpreter and libraries
# Peak of the phase "reading" over PROCESS, --n-estimators 2 --n-folds 2 --analyses base-vs-meta: 280 at 2,000,000 x 16
# with one base model, 320 at 1,013,472 x 9 with three and all columns of metadata.
READ_ROW_BYTES = 320  # narrow columns of a row while they are read, checked and grouped
ROW_BYTES = 90  # narrow columns of a row, held from then on
FITTED_ROW_BYTES = 40  # masks and scores of a row while fits are made
SNAPSHOT_BYTES = 12  # three scores of a row after one of the compared numbers of rounds
RESULT_ROW_BYTES = 220  # scores, calibration and out-of-fold table of a row while the result is assembled
POOL_ROW_BYTES = 200  # positions of the pool, their rows in the table, three scores

# With two threads 724 MB while base and meta were compared at 265,991 x 1,142, and 1,380 MB at 1,072,392: 27 and 54 MB
# over process, rows and what analyses declare; nothing at 1,013,472 x 9.
KEPT_SHARE = 0.35  # of the sample that sets the bins: what training leaves in the process
CONTENDER_ROW_BYTES = 12  # three float32 probabilities of what stands on the leaderboard for a position of whole genes
SHARD_PROCESS = 180_000_000  # interpreter and libraries of the process of a shard: 165 at 360 rows of 6 features
SHARD_ROW_BYTES = 40  # its labels, weights, masks and scores of a row
COPIED_SHARE = 0.5  # of the rows; .19 and .30 on the demo table, for teachers of .95 and .91 average precision
# 900 worm genes, three folds, every position: 1,777 MB with XGBoost and four nets, 1,271 predicted without this.
NET_LEAVES = 150_000_000  # what fits of a further learner of genes leave in the process
JOINED_ROW_BYTES = 100  # a learner's probabilities of a row, raw, calibrated and stacked, and copies of them
COPIES = 4  # of the columns of the first pass: two folds', as files and as arrays
BATCH_IMBALANCE = 1.2  # rows of the largest batch over the mean
BUDGET_SHARE = 0.9  # of the budget, planned for: the guard stops a run at 0.95
SCORE_BYTES = 12  # three float32 probabilities of a member for a row
STACKING_BYTES = 60  # log-probabilities of a member for a row as float64, and the copies that the regression makes


def fitting_peak(shape: Shape, config: TrainingConfig, resources: Resources, at_a_time: int | None = None) -> int:
    """Peak in bytes of fitting to rows of `shape`, before any analysis.

    Parameters
    ----------
    at_a_time : int, optional
        Jobs that are fitted at a time; by default as many as there are threads, where jobs can run side by side.
    """
    learned = config.learner.footprint(shape, config.section, resources)
    if at_a_time is None:
        at_a_time = 1 if resources.cache is not None else worker_count(config, resources.threads, resources.device)
    building, fitted = learned.building + _sample(shape, config), learned.held + at_a_time * learned.job
    return _with_fits(shape, config, FITTED_ROW_BYTES * shape.rows + max(building, fitted))


def shard_peak(shape: Shape, config: TrainingConfig) -> int:
    """Peak in bytes of a process that holds a shard of this `shape` and takes part in one fit after another."""
    learned = config.learner.footprint(shape, config.section, Resources())
    return SHARD_PROCESS + SHARD_ROW_BYTES * shape.rows + max(learned.building, learned.held + learned.job)


def coordinating_peak(
    profile: DatasetProfile, config: TrainingConfig, resources: Resources, needs: AnalysisNeeds
) -> int:
    """Peak in bytes of a run whose fits are made elsewhere: of its narrow columns, and of what comes after training."""
    training = _with_fits(shape_of(profile, profile.rows, config), config, FITTED_ROW_BYTES * profile.rows)
    return _with_other_phases(training, profile, config, after_training(profile, config, resources.threads, needs))


def _with_fits(shape: Shape, config: TrainingConfig, *fitting: float) -> int:
    """Peak in bytes of the process and of its rows, with the most that it holds while fits are made."""
    return int(_held(shape.rows, config) + max(_checking(shape, config), *fitting, RESULT_ROW_BYTES * shape.rows))


def combining_bytes(profile: DatasetProfile, config: TrainingConfig) -> int:
    """Bytes that results of several members take beside one that is trained, and their combination; 0 for one."""
    if config.members == 1:
        return 0
    stacking = STACKING_BYTES if config.combine in ("stacking", "blending") else 0
    composition = COMPOSITION_ROW_BYTES * (config.combine == "routed")
    rows = (config.members * (JOINED_ROW_BYTES + stacking) + composition) * profile.rows
    nets = sum(config.of_learner(name).learner.traits.inputs == "genes" for name in config.learners)
    return NET_LEAVES * max(nets - 1, 0) + rows


def first_pass_bytes(profile: DatasetProfile, config: TrainingConfig) -> int:
    """Bytes of the columns of the first pass, of all rows and one fold; 0 without a second pass."""
    return 4 * FIRST_PASS_WIDTH * profile.rows if config.second_pass else 0


def _features(profile: DatasetProfile, config: TrainingConfig) -> int:
    return profile.features + (FIRST_PASS_WIDTH if config.second_pass else 0)


def shape_of(profile: DatasetProfile, rows: int, config: TrainingConfig) -> Shape:
    """The shape of `rows` rows of a table with the motif columns of all fits, or of its genes."""
    sites = profile.rows - profile.class_counts[SpliceClass.NEITHER.label]
    if config.learner.traits.inputs == "genes":
        return Shape(
            rows, profile.gene_tracks, sites=sites, positions=profile.gene_positions, genes=profile.genes,
            inner=profile.gene_inner, window=profile.window,
        )  # fmt: skip
    kmers = profile.features_by_group.get(FeatureGroup.KMER.value, 0)
    motifs = MOTIF_WIDTH * (config.n_folds + 1) if profile.base_codes and config.motifs != "off" else 0
    return Shape(rows, _features(profile, config) + motifs, kmers, int(sites * rows / max(profile.rows, 1)))


def profile_peak(
    profile: DatasetProfile, config: TrainingConfig, resources: Resources, needs: AnalysisNeeds,
    at_a_time: int | None = None,
) -> int:  # fmt: skip
    """Peak in bytes of a run that trains one model, and on what is mined from the pool, if there is one."""
    shape = shape_of(profile, profile.rows + most_mined(profile, config), config)
    training = fitting_peak(shape, config, resources, at_a_time) + COPIES * first_pass_bytes(profile, config)
    after = after_training(profile, config, resources.threads, needs)
    if needs.trains_again:
        training += after - PROCESS
    return _with_other_phases(training, profile, config, after)


def after_training(profile: DatasetProfile, config: TrainingConfig, threads: int, needs: AnalysisNeeds) -> int:
    """Peak in bytes of what comes after training: the tables that are scored then, and the analyses, which `needs`."""
    contenders = CONTENDER_ROW_BYTES * config.contenders * profile.scored_rows
    kept = int(KEPT_SHARE * _sample(shape_of(profile, profile.rows, config), config))
    serving = _serving(profile, config, threads)
    return PROCESS + kept + needs.bytes + contenders + serving + first_pass_bytes(profile, config)


def _serving(profile: DatasetProfile, config: TrainingConfig, threads: int) -> int:
    """Bytes of scoring whole genes again: its library does not give back what training took."""
    if not config.reads_genes:
        return 0
    shape = shape_of(profile, profile.rows, config)
    return config.learner.footprint(shape, config.section, Resources(threads)).predictor


def _with_other_phases(training: int, profile: DatasetProfile, config: TrainingConfig, after: int) -> int:
    reading = PROCESS + READ_ROW_BYTES * profile.rows
    share = max(config.screening_share, config.screening_min_genes / profile.genes)
    screened = 4 * min(1.0, share) * profile.rows * profile.features
    screening = _held(profile.rows, config) + 2 * min(HELD_BYTES, screened)
    mining = training + POOL_ROW_BYTES * profile.pool_rows
    return int(max(reading, screening, mining, after))


def _held(rows: int, config: TrainingConfig) -> float:
    """Bytes of the process and of its rows."""
    snapshots = CANDIDATES if config.rounds == "cross-validation" else 0
    staged = STAGE_BYTES * (config.n_folds + 1) if config.stages is not None else 0
    begun = MARGIN_BYTES * bool(config.init_from)
    return PROCESS + (ROW_BYTES + SNAPSHOT_BYTES * snapshots + staged + begun) * rows


def _checking(shape: Shape, config: TrainingConfig) -> float:
    """Bytes of what checks the features and takes the sample that sets the bins, and of sketches of that sample."""
    sample = _sample(shape, config)
    return max(2 * sample, sample + reading_bytes(shape.rows, shape.features))


def _sample(shape: Shape, config: TrainingConfig) -> float:
    """Bytes of the sample that sets the bins, which is held until the learner has made its representation."""
    return 4.0 * min(shape.rows, sample_size(shape.features, config)) * shape.features


def most_mined(profile: DatasetProfile, config: TrainingConfig) -> int:
    """Rows that a round of mining may add, or copies of those that a teacher thinks may be of several classes.

    Folds find much the same negatives hard, together twice as many as one.
    """
    if config.teacher is not None:
        return int(COPIED_SHARE * profile.rows)
    sites = profile.rows - profile.class_counts[SpliceClass.NEITHER.label]
    return min(profile.pool_rows, int(2 * config.mined_per_site * sites))
