"""Features that matter: short boosters on samples of genes, inside the training genes of each fold.

A fold's features are chosen without its own genes, so that scores out of fold stay honest; those of the final model
are chosen on all sampled genes. One matrix holds what any of them uses; a model splits on its own features alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.result import Note
from meta_models.schema import CLASS_NAMES
from meta_models.training.boosters import train_boosters
from meta_models.training.families import FAMILIES, BoosterJob
from meta_models.training.folds import Folds, make_folds
from meta_models.training.jobs import audit_task, total_gains
from meta_models.training.one_vs_rest import FINAL
from meta_models.training.task import TrainingTask

logger = logging.getLogger(__name__)

#: Disjoint samples of genes, each of so many of them (at least `LEAST_GENES`), and the boosters trained on each.
SAMPLES, SHARE, LEAST_GENES = 2, 0.1, 60
ROUNDS, RATE = 30, 0.3
#: Share of the gain that the chosen features carry.
CARRIED = 0.999

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureChoice:
    """Made by `choose_features`.

    Attributes
    ----------
    kept : dict of int to ndarray of bool (n_features,)
        Features of `task` that the models of a fold, or of `FINAL`, may use.
    agreement : float
        Mean overlap (intersection over union) of what each of the samples alone would have kept.
    """

    kept: dict[int, NDArray[np.bool_]]
    agreement: float

    def applied_to(self, task: TrainingTask) -> tuple[TrainingTask, Note]:
        """`task` with the features that any of its models uses, and what the report says of it."""
        anywhere = np.any(list(self.kept.values()), axis=0)
        names = np.array(task.features, object)
        why = "left out by --max-features: it carries next to no gain"
        narrowed = replace(
            task,
            features=tuple(names[anywhere]),
            excluded=task.excluded | dict.fromkeys(names[~anywhere], why),
            columns={fold: kept[anywhere] for fold, kept in self.kept.items()},
        )
        counts = sorted(int(kept.sum()) for fold, kept in self.kept.items() if fold != FINAL)
        text = (
            f"Of {len(names)} features the folds use {counts[0]} to {counts[-1]}, the final model "
            f"{self.kept[FINAL].sum()} (--max-features {task.config.max_features}); two samples of genes agree on "
            f"{self.agreement:.0%} of what either would keep."
        )
        logger.info("%s", text)
        return narrowed, Note("info", text)


def choose_features(task: TrainingTask) -> FeatureChoice:
    """Choose the features of each fold and of the final model of `task`; base scores are always among them."""
    folds = make_folds(task.positions, task.config)
    sample = draw_samples(folds, task.config.seed)
    pilot = _pilot_task(task, sample > 0)
    inside = sample > 0
    jobs = pilot_jobs(folds.of_row[inside], sample[inside])
    family = FAMILIES[task.config.family]
    table = family.prepare(pilot.dataset, pilot.features, audit_task(pilot), pilot.config, threads=pilot.threads)
    fitted = train_boosters(pilot, table, [job for group in jobs.values() for job in group], "Choosing features")
    shares = {key: _shares(total_gains(pilot, group, fitted)) for key, group in jobs.items()}
    bases = [column for base in task.positions.bases for column in base.columns]
    always = np.isin(task.features, bases)
    most = None if task.config.max_features == "auto" else task.config.max_features
    return choose(shares, always, most)


def draw_samples(folds: Folds, seed: int) -> NDArray[np.int8]:
    """Sample (1 to `SAMPLES`, 0: none) that each row belongs to, (n_rows,); relatives stay together."""
    groups, code = np.unique(folds.groups, return_inverse=True)
    size = min(max(LEAST_GENES, round(SHARE * len(groups))), len(groups) // SAMPLES)
    drawn = np.zeros(len(groups), np.int8)
    chosen = np.random.default_rng(seed).permutation(len(groups))[: size * SAMPLES]
    drawn[chosen] = 1 + np.arange(len(chosen)) % SAMPLES
    return drawn[code]


def pilot_jobs(fold: NDArray[np.int16], sample: NDArray[np.int8]) -> dict[tuple[int, int], list[BoosterJob]]:
    """By fold (or `FINAL`) and sample: a job for each class on the rows of the sample outside the fold."""
    nothing, jobs = np.zeros(len(fold), bool), {}
    for number in range(1, SAMPLES + 1):
        for held_out in (*np.unique(fold).tolist(), FINAL):
            train = (sample == number) & (fold != held_out)
            jobs[held_out, number] = [
                BoosterJob(f"pilot-{number}-{held_out}-{name}", held_out, k, train, nothing, nothing, ROUNDS)
                for k, name in enumerate(CLASS_NAMES)
            ]
    return jobs


def choose(shares: Mapping[tuple[int, int], Floats], always: NDArray[np.bool_], most: int | None) -> FeatureChoice:
    """Choose from the gain of each feature as a share, by fold and sample; see `carrying`."""
    folds = dict.fromkeys(fold for fold, _ in shares)
    kept = {f: carrying(np.mean([s for (g, _), s in shares.items() if g == f], axis=0), always, most) for f in folds}
    overlaps = []
    for fold in folds:
        alone = [carrying(share, always, most) for (f, _), share in shares.items() if f == fold]
        overlaps.append(np.all(alone, axis=0).sum() / np.any(alone, axis=0).sum())
    return FeatureChoice(kept, float(np.mean(overlaps)))


def carrying(share: Floats, always: NDArray[np.bool_], most: int | None) -> NDArray[np.bool_]:
    """The fewest features that carry `CARRIED` of the gain, no more than `most`, those in `always` first, (n,)."""
    order = np.lexsort((-share, ~always))
    before = np.cumsum(share[order]) - share[order]
    wanted = (before < CARRIED * share.sum()) & (share[order] > 0)
    if most is not None:
        wanted &= np.arange(len(order)) < most
    kept = always.copy()
    kept[order[wanted]] = True
    return kept


def _pilot_task(task: TrainingTask, rows: NDArray[np.bool_]) -> TrainingTask:
    config = task.config.model_copy(update={"n_estimators": ROUNDS, "learning_rate": RATE, "rounds": "fixed"})
    return replace(
        task, config=config, dataset=task.dataset.with_rows(rows), positions=task.positions.filter(rows), pool=None
    )


def _shares(gains: Floats) -> Floats:
    """Mean share (n_features,) of the gain of a class's booster, of its `gains` (n_features, 3)."""
    totals = gains.sum(0)
    return np.asarray((gains / np.where(totals > 0, totals, 1)).mean(1))
