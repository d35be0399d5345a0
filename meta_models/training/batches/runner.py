"""Running the units of all batches: reuse what is finished, split what dies, lose nothing silently."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import TimeUp, UnitsFailed
from meta_models.progress import Progress
from meta_models.run_folder import UnitHit, UnitKey, UnitStore, json_bytes
from meta_models.schema import GENE
from meta_models.training.batches.memory import BatchMemory
from meta_models.training.batches.packing import Batch, split_batch
from meta_models.training.batches.unit import BatchWork, TrainedBatch, inner_folds, load_batch, train_batch
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.rows.pool import Pool
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.memory import BUDGET_SHARE
from meta_models.wording import counted
from meta_models.workers import Ended, Executor

logger = logging.getLogger(__name__)
_SHOWN_GENES = 20


@dataclass(frozen=True)
class TrainedMember:
    """A batch, what its process was given, and its boosters; made by `train_batches`."""

    batch: Batch
    work: BatchWork
    trained: TrainedBatch
    predicted_peak: int


@dataclass(frozen=True)
class FailedBatch:
    """A batch, or half of one, whose process died and that cannot be split again."""

    batch: Batch
    genes: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class BatchRun:
    """Made by `train_batches`.

    Attributes
    ----------
    members : tuple of TrainedMember
        By the name of the unit.
    splits : tuple of str
        What was split, and why.
    """

    members: tuple[TrainedMember, ...]
    failed: tuple[FailedBatch, ...]
    splits: tuple[str, ...]

    @property
    def missing_genes(self) -> tuple[str, ...]:
        """Genes of the batches that failed, sorted."""
        return tuple(sorted(gene for failed in self.failed for gene in failed.genes))

    def missing_text(self) -> str:
        """Why which genes are missing."""
        genes = self.missing_genes
        shown = ", ".join(genes[:_SHOWN_GENES]) + (", ..." if len(genes) > _SHOWN_GENES else "")
        why = "; ".join(f"{failed.batch.name}: {failed.reason}" for failed in self.failed)
        return f"{counted(len(genes), 'gene')} not trained on ({why}): {shown}"


def train_batches(task: TrainingTask, batches: Sequence[Batch], folds: Folds | None, memory: BatchMemory) -> BatchRun:
    """Train a member for each batch, each in a process of its own, and one without the genes of each of the `folds`.

    A batch whose process dies or runs out of memory is split into two halves; a half is not split again.

    Raises
    ------
    UnitsFailed
        If batches failed, after all others were finished, unless the configuration allows for missing ones.
    TimeUp
        If the time that was given is over, after every batch that was begun has ended its fit in hand.
    InputError
        If the table cannot be trained on.
    """
    return _Runner(task, batches, folds, memory).run()


class _Runner:
    def __init__(self, task: TrainingTask, batches: Sequence[Batch], folds: Folds | None, memory: BatchMemory) -> None:
        self._task, self._folds, self._memory = task, folds, memory
        peak = max(memory.unit(batch.n_rows) for batch in batches)
        task.farm.require(peak)
        self._parallel = task.farm.slots or memory.parallel(peak, len(batches))
        here = 1 if task.farm.apart else self._parallel
        self._threads = max(1, task.threads // here)
        self._limit = min(memory.unit_cap, (int(BUDGET_SHARE * memory.budget) - memory.parent) // here)
        self._waiting = deque(batches)
        self._batches = {batch.name: batch for batch in batches}
        self._works: dict[str, BatchWork] = {}
        for batch in batches:
            self._work(batch).check()
        self._members: dict[str, TrainedMember] = {}
        self._failed: list[FailedBatch] = []
        self._splits: dict[str, str] = {}
        self._time_up: TimeUp | None = None

    def run(self) -> BatchRun:
        """Train all batches; one that fails is split in two once."""
        logger.info("%d batches, %d at a time", len(self._waiting), min(len(self._waiting), self._parallel))
        pool: Executor[BatchWork, TrainedBatch] = self._task.farm.executor(train_batch, threads=self._threads)
        with Progress("Training batches", "batches").started(len(self._waiting)) as progress, pool:
            while len(pool) or (self._waiting and self._task.has_time()):
                while self._waiting and len(pool) < self._parallel and self._task.has_time():
                    self._begin(self._waiting.popleft(), pool, progress)
                for ended in pool.ended() if len(pool) else ():
                    self._end(ended, progress)
        if self._time_up is not None:
            raise self._time_up
        if self._waiting:
            self._task.require_time()
        run = BatchRun(
            members=tuple(member for _, member in sorted(self._members.items())),
            failed=tuple(sorted(self._failed, key=lambda failed: failed.batch.name)),
            splits=tuple(text for _, text in sorted(self._splits.items())),
        )
        if run.failed and not self._task.config.allow_missing_batches:
            raise UnitsFailed(
                "Every batch must be trained",
                run.missing_text(),
                "What was finished is kept: run again with --resume, or leave these genes out with "
                "--allow-missing-batches",
            )
        return run

    def _begin(self, batch: Batch, pool: Executor[BatchWork, TrainedBatch], progress: Progress) -> None:
        """Read back what is finished, split what was split in an earlier run, start everything else."""
        work = self._work(batch)
        if (death := self._earlier_split(work)) is not None:
            self._split(batch, death)
        elif (trained := load_batch(work)) is not None:
            self._keep(batch, trained, progress)
        else:
            pool.start(batch.name, replace(work, task=work.task.portable()))

    def _end(self, ended: Ended[BatchWork, TrainedBatch], progress: Progress) -> None:
        batch = self._batches[ended.argument.name]
        if isinstance(ended.error, TimeUp):  # raised once the others have ended, each with the fit in hand
            self._time_up = ended.error
            return
        reason = ended.death
        if reason is None:
            trained = ended.unwrap()
            for name, record in trained.records:
                self._task.units.tell(name, record)
            self._keep(batch, trained, progress)
        else:
            logger.warning("%s died: %s", batch.name, reason)
            self._split(batch, reason)

    def _keep(self, batch: Batch, trained: TrainedBatch, progress: Progress) -> None:
        peak = self._memory.unit(batch.n_rows)
        self._members[batch.name] = TrainedMember(batch, self._work(batch), trained, peak)
        progress.advance()

    def _split(self, batch: Batch, reason: str) -> None:
        halves = () if batch.is_half else split_batch(batch, self._task.positions)
        if not halves:
            self._failed.append(FailedBatch(batch, self._task.genes(batch.rows), reason))
            return
        text = f"{batch.name} was trained as two halves, because {reason}."
        self._splits[batch.name] = text
        logger.warning("%s", text)
        store, key = UnitStore(self._task.units.folder), self._split_key(self._work(batch))
        store.put(_split_name(batch.name), key, {"split.json": json_bytes({"reason": reason})})
        self._batches |= {half.name: half for half in halves}
        self._waiting.extendleft(reversed(halves))

    def _earlier_split(self, work: BatchWork) -> str | None:
        """Why the batch was split in an earlier run, if it was: it would only die again, or give another ensemble."""
        store, name = UnitStore(self._task.units.folder), _split_name(work.name)
        unit = store.get(name, self._split_key(work)) if name in store.names() else None
        return str(json.loads(unit.read("split.json"))["reason"]) if isinstance(unit, UnitHit) else None

    @staticmethod
    def _split_key(work: BatchWork) -> UnitKey:
        return UnitStore.key({"split": work.key.sha256})

    def _work(self, batch: Batch) -> BatchWork:
        if batch.name not in self._works:
            rows = batch.rows
            task = replace(
                self._task,
                dataset=self._task.dataset.with_rows(rows),
                positions=self._task.positions.filter(rows),
                screened=self._task.screened[rows],
                threads=self._threads,
                pool=self._pool(batch),
            )
            folds, held_out = inner_folds(task) if self._folds is None else _restricted(self._folds, rows)
            self._works[batch.name] = BatchWork(batch.name, task, folds, held_out, self._limit)
        return self._works[batch.name]

    def _pool(self, batch: Batch) -> Pool | None:
        """All positions of the genes of `batch`: a member mines from no others."""
        pool = self._task.pool
        return None if pool is None else pool.of_genes(self._task.positions.frame[GENE].filter(batch.rows), batch.name)


def _restricted(folds: Folds, rows: NDArray[np.bool_]) -> tuple[Folds, tuple[int, ...]]:
    """`folds` of the `rows` alone, and their numbers, of which some may hold none of the rows."""
    return Folds(folds.of_row[rows], folds.groups[rows], folds.genes[rows]), tuple(range(folds.n_folds))


def _split_name(name: str) -> str:
    return f"{name}-split"
