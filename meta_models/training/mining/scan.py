"""One reading of the pool: how well the folds' models do on all positions, and which negatives are hard for them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.dataset.reading.read_ahead import shares, side_by_side
from meta_models.metrics import average_precision
from meta_models.model import SingleModel
from meta_models.model.calibrators import normalise
from meta_models.progress import Progress
from meta_models.run_folder import UnitHit, UnitStore, json_bytes
from meta_models.schema import CLASSES, SITE_CLASSES, SpliceClass
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.problem import task_info
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.mining.pool import MatchedPool

Precision = tuple[float | None, float | None]
_FACTS = "facts.json"


@dataclass(frozen=True)
class PoolScan:
    """Made by `scan_pool`. Folds are numbered as in training; -1 stands for all genes, each scored out of fold.

    Attributes
    ----------
    hard : dict of int to ndarray of int64
        Sorted numbers of the hardest negatives among the pool's rows of genes that the fold trains on.
    threshold : dict of int to float
        Score of the last of them; None where there is none.
    precision : dict of int to (donor, acceptor)
        Average precision on all positions of the fold's held-out genes.
    """

    hard: dict[int, NDArray[np.int64]]
    threshold: dict[int, float | None]
    precision: dict[int, Precision]

    def mean_precision(self, folds: Sequence[int]) -> float:
        """Mean over `folds` and both classes of what is known of average precision; 0 where nothing is."""
        found = [value for fold in folds for value in self.precision[fold] if value is not None]
        return float(np.mean(found)) if found else 0.0


def scan_pool(pool: MatchedPool, task: TrainingTask, folds: Folds, fit: FittedProblem, name: str) -> PoolScan:
    """Score the pool with the models of all folds, or take that from the unit `name` of an earlier run.

    Memory: one chunk of features, three scores of each row, and the hardest negatives of each fold.

    Raises
    ------
    InputError
        If a feature is infinite.
    """
    key = UnitStore.key(_key(pool, task, folds, fit))
    unit = task.units.get(name, key)
    if isinstance(unit, UnitHit):
        return _decode(unit)
    scan = _scan(pool, task, folds, fit)
    task.units.put(name, key, _encode(scan))
    return scan


def sites_to_train_on(task: TrainingTask, folds: Folds, fold: int) -> int:
    """Donors and acceptors among the table's rows that `fold` trains on (-1: all)."""
    return int(((task.positions.labels != SpliceClass.NEITHER) & (folds.of_row != fold)).sum())


def _scan(pool: MatchedPool, task: TrainingTask, folds: Folds, fit: FittedProblem) -> PoolScan:
    models = {job.fold: _model(task, fit, job.fold) for job in fit.first_of_fold}
    fold, labels = folds.of_row[pool.gene_row], pool.labels
    per_site = task.config.mined_per_site
    hardest = {k: _Hardest(round(per_site * sites_to_train_on(task, folds, k))) for k in (*models, FINAL)}
    own = np.empty((len(labels), len(CLASSES)), np.float32)
    first = 0
    progress = Progress("Scoring all positions")
    workers, for_each = shares(task.threads)
    for model in models.values():
        model.set_threads(for_each)

    def scores_of(chunk: NDArray[np.float32]) -> NDArray[np.float32]:  # (n, models, 3)
        return np.stack([model.predict_scores(chunk).astype(np.float32) for model in models.values()], axis=1)

    chunks = pool.dataset.iter_matrix(task.features, rows_of_chunk(len(task.features), workers))
    for scored in progress.track(side_by_side(chunks, scores_of, workers), pool.dataset.n_rows):
        rows = np.arange(first, first + len(scored))
        negative = labels[rows] == SpliceClass.NEITHER
        for at, k in enumerate(models):
            scores, held_out = scored[:, at], fold[rows] == k
            own[rows[held_out]] = scores[held_out]
            hardest[k].add(rows, _site_score(scores), negative & ~held_out)
        hardest[FINAL].add(rows, _site_score(own[rows]), negative)
        first += len(rows)
    found = {k: held.sorted() for k, held in hardest.items()}
    precision = {k: _precision(labels[fold == k], own[fold == k]) for k in models}
    return PoolScan(
        hard={k: np.sort(rows) for k, (rows, _) in found.items()},
        threshold={k: float(scores[-1]) if len(scores) else None for k, (_, scores) in found.items()},
        precision={**precision, FINAL: _precision(labels, own)},
    )


def _model(task: TrainingTask, fit: FittedProblem, fold: int) -> SingleModel:
    learner = task.config.learner.name
    return SingleModel(fit.predictor(fold), task.features, learner=learner, info=task_info(task, "mining"))


def _site_score(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(scores[:, list(SITE_CLASSES)].max(1), np.float32)


def _precision(labels: NDArray[np.uint8], scores: NDArray[np.float32]) -> Precision:
    probabilities = normalise(scores.astype(np.float64))
    donor, acceptor = (average_precision(labels == c, probabilities[:, c]).value for c in SITE_CLASSES)
    return donor, acceptor


class _Hardest:
    """The rows with the highest scores of all that were added; equal scores in the order of rows.

    Parameters
    ----------
    most : int
        How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: NDArray[np.int64] = np.empty(0, np.int64)
        self._scores: NDArray[np.float32] = np.empty(0, np.float32)
        self._least = np.float32(-np.inf)

    def add(self, rows: NDArray[np.int64], scores: NDArray[np.float32], usable: NDArray[np.bool_]) -> None:
        """Consider those of `rows` (n,) that are `usable`; rows come in rising order."""
        kept = usable & (scores > self._least)
        self._rows = np.concatenate([self._rows, rows[kept]])
        self._scores = np.concatenate([self._scores, scores[kept]])
        if len(self._rows) > 2 * self._most:
            self._cut()

    def sorted(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores, highest first."""
        self._cut()
        return self._rows, self._scores

    def _cut(self) -> None:
        order = np.lexsort((self._rows, -self._scores))[: self._most]
        self._rows, self._scores = self._rows[order], self._scores[order]
        if self._most and len(self._scores) == self._most:
            self._least = self._scores[-1]


def _key(pool: MatchedPool, task: TrainingTask, folds: Folds, fit: FittedProblem) -> dict[str, object]:
    files = [fit.fitted[job.name].predictor.files() for job in fit.held_out]
    return {
        "inputs": [*task.input_hashes, *(task.pool.input_hashes if task.pool else ())],
        "models": [hashlib.sha256(data).hexdigest() for of_job in files for _, data in sorted(of_job.items())],
        "rows": [hashlib.sha256(rows.tobytes()).hexdigest() for rows in (folds.of_row, pool.gene_row)],
        "features": list(task.features),
        "mined_per_site": task.config.mined_per_site,
    }


def _encode(scan: PoolScan) -> dict[str, bytes]:
    files = {}
    for fold, rows in scan.hard.items():
        buffer = io.BytesIO()
        np.save(buffer, rows, allow_pickle=False)
        files[f"hard-{_text(fold)}.npy"] = buffer.getvalue()
    facts = {
        "threshold": {_text(fold): value for fold, value in scan.threshold.items()},
        "precision": {_text(fold): value for fold, value in scan.precision.items()},
    }
    return {**files, _FACTS: json_bytes(facts)}


def _decode(unit: UnitHit) -> PoolScan:
    facts: Mapping[str, Mapping[str, list[float | None]]] = json.loads(unit.read(_FACTS))
    folds = {fold: FINAL if fold == "all" else int(fold) for fold in facts["threshold"]}
    return PoolScan(
        hard={n: np.load(io.BytesIO(unit.read(f"hard-{k}.npy")), allow_pickle=False) for k, n in folds.items()},
        threshold={n: facts["threshold"][k] for k, n in folds.items()},  # type: ignore[misc]
        precision={n: (facts["precision"][k][0], facts["precision"][k][1]) for k, n in folds.items()},
    )


def _text(fold: int) -> str:
    return "all" if fold == FINAL else str(fold)
