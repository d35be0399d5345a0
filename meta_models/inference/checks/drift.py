"""Whether the features of a table look as they did in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import chdtri

from meta_models.dataset.plausibility.score_order import doubtful_scores
from meta_models.dataset.positions import codes, require_weights
from meta_models.inference.checks.exchanged import exchanged_columns
from meta_models.inference.served import ServedTable
from meta_models.model import FeatureSketch, FittedModel
from meta_models.model.sketches import effective_rows, weighted_quantiles
from meta_models.schema import GENE, LABEL, LABEL_VALUES, WEIGHT, base_models
from meta_models.wording import counted

#: Rows of a block of consecutive rows that is looked at.
BLOCK_ROWS = 512
#: Least share that counts in the index; a bin that one side leaves empty has no logarithm.
_FLOOR = 1e-4
#: A feature is far only if its index is larger than chance gives with this probability.
_CHANCE = 1e-3
_SCALE = 10.0
#: With fewer genes (regions, blocks) than that, and fewer rows, a table says too little of its features' distribution.
LEAST_GROUPS, LEAST_ROWS = 10, 10_000
_LINES = 5


@dataclass(frozen=True)
class FeatureDrift:
    """One feature in training and in the table; made by :func:`compare`.

    Attributes
    ----------
    index : float or None
        Population-stability index over the bins of training; None where the table has no value.
    limit : float
        Index from which the feature is far: what was asked for, or what chance gives where few genes were looked at.
    missing_in_training, missing : float
        Shares of missing values.
    alarms : tuple of str
        Why the feature is far from training; empty where it is not.
    """

    feature: str
    index: float | None
    limit: float
    missing_in_training: float
    missing: float
    median_in_training: float | None
    median: float | None
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class DriftReport:
    """All features that the model reads; made by :func:`check_drift`.

    Attributes
    ----------
    rows : int
        Rows of the table that were looked at.
    weighted : bool
        Whether they were weighted by sampling_weight, as those of training were.
    features : tuple of FeatureDrift
        Those far from training first, then by index.
    reason : str or None
        Why nothing was compared.
    exchanged : tuple of pairs of str
        Score columns of one base model, each of which looks as the other one did in training.
    doubtful : tuple of str
        What labels of the table, where it has them, say against the scores of base models.
    groups : int
        Genes (or regions) that the rows are of; blocks of 512 rows where the table names none.
    """

    rows: int
    weighted: bool
    features: tuple[FeatureDrift, ...]
    reason: str | None = None
    exchanged: tuple[tuple[str, str], ...] = ()
    doubtful: tuple[str, ...] = ()
    groups: int = 0

    @property
    def few(self) -> bool:
        """Whether too few genes and rows were looked at to say that a feature is far from training."""
        return self.groups < LEAST_GROUPS and self.rows < LEAST_ROWS

    @property
    def far(self) -> tuple[FeatureDrift, ...]:
        """Features that are far from training."""
        return tuple(feature for feature in self.features if feature.alarms)

    def lines(self) -> tuple[str, ...]:
        """For the log: the likely cause, or one line for each feature that is far, at most 5."""
        if self.exchanged:
            return tuple(
                f"{a!r} and {b!r} look exchanged: each is distributed as the other one was in training"
                for a, b in self.exchanged
            )
        shown = [f"{f.feature}: {'; '.join(f.alarms)}" for f in self.far]
        more = counted(len(shown) - _LINES, "feature").replace(" ", " more ")
        return (*shown[:_LINES], *([f"and {more}"] if len(shown) > _LINES else []))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"far": [f.feature for f in self.far], **asdict(self)}


def check_drift(
    model: FittedModel, table: ServedTable, *, rows: int, psi_alarm: float, missing_alarm: float
) -> DriftReport:
    """Compare blocks of rows, evenly spaced over the table, with the sketches in the model.

    Rows are weighted by ``sampling_weight`` where training weighted by it, too: then both sides stand for all positions
    of their genes, however the tables were sampled.

    Parameters
    ----------
    rows : int
        About how many rows to look at.
    psi_alarm : float
        Index from which a feature is far, beyond what chance gives.
    missing_alarm : float
        Difference of the shares of missing values from which it is far.
    """
    sketches = model.info.sketches
    if not sketches:
        return DriftReport(0, weighted=False, features=(), reason="the model file holds no sketches of its features")
    weighted = model.info.weighting == "sampling_weight" and table.has(WEIGHT)
    known = [name for name in table.features if name in sketches]
    sample = _sample(table, known, rows, weighted=weighted)
    if weighted:
        require_weights(sample[WEIGHT], table.dataset.source)
    genes, weights = sample["cluster"].to_numpy(), sample[WEIGHT].to_numpy() if weighted else np.ones(sample.height)

    def compared(name: str, with_sketch_of: str) -> FeatureDrift:
        values = sample[name].to_numpy() if name in sample.columns else np.zeros(sample.height, np.float32)
        return compare(
            name, sketches[with_sketch_of], values, weights=weights, genes=genes, psi_alarm=psi_alarm,
            missing_alarm=missing_alarm, absent=name in table.absent,
        )  # fmt: skip

    found = [compared(name, name) for name in model.feature_names if name in sketches]
    far = {drift.feature for drift in found if drift.alarms}
    exchanged = exchanged_columns(
        (drift.feature for drift in found), far, lambda name, other: not compared(name, other).alarms
    )
    found.sort(key=lambda drift: (not drift.alarms, -(drift.index or 0.0), drift.feature))
    doubtful, groups = _doubtful(sample), sample["cluster"].n_unique()
    return DriftReport(sample.height, weighted, tuple(found), exchanged=exchanged, doubtful=doubtful, groups=groups)


def _doubtful(sample: pl.DataFrame) -> tuple[str, ...]:
    """What labels, where the table has them, say of the scores of base models."""
    if LABEL not in sample.columns:
        return ()
    bases, codes_of = base_models(sample.columns), {text: int(c) for text, c in LABEL_VALUES.items()}
    classes = sample[LABEL].fill_null("").replace_strict(codes_of, default=None, return_dtype=pl.UInt8)
    known = sample.with_columns(label=classes).drop_nulls("label")
    return doubtful_scores(known.drop_nans([column for base in bases for column in base.columns]), bases)


def compare(
    name: str,
    sketch: FeatureSketch,
    values: NDArray[np.floating[Any]],
    *,
    weights: NDArray[np.floating[Any]],
    genes: NDArray[np.integer[Any]],
    psi_alarm: float,
    missing_alarm: float,
    absent: bool = False,
) -> FeatureDrift:
    """One feature of the table against its sketch.

    The index is ``sum((q - p) ln(q / p))`` over the bins; by chance alone it is distributed about as
    ``(1/n + 1/m) chi2(B - 1)`` for n and m independent rows.

    Parameters
    ----------
    values : ndarray, (n,)
        NaN where a value is missing.
    weights, genes : ndarray, (n,)
        As in :func:`~meta_models.model.sketches.sketch_features`.

    References
    ----------
    Siddiqi, Credit Risk Scorecards, 2006 (the index and the customary limit 0.25); Yurdakul, Statistical properties of
    population stability index, 2018 (its distribution).
    """
    known = ~np.isnan(values)
    missing = float(1 - weights[known].sum() / weights.sum())
    alarms = []
    if abs(missing - sketch.missing) >= missing_alarm:
        alarms.append(f"missing in {missing:.1%} of the rows, in training in {sketch.missing:.1%}")
    index, limit, median = None, psi_alarm, None
    if known.any() and sketch.edges:
        found, heavy = values[known].astype(np.float64), weights[known].astype(np.float64)
        bins = sketch.bins(found)
        shares = np.bincount(bins, heavy, len(sketch.shares)) / heavy.sum()
        index = stability_index(np.asarray(sketch.shares), shares)
        occupied = int(((shares > 0) | (np.asarray(sketch.shares) > 0)).sum())
        rows = 1 / sketch.effective_rows + 1 / effective_rows(heavy, genes[known], bins)
        limit = max(psi_alarm, float(rows * chdtri(max(1, occupied - 1), _CHANCE)))
        low, median, high = weighted_quantiles(found, heavy, (0.05, 0.5, 0.95)).tolist()
        if index >= limit:
            alarms.append(_explained(index, limit, sketch, median, high - low, absent=absent))
    return FeatureDrift(name, index, limit, sketch.missing, missing, sketch.median, median, tuple(alarms))


def stability_index(training: NDArray[np.float64], table: NDArray[np.float64]) -> float:
    """Population-stability index of two distributions over the same bins, (B,) each."""
    p, q = np.maximum(training, _FLOOR), np.maximum(table, _FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def _explained(index: float, limit: float, sketch: FeatureSketch, median: float, spread: float, *, absent: bool) -> str:
    text = f"population-stability index {index:.2f}, above {limit:.2f} (--psi-alarm and what chance adds)"
    if absent:
        return f"{text}: the column is absent and counts 0"
    if sketch.spread and spread and not 1 / _SCALE < spread / sketch.spread < _SCALE:
        return f"{text}: its spread is {spread / sketch.spread:.3g} times that of training; other unit?"
    return f"{text}: median {median:.4g}, in training {sketch.median:.4g}"


def _sample(table: ServedTable, features: Sequence[str], rows: int, *, weighted: bool) -> pl.DataFrame:
    """`features` (Float32), weight, label and gene (or block) of the rows that are looked at."""
    dataset = table.dataset
    named = GENE in table.passed_on
    numbers = [*features, *([WEIGHT] if weighted else [])]
    texts = [*([GENE] if named else []), *([LABEL] if LABEL in dataset.columns else [])]
    expressions = [pl.col(name).cast(pl.Float32).fill_null(np.nan) for name in numbers]  # types differ between files
    expressions += [pl.col(name).cast(pl.String) for name in texts]
    frames = (
        frame
        for block in _blocks(dataset.n_rows, rows)
        for frame in dataset.iter_frames(expressions, BLOCK_ROWS, rows=block)
    )
    sample = pl.concat(frame.with_columns(pl.lit(number).alias("cluster")) for number, frame in enumerate(frames))
    return sample.with_columns(pl.Series("cluster", codes(sample[GENE]))) if named else sample


def _blocks(n_rows: int, rows: int) -> list[slice]:
    if n_rows <= rows:
        return [slice(0, n_rows)]
    starts = np.linspace(0, n_rows - BLOCK_ROWS, -(-rows // BLOCK_ROWS)).astype(int)
    return [slice(int(start), int(start) + BLOCK_ROWS) for start in np.unique(starts)]
