"""One batch as a unit of work: its boosters, trained in a process of its own, and read back from their checkpoints."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from meta_models.errors import InputError
from meta_models.resources import PeakSampler
from meta_models.run_folder import UnitHit, UnitKey, UnitRecord, UnitStore, json_bytes
from meta_models.schema import CLASSES, SpliceClass
from meta_models.training.boosters import train_boosters
from meta_models.training.families import FAMILIES, BoosterJob, FittedBooster
from meta_models.training.folds import Folds, stop_rows
from meta_models.training.jobs import audit_task, final_jobs, final_rounds
from meta_models.training.rounds import candidate_rounds, choose_rounds
from meta_models.training.task import TrainingTask
from meta_models.training.unit_codec import decode, unit_key

NO_FOLD = -1
_ADVICE = "Raise --max-batch-gb or --max-memory-gb, or lower --max-genes-per-batch"
_FACTS = "facts.json"


@dataclass(frozen=True)
class BatchRounds:
    """Rounds of the boosters of a batch: by held-out fold (all classes alike), and on all its genes."""

    of_fold: Mapping[int, int | None]
    final: Mapping[SpliceClass, int]


@dataclass(frozen=True)
class BatchWork:
    """All that the process of a batch is given.

    Attributes
    ----------
    name : str
        Name of the unit; those of its boosters begin with it.
    task : TrainingTask
        Restricted to the rows of the batch.
    folds : Folds
        Folds of the whole table, restricted likewise.
    held_out : tuple of int
        Folds for each of which there is a model without its genes; ``(-1,)`` for a single one that finds the rounds on
        genes of the batch.
    memory_limit : int
        Bytes at which the unit stops itself.
    """

    name: str
    task: TrainingTask
    folds: Folds
    held_out: tuple[int, ...]
    memory_limit: int

    def check(self) -> None:
        """Find before anything is started what cannot be trained on; raises InputError as `first_jobs` does."""
        _ = self.first_jobs

    @cached_property
    def first_jobs(self) -> list[BoosterJob]:
        """Boosters that leave genes out: those of a fold, and those that only tell the rounds.

        Raises
        ------
        InputError
            If a class has no row left to train on.
        """
        if self.held_out == (NO_FOLD,) and self.task.config.rounds == "fixed":
            return []
        return [job for fold in self.held_out for job in self._fold_jobs(fold)]

    def rounds(self, fitted: Mapping[str, FittedBooster]) -> BatchRounds:
        """The rounds that the `first_jobs`, which are `fitted`, tell; none of a fold's is chosen on that fold."""
        config, jobs = self.task.config, self.first_jobs
        if not jobs:
            return BatchRounds({}, dict.fromkeys(CLASSES, config.n_estimators))
        if config.rounds == "cross-validation":
            chosen = choose_rounds(jobs, fitted, self.task.positions.labels, self.task.positions.weights)
            return BatchRounds(chosen.of_fold, dict.fromkeys(CLASSES, chosen.final))
        return BatchRounds(dict.fromkeys(self.held_out), final_rounds(jobs, fitted))

    def last_jobs(self, fitted: Mapping[str, FittedBooster]) -> list[BoosterJob]:
        """Boosters on all rows of the batch, with the rounds that the `first_jobs`, which are `fitted`, tell."""
        jobs = final_jobs(self.task, self.rounds(fitted).final)
        return [replace(job, name=f"{self.name}-{job.name}") for job in jobs]

    @cached_property
    def facts_key(self) -> UnitKey:
        """Key of the unit that says that all is done."""
        keys = [unit_key(self.task, job) for job in self.first_jobs or self.last_jobs({})]
        return UnitStore.key({part: [key[part] for key in keys] for part in keys[0] if part != "job"})

    def _fold_jobs(self, fold: int) -> list[BoosterJob]:
        config, labels = self.task.config, self.task.positions.labels
        compared = config.rounds == "cross-validation"
        held_out = self._inner_rows() if fold == NO_FOLD and compared else self.folds.held_out(fold)
        stop = stop_rows(self.folds, labels, ~held_out, config)
        train = ~held_out & ~stop
        self._require_classes(labels[train], fold)
        snapshots = candidate_rounds(config.n_estimators) if compared else ()
        part = "rounds" if fold == NO_FOLD else f"fold-{fold}"
        return [
            BoosterJob(f"{self.name}-{part}-{c.label}", fold, c, train, stop, held_out, config.n_estimators, snapshots)
            for c in CLASSES
        ]

    def _inner_rows(self) -> NDArray[np.bool_]:
        """Rows of one in ``n_folds`` of the batch's families, that tell the rounds."""
        labels, groups = self.task.positions.labels, self.folds.groups
        parts = min(self.task.config.n_folds, len(np.unique(groups)))
        inner = np.zeros(len(labels), bool)
        if parts > 1:
            splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=self.task.config.seed)
            inner[next(splitter.split(labels[:, None], labels, groups))[1]] = True
        return inner

    def _require_classes(self, labels: NDArray[np.uint8], fold: int) -> None:
        counts = np.bincount(labels, minlength=len(CLASSES))
        if (counts == 0).any():
            raise InputError(
                f"Every class must occur in the genes that {self.name} trains on"
                + ("" if fold == NO_FOLD else f" without fold {fold}"),
                f"Absent: {', '.join(c.label for c in CLASSES if counts[c] == 0)}",
                "Raise --max-genes-per-batch, or give --rounds fixed",
            )


@dataclass(frozen=True)
class TrainedBatch:
    """The boosters of a batch; made by `train_batch` and `load_batch`.

    Attributes
    ----------
    fitted : mapping of str to FittedBooster
        By the name of the job.
    seconds, peak_bytes : float, int
        Wall and peak memory of the process that finished the batch; None where they were not kept.
    records : tuple of (str, UnitRecord)
        How each unit came about, in the process that did it.
    """

    fitted: Mapping[str, FittedBooster]
    seconds: float | None
    peak_bytes: int | None
    records: tuple[tuple[str, UnitRecord], ...] = ()


def train_batch(work: BatchWork) -> TrainedBatch:
    """Train what is not yet in the store. Runs in the process of the unit."""
    started = time.monotonic()
    records: list[tuple[str, UnitRecord]] = []
    store = UnitStore(work.task.units.folder, lambda name, record: records.append((name, record)))
    task = replace(work.task, units=store)
    with PeakSampler(work.memory_limit, advice=_ADVICE) as sampler:
        audit = audit_task(task)
        table = FAMILIES[task.config.family].prepare(
            task.dataset, task.features, audit, task.config, threads=task.threads
        )
        fitted = train_boosters(task, table, work.first_jobs, f"Training {work.name}")
        fitted |= train_boosters(task, table, work.last_jobs(fitted), f"Finishing {work.name}")
    seconds = time.monotonic() - started
    facts = {
        "genes": len(task.genes()),
        "rows": task.dataset.n_rows,
        "rounds": {name: booster.rounds for name, booster in sorted(fitted.items())},
    }
    timing = {"total": seconds, "peak_bytes": float(sampler.peak_bytes)}
    store.put(work.name, work.facts_key, {_FACTS: json_bytes(facts)}, timing=timing)
    return TrainedBatch(fitted, seconds, sampler.peak_bytes, tuple(records))


def load_batch(work: BatchWork) -> TrainedBatch | None:
    """The boosters of a batch that was finished earlier; None where anything is not there or changed."""
    store = work.task.units
    if not isinstance(store.get(work.name, work.facts_key), UnitHit):
        return None
    first = _load(work.task, work.first_jobs)
    last = None if first is None else _load(work.task, work.last_jobs(first))
    if first is None or last is None:
        return None
    timing = store.timing(work.name)
    peak = timing.get("peak_bytes")
    return TrainedBatch({**first, **last}, timing.get("total"), None if peak is None else int(peak))


def _load(task: TrainingTask, jobs: Sequence[BoosterJob]) -> dict[str, FittedBooster] | None:
    fitted = {}
    for job in jobs:
        unit = task.units.get(job.name, UnitStore.key(unit_key(task, job)))
        if not isinstance(unit, UnitHit):
            return None
        fitted[job.name] = decode(unit)
    return fitted
