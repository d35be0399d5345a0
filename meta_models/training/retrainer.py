"""Training again, cheaply and on the folds of a finished run, with other features, genes or labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.features import MOTIF_COLUMNS
from meta_models.learners.seam import FitJob, Fitted, Learner, Resources, Shape, TrainingRows
from meta_models.learners.seam.tables import FeatureTable
from meta_models.model.calibrators import normalise
from meta_models.progress import Progress
from meta_models.resources.heap import release_memory
from meta_models.result import TrainingResult
from meta_models.schema import CLASS_NAMES, FeatureGroup
from meta_models.training.devices import AUTO, CPU, device_here
from meta_models.training.fitting.constraints import score_constraints
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.one_vs_rest import Problem, held_out_jobs
from meta_models.training.fitting.rows.audit import audit_features, cut_sample, sample_size
from meta_models.training.fitting.rows.weights import row_weights
from meta_models.training.fitting.running.cores import worker_count
from meta_models.training.fitting.unit_codec import decode, encode
from meta_models.training.memory import fitting_peak
from meta_models.workers import CAN_FORK, run_jobs

logger = logging.getLogger(__name__)

#: Most rounds.
ROUNDS = 60
#: Share of the memory budget up to which a retraining is started: the analysis holds something, too.
_STARTED = 0.9


class Retrainer:
    """Cross-validates on the folds of a run; what the learner made of the features asked for last is kept.

    Parameters
    ----------
    result : TrainingResult
        The run: its folds, rows, labels and weights.
    table : FeatureTable
        Feature values of the same rows.
    resources : Resources
        What may be used.
    """

    def __init__(self, result: TrainingResult, table: FeatureTable, resources: Resources) -> None:
        self._result, self._table, self._resources = result, table, resources
        self._config = result.config.cheaper(ROUNDS)
        self._labels = result.oof["label"].to_numpy()
        self._folds = result.oof["fold"].to_numpy()
        self._held: tuple[tuple[str, ...], Preparation] | None = None

    @property
    def setting(self) -> str:
        """How models are trained here, in words for the report."""
        run, here = self._result.config, self._config
        mined = " Mined negatives are left out." if self._result.mining else ""
        narrowed = ""
        if run.max_features is not None:
            narrowed = " Features are those that any fold kept: held-out genes took part in choosing them."
        again = "Trained again as one model, out of fold on the same folds, without calibration"
        limits = here.rounds_limit, run.rounds_limit
        fewer = f": at most {limits[0]} rounds (the run: {limits[1]})" if limits[1] else ""
        motifs = " Motif scores are left out." if self._config.motifs != "off" and self._has_codes else ""
        twice = " The first pass is that of the run." if self._result.columns else ""
        anew = " They begin anew, not with the models of --init-from." if run.goes_on else ""
        staged = " Later stages are left out." if run.stages is not None else ""
        return f"{again}{fewer}.{mined}{motifs}{narrowed}{twice}{anew}{staged}"

    @property
    def _has_codes(self) -> bool:
        return self._result.model.info.recipe is not None and {*MOTIF_COLUMNS} <= {*self._result.kept_features}

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
        bases = self._result.bases if self._config.monotone and self._learner.traits.constraints else ()
        constraints = score_constraints(features, bases) if bases else ()
        folds = Folds(self._folds, self._folds, self._folds)
        problem = Problem(truth, np.ones(len(truth), np.float32), folds, self._config, constraints=constraints)
        scores = np.full((len(truth), len(CLASS_NAMES)), np.nan)
        jobs = [self._restricted(job, rows) for job in held_out_jobs(problem, np.unique(self._folds).tolist())]
        for job, fitted in self._fit(self._preparation(features), truth, jobs):
            scores[np.flatnonzero(job.score)[:, None], np.array(job.targets)] = fitted.scores[:, :, -1]
        return normalise(scores)

    def release(self) -> None:
        """Let go of the matrix."""
        if self._held is not None:
            self._held[1].__exit__(None, None, None)
            self._held = None
            release_memory()

    @property
    def _learner(self) -> Learner:
        return self._config.learner

    @staticmethod
    def _restricted(job: FitJob, rows: NDArray[np.bool_] | None) -> FitJob:
        return job if rows is None else replace(job, train=job.train & rows)

    def _preparation(self, features: tuple[str, ...]) -> Preparation:
        if self._held is None or self._held[0] != features:
            self.release()
            columns = [column for base in self._result.bases for column in base.columns[1:]]
            highest = self._result.oof.select(highest=pl.max_horizontal(columns))["highest"].to_numpy()
            chosen = cut_sample(highest, sample_size(len(features), self._config), self._config.seed)
            sample = audit_features(self._table, features, chosen, Progress("Checking the features")).sample
            rows = TrainingRows(self._table, features, sample, self._config.seed)
            self._held = features, Preparation(self._learner, rows, self._config.section, self._resources)
        return self._held[1]

    def _fit(
        self, preparation: Preparation, labels: NDArray[np.uint8], jobs: list[FitJob]
    ) -> Iterator[tuple[FitJob, Fitted]]:
        config, prepared, traits = self._config, preparation.prepared, self._learner.traits
        weights = self._weights(labels) if traits.weights else None
        possible = CAN_FORK and traits.side_by_side
        workers = worker_count(config, self._resources.threads, self._resources.device) if possible else 1
        threads = 1 if workers > 1 else self._resources.threads

        def work(job: FitJob) -> dict[str, bytes]:
            """The files of one fit."""
            return encode(prepared.fit(job, labels, weights, threads=threads))

        with Progress("Training again", "fits").started(len(jobs)) as progress:
            for job, files in run_jobs(jobs, work, processes=workers):
                yield job, decode(self._learner, files)
                progress.advance()

    def _weights(self, labels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        config = self._config
        sampling = self._result.oof["weight"].to_numpy() if self._result.weighting == "sampling_weight" else None
        return row_weights(config.training_weights, labels, sampling, of_classes=config.class_weights, seed=config.seed)


def make_retrainer(
    result: TrainingResult, table: FeatureTable, *, budget: int, threads: int
) -> tuple[Retrainer | None, str]:
    """A retrainer, or None and the reason why there is none: one matrix of all rows must fit into `budget` bytes.

    A run that was trained on a GPU may be analysed where there is none.
    """
    config, features = result.config, len(result.kept_features)
    if config.learner.traits.inputs == "genes":
        read = "windows around rows" if result.model.window else "whole genes"
        return None, f"{config.learner.name} reads {read}, and is not trained again on rows, features or labels"
    kmers = sum(record.group is FeatureGroup.KMER for record in result.features if record.name in result.kept_features)
    shape = Shape(table.n_rows, features, kmers, int((result.oof["label"] != 0).sum()))
    wanted = config if config.device == CPU else config.model_copy(update={"device": AUTO})
    resources = Resources(threads, device_here(shape, wanted))
    peak = fitting_peak(shape, config, resources)
    if peak > _STARTED * budget:
        return None, (
            f"one model of all rows takes {peak / 1e9:.1f} GB, and the memory budget is {budget / 1e9:.1f} GB "
            "(--max-memory-gb)"
        )
    return Retrainer(result, table, resources), ""
