"""Windows around rows in the form that serves all jobs, and a job on them. Imported only where PyTorch is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.neural.architecture import Architecture
from meta_models.learners.neural.fitting.jobs import require_all_classes
from meta_models.learners.neural.fitting.loop import Task
from meta_models.learners.neural.fitting.training import fitted, staged, task_key, trained
from meta_models.learners.neural.inputs.crops import TILE, drawn_crops
from meta_models.learners.neural.inputs.window_cache import PIECES_AT_ONCE, WindowCache, WindowPieces
from meta_models.learners.neural.options import NeuralConfig
from meta_models.learners.neural.serving.predictor import NetPredictor
from meta_models.learners.neural.serving.running import one_thread
from meta_models.learners.seam import FitJob, Fitted
from meta_models.learners.seam.genes import GenePrepared
from meta_models.learners.seam.windows import TrainingWindows


@dataclass(frozen=True)
class WindowsPrepared(GenePrepared):
    """The cache of the windows: each row is trained on, and scored, by itself."""

    rows: TrainingWindows
    cache: WindowCache
    config: NeuralConfig
    device: str

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int,
        state: bytes | None = None, keep: Callable[[bytes], None] | None = None,
    ) -> Fitted:  # fmt: skip
        """Fit `job` to `labels`, with `weights` or those of the job, in one thread, whatever `threads` says."""
        del threads
        require_all_classes(job)
        own = weights if job.weights is None else job.weights
        pieces, config = WindowPieces(self.cache, labels.astype(np.uint8), own), staged(self.config, job)
        watched = drawn_crops(job.score, config.watched_share, self.rows.seed)
        task = Task(pieces, job.train, job.stop, watched, config, self.rows.seed, self.device)
        with one_thread():
            course = trained(task, self._plan(config), self._key(task, pieces), state, keep)
            predictor = NetPredictor(course.net, device=self.device)
            return fitted(predictor, course, self._scores(predictor, job))

    def under(self, config: Any) -> WindowsPrepared | None:
        """The same windows for a net that looks as far, as much as they allow."""
        return replace(self, config=config) if self._plan(config).margin == self.cache.flank else None

    def verify(self) -> None:
        """Raise UnitsFailed where a file of the cache was changed."""
        self.cache.verify()

    def _plan(self, config: NeuralConfig) -> Architecture:
        return config.architecture(self.rows.base_models, self.rows.evidence).of_windows(self.rows.window)

    def _key(self, task: Task, pieces: WindowPieces) -> str:
        inputs = (self.rows.base_models, self.rows.evidence, self.rows.window)
        weights = () if pieces.weights is None else (pieces.weights,)
        return task_key(task, inputs, self.cache.fingerprint, pieces.labels, *weights)

    def _scores(self, predictor: NetPredictor, job: FitJob) -> NDArray[np.float32]:
        """Scores (n_score, n_classes) of the job's rows."""
        rows = np.flatnonzero(job.score)
        found = np.empty((len(rows), predictor.n_targets), np.float32)
        for begin in range(0, len(rows), PIECES_AT_ONCE):
            pieces = self.cache.pieces(rows[begin : begin + PIECES_AT_ONCE])
            for number, scores in predictor.piece_scores(pieces, TILE):
                found[begin + number] = scores[0]
        return found
