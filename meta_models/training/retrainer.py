"""Training again, cheaply and on the folds of a finished run, with other features, genes or labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.learners.base import BoosterJob, FittedBooster
from meta_models.learners.registry import FAMILIES
from meta_models.learners.seam import FeatureTable
from meta_models.learners.xgboost.devices import AUTO, CPU, with_device
from meta_models.learners.xgboost.matrix import cut_sample, feature_bins, release_memory, sample_size
from meta_models.model.calibrators import normalise
from meta_models.progress import Progress
from meta_models.result import TrainingResult
from meta_models.schema import CLASS_NAMES, FeatureGroup
from meta_models.training.fitting.constraints import score_constraints
from meta_models.training.fitting.cores import worker_count
from meta_models.training.fitting.row_weights import row_weights
from meta_models.training.memory import single_model_peak
from meta_models.workers import CAN_FORK, run_jobs

logger = logging.getLogger(__name__)

#: Most rounds, and the highest learning rate that makes up for fewer rounds than the run had.
ROUNDS, FASTEST = 60, 0.3
#: Share of the memory budget up to which a retraining is started: the analysis holds something, too.
_STARTED = 0.9


def cheap_setting(config: TrainingConfig) -> TrainingConfig:
    """`config` with at most `ROUNDS` rounds, all of them taken, at a learning rate that makes up for those left out."""
    rounds = min(ROUNDS, config.n_estimators)
    faster = min(FASTEST, config.learning_rate * config.n_estimators / rounds)
    changes = {"n_estimators": rounds, "learning_rate": max(faster, config.learning_rate), "rounds": "fixed"}
    return config.model_copy(update=changes)


class Retrainer:
    """Cross-validates on the folds of a run; the matrix of the features asked for last is kept.

    Parameters
    ----------
    result : TrainingResult
        The run: its folds, rows, labels and weights.
    table : FeatureTable
        Feature values of the same rows.
    threads : int
        Boosters at a time.
    device : str
        What they are trained on.
    """

    def __init__(self, result: TrainingResult, table: FeatureTable, *, threads: int, device: str = CPU) -> None:
        self._result, self._table, self._threads = result, table, threads
        self._config = cheap_setting(result.config).model_copy(update={"device": device})
        self._labels = result.oof["label"].to_numpy()
        self._folds = result.oof["fold"].to_numpy()
        self._held: tuple[tuple[str, ...], Any] | None = None

    @property
    def setting(self) -> str:
        """How models are trained here, in words for the report."""
        run, here = self._result.config, self._config
        mined = " Mined negatives are left out." if self._result.mining else ""
        narrowed = ""
        if run.max_features is not None:
            narrowed = " Features are those that any fold kept: held-out genes took part in choosing them."
        return (
            "Trained again as one model, out of fold on the same folds, without calibration: "
            f"{here.n_estimators} rounds at learning rate {here.learning_rate:g} (the run: {run.n_estimators} at "
            f"{run.learning_rate:g}).{mined}{narrowed}"
        )

    def retrain(
        self,
        features: tuple[str, ...],
        *,
        rows: NDArray[np.bool_] | None = None,
        labels: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float64]:
        """Out-of-fold probabilities (n_rows, 3) of models trained with `features`.

        Parameters
        ----------
        rows : ndarray of bool (n_rows,), optional
            Rows that may be trained on; all by default. Every row is scored.
        labels : ndarray of uint8 (n_rows,), optional
            Labels to train on instead of those of the table.
        """
        truth = self._labels if labels is None else labels
        matrix = self._matrix(features)
        scores = np.full((len(truth), len(CLASS_NAMES)), np.nan)
        constraints = score_constraints(features, self._result.bases if self._config.monotone else ())
        for job, fitted in self._fit(matrix, truth, list(self._jobs(rows, constraints))):
            scores[job.score, job.target] = fitted.scores[:, -1]
        return normalise(scores)

    def release(self) -> None:
        """Let go of the matrix."""
        if self._held is not None:
            self._held = None
            release_memory()

    def _matrix(self, features: tuple[str, ...]) -> Any:
        if self._held is None or self._held[0] != features:
            self.release()
            columns = [column for base in self._result.bases for column in base.columns[1:]]
            highest = self._result.oof.select(highest=pl.max_horizontal(columns))["highest"].to_numpy()
            sample = cut_sample(highest, sample_size(len(features), self._config), self._config.seed)
            bins = feature_bins(self._table, features, sample, self._config)
            family = FAMILIES[self._config.family]
            matrix = family.prepare(self._table, features, bins, self._config, threads=self._threads)
            self._held = features, matrix
        return self._held[1]

    def _jobs(self, rows: NDArray[np.bool_] | None, constraints: Sequence[tuple[int, ...]]) -> Iterator[BoosterJob]:
        nothing, rounds = np.zeros(len(self._folds), bool), self._config.n_estimators
        for fold in np.unique(self._folds).tolist():
            held_out = self._folds == fold
            train = ~held_out if rows is None else rows & ~held_out
            for target, name in enumerate(CLASS_NAMES):
                yield BoosterJob(
                    f"again-{fold}-{name}", fold, target, train, nothing, held_out, rounds,
                    constraints=constraints[target],
                )  # fmt: skip

    def _fit(
        self, matrix: Any, labels: NDArray[np.uint8], jobs: list[BoosterJob]
    ) -> Iterator[tuple[BoosterJob, FittedBooster]]:
        family, config = FAMILIES[self._config.family], self._config
        weights = row_weights(config.training_weights, labels, self._sampling_weights())
        workers = worker_count(config, self._threads) if CAN_FORK else 1
        threads = 1 if workers > 1 else self._threads

        def work(job: BoosterJob) -> FittedBooster:
            return family.fit(matrix, job, labels, weights, config, threads=threads)

        with Progress("Training again", "boosters").started(len(jobs)) as progress:
            for job, fitted in run_jobs(jobs, work, processes=workers):
                yield job, fitted
                progress.advance()

    def _sampling_weights(self) -> NDArray[np.float32] | None:
        return self._result.oof["weight"].to_numpy() if self._result.weighting == "sampling_weight" else None


def make_retrainer(
    result: TrainingResult, table: FeatureTable, *, budget: int, threads: int
) -> tuple[Retrainer | None, str]:
    """A retrainer, or None and the reason why there is none: one matrix of all rows must fit into `budget` bytes.

    A run that was trained on a GPU may be analysed where there is none.
    """
    config, features = result.config, len(result.kept_features)
    kmers = sum(record.group is FeatureGroup.KMER for record in result.features if record.name in result.kept_features)
    wanted = CPU if config.device == CPU else AUTO
    config = with_device(config.model_copy(update={"device": wanted}), table.n_rows, features)
    peak = single_model_peak(table.n_rows, features, config, worker_count(config, threads), kmers=kmers)
    if peak > _STARTED * budget:
        return None, (
            f"one model of all rows takes {peak / 1e9:.1f} GB, and the memory budget is {budget / 1e9:.1f} GB "
            "(--max-memory-gb)"
        )
    return Retrainer(result, table, threads=threads, device=config.device), ""
