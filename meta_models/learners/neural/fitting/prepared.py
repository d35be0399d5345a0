"""Genes in the form that serves all jobs, and a job on them. Imported only where PyTorch is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.neural.architecture import Architecture
from meta_models.learners.neural.fitting.jobs import GeneJob, check_labels, gene_job
from meta_models.learners.neural.fitting.loop import Task
from meta_models.learners.neural.fitting.training import fitted, staged, task_key, trained
from meta_models.learners.neural.inputs.batches import piece_of
from meta_models.learners.neural.inputs.crops import TILE, Crops, cut, drawn_crops
from meta_models.learners.neural.inputs.gene_cache import GeneCache
from meta_models.learners.neural.inputs.sources import GenePieces
from meta_models.learners.neural.options import NeuralConfig
from meta_models.learners.neural.serving.predictor import NetPredictor
from meta_models.learners.neural.serving.running import one_thread
from meta_models.learners.seam import FitJob, Fitted
from meta_models.learners.seam.genes import GenePrepared, TrainingGenes
from meta_models.learners.seam.start import start_of

#: Crops that are scored before their rows are taken from them: bounds memory.
_SCORED_CROPS = 256


@dataclass(frozen=True)
class NetPrepared(GenePrepared):
    """The cache of the genes, and their crops."""

    genes: TrainingGenes
    cache: GeneCache
    config: NeuralConfig
    device: str

    @property
    def crops(self) -> Crops:
        """All crops of the grid."""
        plan = self._plan(self.config)
        return cut(self.cache.lengths, plan.crop, plan.margin, self.cache.flank, self.cache.crop_sites)

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int,
        state: bytes | None = None, keep: Callable[[bytes], None] | None = None,
    ) -> Fitted:  # fmt: skip
        """Fit `job` in one thread, whatever `threads` says: more add in another order, which makes other bytes."""
        del weights, threads
        check_labels(job, labels, self.cache.row_labels)
        crops = self.crops
        parts = gene_job(job, self.genes, crops)
        config = staged(self.config, job)
        watched = drawn_crops(parts.score, config.watched_share, self.genes.seed)
        task = Task(
            GenePieces(self.cache, crops), parts.train, parts.stop, watched, config, self.genes.seed, self.device,
            start_of(self.genes.starts, job.fold),
        )  # fmt: skip
        with one_thread():
            course = trained(task, self._plan(config), self._key(task), state, keep)
            predictor = NetPredictor(course.net, device=self.device)
            return fitted(predictor, course, self._row_scores(predictor, crops, parts))

    def under(self, config: Any) -> NetPrepared | None:
        """The same genes for a net with as long crops that looks as far, as much as the flanks of genes allow."""
        margin = self._plan(config).margin
        same = config.crop == self.config.crop and min(self.genes.flank, margin) == self.cache.flank
        return replace(self, config=config) if same else None

    def verify(self) -> None:
        """Raise UnitsFailed where a file of the cache was changed."""
        self.cache.verify()

    def _plan(self, config: NeuralConfig) -> Architecture:
        return config.architecture(self.genes.base_models, self.genes.evidence)

    def _key(self, task: Task) -> str:
        inputs = (self.genes.base_models, self.genes.evidence, self.genes.flank)
        return task_key(task, inputs, self.cache.fingerprint, self.cache.offsets)

    def _row_scores(self, predictor: NetPredictor, crops: Crops, parts: GeneJob) -> NDArray[np.float32]:
        """Scores (n_score, n_classes) of the job's rows: only crops that have one are scored."""
        found = np.empty((len(parts.rows_crop), predictor.n_targets), np.float32)
        wanted, which = np.unique(parts.rows_crop, return_inverse=True)
        rows = np.argsort(which, kind="stable")
        ends = np.searchsorted(which[rows], np.arange(len(wanted) + 1))
        for begin in range(0, len(wanted), _SCORED_CROPS):
            pieces = [piece_of(self.cache, crops, number) for number in wanted[begin : begin + _SCORED_CROPS]]
            for number, scores in predictor.piece_scores(pieces, TILE):
                mine = rows[ends[begin + number] : ends[begin + number + 1]]
                found[mine] = scores[parts.rows_place[mine]]
        return found
