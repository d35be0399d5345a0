"""The leaderboard of a run of several learners: each of them, the whole, and the best base model."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.positions import codes
from meta_models.metrics import Interval, average_precision, log_loss
from meta_models.metrics.bootstrap import MeanStatistic, RankingStatistic, paired_bootstrap
from meta_models.model import FittedModel
from meta_models.model.combinations import Combination
from meta_models.persistence import dump_model
from meta_models.result import CALIBRATED, LeaderboardRecord, Standing, TrainingResult, probability_columns
from meta_models.schema import CLASSES, SITE_CLASSES, SpliceClass
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several.speed import positions_per_second

Floats = NDArray[np.float64]
#: Rows whose prediction is timed.
_TIMED_ROWS = 20_000


@dataclass(frozen=True)
class Gain:
    """Average precision (mean of donor and acceptor) of the combination minus that of the best member."""

    difference: float | None
    interval: Interval

    @property
    def real(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.interval.lower is not None and self.interval.lower > 0

    @property
    def text(self) -> str:
        """The difference and its interval."""
        if self.difference is None:
            return f"average precision is undefined ({self.interval.reason or 'a class has no rows'})"
        bounds = self.interval.reason or f"95 % {self.interval.lower:+.4f} to {self.interval.upper:+.4f}"
        return f"{self.difference:+.4f} AP ({bounds})"


@dataclass(frozen=True)
class Joined:
    """What came out of combining.

    Attributes
    ----------
    probabilities : ndarray of float64 (n_rows, 3)
        Cross-fitted, of calibrated members.
    saved : str
        Name of what is saved.
    """

    method: str
    whole: Combination
    by_fold: Mapping[int, Combination]
    probabilities: Floats
    saved: str


def whole_name(method: str) -> str:
    """What the combination is called."""
    return f"combined ({method})"


def compare(task: TrainingTask, best: Floats, combined: Floats) -> Gain:
    """Combined minus best, weighted as the rows are, with its interval from a bootstrap over families."""
    families = codes(task.positions.groups())
    n_families, labels, weights = int(families.max()) + 1, task.positions.labels, task.positions.weights
    parts = [
        [RankingStatistic(labels == k, scores[:, k], weights, families, n_families) for k in SITE_CLASSES]
        for scores in (best, combined)
    ]
    found = paired_bootstrap(
        MeanStatistic(parts[0]), MeanStatistic(parts[1]), "average_precision",
        families_with_sites=min(part.families_with_sites for part in parts[0]), samples=task.config.bootstrap_samples,
        seed=task.config.seed,
    )  # fmt: skip
    return Gain(found.difference, found.difference_interval)


def leaderboard(
    task: TrainingTask, results: Mapping[str, TrainingResult], joined: Joined, gain: Gain, failed: Mapping[str, str]
) -> LeaderboardRecord:
    """Everybody's figures out of fold, the best first: by the weighted figure where the table has weights."""
    names = list(results)
    shares = joined.whole.shares(len(names), len(CLASSES)).mean(axis=1)
    rows = [
        _member(task, name, result, float(share)) for (name, result), share in zip(results.items(), shares, strict=True)
    ]
    if len(names) > 1:
        rows.append(_whole(task, joined, rows))
    first = results[names[0]]
    rows.append(_base(task, first))
    by_weight = task.positions.weighting != "none"
    rows.sort(key=lambda row: -((row.weighted_mean if by_weight else row.table_mean) or 0.0))
    return LeaderboardRecord(
        method=joined.method,
        saved=joined.saved,
        standings=tuple(rows),
        difference=gain.difference,
        lower=gain.interval.lower,
        upper=gain.interval.upper,
        weights_by_fold={
            fold: dict(zip(names, combination.shares(len(names), len(CLASSES)).mean(axis=1).tolist(), strict=True))
            for fold, combination in joined.by_fold.items()
        },
        failed=dict(failed),
    )


def _member(task: TrainingTask, name: str, result: TrainingResult, weight: float) -> Standing:
    probabilities = result.oof.select(probability_columns(CALIBRATED)).to_numpy().astype(np.float64)
    return Standing(
        name=name, role="member", weight=weight, size_bytes=len(dump_model(result.model)),
        seconds=result.seconds.get("training"), rows_per_second=_speed(task, result.model),
        **_figures(task, probabilities),
    )  # fmt: skip


def _whole(task: TrainingTask, joined: Joined, members: list[Standing]) -> Standing:
    """The combination; its size and speed are those of the members that have weight."""
    used = [row for row in members if row.weight]
    speeds = [row.rows_per_second for row in used if row.rows_per_second]
    return Standing(
        name=whole_name(joined.method), role="combination", weight=None,
        size_bytes=sum(row.size_bytes or 0 for row in used), seconds=sum(row.seconds or 0.0 for row in members),
        rows_per_second=1 / sum(1 / speed for speed in speeds) if speeds else None,
        **_figures(task, joined.probabilities),
    )  # fmt: skip


def _base(task: TrainingTask, result: TrainingResult) -> Standing:
    """The best base model, as the headline chooses it."""
    name = next(iter(result.best_base_by_fold.values()))
    base = next(base for base in task.positions.bases if base.name == name)
    scores = task.positions.frame.select(base.columns).to_numpy().astype(np.float64)
    return Standing(name, "base", weight=None, size_bytes=None, **_figures(task, scores))


def _figures(task: TrainingTask, scores: Floats) -> dict[str, float | None]:
    labels, weights = task.positions.labels, task.positions.weights
    weighted = task.positions.weighting != "none"
    found: dict[str, float | None] = {}
    for prefix, of_rows in (("table", None), ("weighted", weights if weighted else None)):
        known = prefix == "table" or weighted
        values = [average_precision(labels == k, scores[:, k], of_rows).value if known else None for k in SITE_CLASSES]
        pairs = zip((SpliceClass.DONOR, SpliceClass.ACCEPTOR), values, strict=True)
        found |= {f"{prefix}_{k.label}": value for k, value in pairs}
        found[f"{prefix}_mean"] = None if None in values else float(np.mean(np.array(values, np.float64)))
    return found | {"log_loss": log_loss(labels, scores, weights if weighted else None).value}


def _speed(task: TrainingTask, model: FittedModel) -> float | None:
    """Rows per second of the prediction of some rows of the table, or of some genes where it reads them whole."""
    if model.gene_columns:
        return positions_per_second(task, model, _TIMED_ROWS)
    matrix = next(task.dataset.iter_matrix(task.features, _TIMED_ROWS))[:_TIMED_ROWS]
    started = time.monotonic()
    model.probabilities_of(matrix)
    seconds = time.monotonic() - started
    return len(matrix) / seconds if seconds > 0 else None
