"""The leaderboard of what was trained on the table: each member, the whole, and the base models."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.positions import codes
from meta_models.metrics import Gain, SiteFigures, SiteResamples
from meta_models.model import FittedModel
from meta_models.model.combinations import Combination
from meta_models.persistence import dump_model
from meta_models.result import CALIBRATED, TrainingResult, probability_columns
from meta_models.schema import CLASSES
from meta_models.standings import Difference, LeaderboardRecord, Pair, Standing
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several.speed import positions_per_second

Floats = NDArray[np.float64]
#: Rows whose prediction is timed, and how often: the first pass loads libraries, and others may use the machine.
_TIMED_ROWS, _TIMES = 20_000, 3


@dataclass(frozen=True)
class Joined:
    """What came out of combining.

    Attributes
    ----------
    probabilities : ndarray of float64 (n_rows, 3)
        Cross-fitted, of calibrated members.
    opponent : str
        The best member, which the combination is compared with.
    saved : str
        Name of what is saved.
    size_bytes : int
        What the file of the combination takes, or would.
    """

    method: str
    whole: Combination
    by_fold: Mapping[int, Combination]
    probabilities: Floats
    opponent: str
    saved: str
    size_bytes: int


def whole_name(method: str) -> str:
    """What the combination is called."""
    return f"combined ({method})"


def resamples(task: TrainingTask) -> SiteResamples:
    """Resamples of the families of the table, its rows weighted as they are."""
    positions, config = task.positions, task.config
    families, samples = codes(positions.groups()), config.bootstrap_samples
    return SiteResamples.make(positions.labels, families, positions.weights, samples=samples, seed=config.seed)


def compare(task: TrainingTask, before: Floats, after: Floats) -> Gain:
    """`after` minus `before`, weighted as the rows are, with its interval from a bootstrap over families."""
    drawn = resamples(task)
    return drawn.of(after).minus(drawn.of(before))


def pairs_of(task: TrainingTask, results: Mapping[str, TrainingResult], joined: Joined) -> tuple[Pair, ...]:
    """Each member minus each that was named before it, and the combination minus each, where there is one."""
    drawn = resamples(task)
    found = {name: drawn.of(_probabilities(result)) for name, result in results.items()}
    if len(results) > 1:
        found[whole_name(joined.method)] = drawn.of(joined.probabilities)
    return tuple(
        Pair(one, other, Difference.of(found[one].minus(found[other]))) for other, one in combinations(found, 2)
    )


def board_of_one(task: TrainingTask, name: str, result: TrainingResult) -> LeaderboardRecord:
    """The board of a run that trained one member."""
    rows = [member_standing(task, name, result, None), *base_standings(task)]
    return ranked(LeaderboardRecord("", name, tuple(rows), None, None, None, {}, {}))


def leaderboard(
    task: TrainingTask, results: Mapping[str, TrainingResult], joined: Joined, gain: Gain, failed: Mapping[str, str]
) -> LeaderboardRecord:
    """Everybody's figures out of fold, the best first."""
    names = list(results)
    shares = joined.whole.shares(len(names), len(CLASSES)).mean(axis=1)
    members = [
        member_standing(task, name, results[name], float(share)) for name, share in zip(names, shares, strict=True)
    ]
    whole = [_whole(task, joined, members)] if len(names) > 1 else []
    by_fold = {fold: combination.shares(len(names), len(CLASSES)) for fold, combination in joined.by_fold.items()}
    record = LeaderboardRecord(
        method=joined.method,
        saved=joined.saved,
        standings=(*members, *whole, *base_standings(task)),
        difference=gain.difference,
        lower=gain.interval.lower,
        upper=gain.interval.upper,
        weights_by_fold={
            fold: dict(zip(names, share.mean(axis=1).tolist(), strict=True)) for fold, share in by_fold.items()
        },
        failed=dict(failed),
        pairs=pairs_of(task, results, joined),
        opponent=joined.opponent,
    )
    return ranked(record)


def ranked(record: LeaderboardRecord) -> LeaderboardRecord:
    """`record` with the best standing first."""
    return replace(record, standings=record.ranked)


def member_standing(
    task: TrainingTask, name: str, result: TrainingResult, weight: float | None, role: str = "member"
) -> Standing:
    """A member's figures out of fold, what its file takes, and how fast it is."""
    return replace(
        _figures(task, name, role, _probabilities(result)), weight=weight, size_bytes=len(dump_model(result.model)),
        seconds=result.seconds.get("training"), rows_per_second=_speed(task, result.model),
    )  # fmt: skip


def _probabilities(result: TrainingResult) -> Floats:
    return result.oof.select(probability_columns(CALIBRATED)).to_numpy().astype(np.float64)


def _whole(task: TrainingTask, joined: Joined, members: Sequence[Standing]) -> Standing:
    """The combination; its speed is that of the members that have weight."""
    used = [row for row in members if row.weight]
    speeds = [row.rows_per_second for row in used if row.rows_per_second]
    return replace(
        _figures(task, whole_name(joined.method), "combination", joined.probabilities),
        size_bytes=joined.size_bytes, seconds=sum(row.seconds or 0.0 for row in members),
        rows_per_second=1 / sum(1 / speed for speed in speeds) if speeds else None,
    )  # fmt: skip


def base_standings(task: TrainingTask) -> list[Standing]:
    """The base models."""
    frame = task.positions.frame
    scores = {base.name: frame.select(base.columns).to_numpy().astype(np.float64) for base in task.positions.bases}
    return [_figures(task, name, "base", values) for name, values in scores.items()]


def _figures(task: TrainingTask, name: str, role: str, scores: Floats) -> Standing:
    """The standing of `scores` (n_rows, 3) on the table's rows, and with their weights, where these are known."""
    labels, weighted = task.positions.labels, task.positions.weighting != "none"
    plain = SiteFigures.of(labels, scores)
    known = SiteFigures.of(labels, scores, task.positions.weights) if weighted else SiteFigures()
    return Standing(
        name, role, plain.donor, plain.acceptor, plain.mean, known.donor, known.acceptor, known.mean,
        known.log_loss if weighted else plain.log_loss,
    )  # fmt: skip


def _speed(task: TrainingTask, model: FittedModel) -> float | None:
    """Rows per second of the fastest of some predictions of the table, or of genes where it reads them whole."""
    if model.gene_columns:
        return positions_per_second(task, model, _TIMED_ROWS)
    matrix = next(task.dataset.iter_matrix(model.feature_names, _TIMED_ROWS))[:_TIMED_ROWS]
    seconds = min(_seconds(model, matrix) for _ in range(_TIMES))
    return len(matrix) / seconds if seconds > 0 else None


def _seconds(model: FittedModel, matrix: NDArray[np.float32]) -> float:
    started = time.monotonic()
    model.probabilities_of(matrix)
    return time.monotonic() - started
