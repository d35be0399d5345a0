"""Mined negatives: those of all positions that the models find hardest join the training rows, fold by fold.

For fold k its own models, which never saw its genes, score every position of the *other* genes; the hardest negatives
among these, ``mined_per_site`` for each site, are trained on in the next round. For the final model the positions of
all genes are ranked by their out-of-fold scores.

Weights: above the score of the last negative taken every negative is there, each with weight 1, those that the table
held already included; below it the table's rows keep their ``sampling_weight``, for each was drawn from what remains
with the probability that it always had. Given the threshold these are design weights of a stratum taken whole and a
stratum sampled as before. (The threshold itself comes from models trained on the sample, a second-order effect.)
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.genes.table import GeneTable
from meta_models.dataset.reading.reader import Dataset
from meta_models.result import MiningRecord, Note
from meta_models.schema import SpliceClass
from meta_models.training.fitting.fit_table import ChangeJob
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.more_rows import columns_on_disk, cut_to_table, extended, write_rows
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.rows.pool import Pool
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.mining.pool import MatchedPool, match_pool
from meta_models.training.mining.scan import PoolScan, scan_pool

logger = logging.getLogger(__name__)
#: Trains the folds and the final model of a task, where each job is changed before it is trained.
TrainRound = Callable[[TrainingTask, Folds, ChangeJob], FittedProblem]


@dataclass(frozen=True)
class Mined:
    """Returned by `train_mined`.

    Attributes
    ----------
    fit : FittedProblem
        Over the rows of the training table, with the boosters of the rounds that were chosen.
    """

    fit: FittedProblem
    records: tuple[MiningRecord, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class _Round:
    """Boosters, what they scored on all positions, and what had been mined for them."""

    fit: FittedProblem
    scan: PoolScan
    mined: dict[int, tuple[int, int, float | None]]


def train_mined(
    task: TrainingTask, pool: Pool, folds: Folds, first: FittedProblem, train: TrainRound, *, prefix: str = ""
) -> Mined:
    """Mine and train again, until average precision on all positions stops rising or the rounds are spent.

    Which round a fold's models are taken from is decided by the other folds, like any number of rounds.

    Parameters
    ----------
    first : FittedProblem
        Trained on the table alone.
    prefix : str
        What the names of the scans' units begin with.

    Raises
    ------
    InputError
        If the pool does not hold the training table's positions.
    """
    matched = match_pool(pool.dataset, pool.positions, task.positions, task.features)
    numbers = [job.fold for job in first.first_of_fold]
    rounds = [_Round(first, scan_pool(matched, task, folds, first, f"{prefix}mining-0"), {})]
    notes = []
    for number in range(1, task.config.mining_rounds + 1):
        last = rounds[-1]
        mined = _mined_rows(matched, last.scan)
        if not len(mined):
            notes.append(Note("warning", f"Mining round {number} found no negative that the table lacks."))
            break
        larger = _Larger.make(task, pool, matched, folds, mined, number)
        fit = train(larger.task, larger.folds, larger.change_jobs(last.scan, number))
        fit = cut_to_table(first, fit)
        scan = scan_pool(matched, task, folds, fit, f"{prefix}mining-{number}")
        rounds.append(_Round(fit, scan, _counts(matched, last.scan)))
        logger.info("Mining round %d: AP on all positions %.4f", number, scan.mean_precision([FINAL]))
        if not any(_gain(rounds, numbers, left_out) > 0 for left_out in (*numbers, FINAL)):
            break
    chosen = {fold: _best(rounds, numbers, fold) for fold in (*numbers, FINAL)}
    notes.append(_note(rounds, chosen[FINAL], matched))
    return Mined(_merged(rounds, chosen), tuple(_records(rounds, chosen)), tuple(notes))


@dataclass(frozen=True)
class _Larger:
    """The training table with mined rows behind its own.

    Attributes
    ----------
    mined : ndarray of int64
        Their numbers in the pool.
    """

    task: TrainingTask
    folds: Folds
    pool: MatchedPool
    mined: NDArray[np.int64]
    table: TrainingTask

    @classmethod
    def make(
        cls, task: TrainingTask, pool: Pool, matched: MatchedPool, folds: Folds, mined: NDArray[np.int64], number: int
    ) -> _Larger:
        """The table with what was mined in round `number`."""
        path = pool.work_dir / f"mined-{number}.parquet"
        write_rows(path, _chosen(matched, mined), columns_on_disk(task))
        frame = task.positions.frame
        added = matched.positions.frame[mined].select(frame.columns).with_columns(weight=pl.lit(0, pl.Float32))
        digest = hashlib.sha256(mined.tobytes()).hexdigest()
        larger = replace(
            task,
            dataset=extended(task.dataset, path, len(mined)),
            positions=replace(task.positions, frame=pl.concat([frame, added])),
            input_hashes=(*task.input_hashes, *pool.input_hashes, digest),
        )
        genes = matched.gene_row[mined]
        columns = (np.concatenate([c, c[genes]]) for c in (folds.of_row, folds.groups, folds.genes))
        return cls(larger, Folds(*columns), matched, mined, task)

    def change_jobs(self, scan: PoolScan, number: int) -> ChangeJob:
        """Give jobs the name of their round, and the weights of what was mined for their fold."""
        weights = {fold: self._weights(rows) for fold, rows in scan.hard.items()}
        return lambda job: replace(job, name=f"mined-{number}-{job.name}", weights=weights[job.fold])

    def _weights(self, hard: NDArray[np.int64]) -> NDArray[np.float32]:
        """Weights (n_rows,) where the rows `hard` of the pool are in the training set for certain."""
        given = self.table.training_weights
        of_table = np.ones(self.table.dataset.n_rows, np.float32) if given is None else given.copy()
        certain = self._certain(of_table)
        known = self.pool.table_row[hard]
        of_table[known[known >= 0]] = certain
        return np.concatenate([of_table, np.where(np.isin(self.mined, hard), certain, np.float32(0))])

    def _certain(self, of_table: NDArray[np.float32]) -> np.float32:
        """What a negative counts that was not sampled: what its class makes of 1."""
        positions, kind = self.table.positions, self.table.config.training_weights
        first = int(np.flatnonzero(positions.labels == SpliceClass.NEITHER)[0])
        sampled = kind == "sampling" and positions.weighting == "sampling_weight"
        return np.float32(of_table[first] / positions.weights[first] if sampled else of_table[first])


def _chosen(pool: MatchedPool, rows: NDArray[np.int64]) -> Dataset | GeneTable:
    """The `rows` of the pool."""
    chosen = np.zeros(pool.dataset.n_rows, bool)
    chosen[rows] = True
    return pool.dataset.with_rows(chosen)


def _mined_rows(pool: MatchedPool, scan: PoolScan) -> NDArray[np.int64]:
    """Sorted numbers of the hard negatives of any fold that the table lacks."""
    rows = np.unique(np.concatenate(list(scan.hard.values())))
    return np.asarray(rows[pool.table_row[rows] < 0], np.int64)


def _counts(pool: MatchedPool, scan: PoolScan) -> dict[int, tuple[int, int, float | None]]:
    """By fold: rows mined, rows of the table that became certain, and the score from which on all were taken."""
    known = {fold: int((pool.table_row[rows] >= 0).sum()) for fold, rows in scan.hard.items()}
    return {fold: (len(rows) - known[fold], known[fold], scan.threshold[fold]) for fold, rows in scan.hard.items()}


def _gain(rounds: Sequence[_Round], numbers: Sequence[int], left_out: int) -> float:
    """By how much the last round is better than the best before it, on all folds but `left_out`."""
    values = _values(rounds, numbers, left_out)
    return values[-1] - max(values[:-1])


def _best(rounds: Sequence[_Round], numbers: Sequence[int], left_out: int) -> int:
    return int(np.argmax(_values(rounds, numbers, left_out)))


def _values(rounds: Sequence[_Round], numbers: Sequence[int], left_out: int) -> list[float]:
    others = [fold for fold in numbers if fold != left_out]
    return [found.scan.mean_precision(others) for found in rounds]


def _merged(rounds: Sequence[_Round], chosen: dict[int, int]) -> FittedProblem:
    first = rounds[0].fit
    jobs = (*first.held_out, *first.final)
    return replace(first, fitted={job.name: rounds[chosen[job.fold]].fit.fitted[job.name] for job in jobs})


def _records(rounds: Sequence[_Round], chosen: dict[int, int]) -> Iterator[MiningRecord]:
    for number, found in enumerate(rounds):
        for fold in sorted(chosen):
            mined, certain, threshold = found.mined.get(fold, (0, 0, None))
            donor, acceptor = found.scan.precision[fold]
            yield MiningRecord(number, fold, mined, certain, threshold, donor, acceptor, chosen[fold] == number)


def _note(rounds: Sequence[_Round], chosen: int, pool: MatchedPool) -> Note:
    values = " -> ".join(f"{found.scan.mean_precision([FINAL]):.4f}" for found in rounds)
    mined = rounds[chosen].mined.get(FINAL, (0, 0, None))[0]
    return Note(
        "info",
        f"Negatives were mined from {pool.dataset.n_rows:,} positions: mean AP of donor and acceptor on all of them, "
        f"out of fold, {values} (uncalibrated; round 0 is the table alone). The final model is that of round {chosen}, "
        f"with {mined:,} mined negatives.",
    )
