"""Features that matter: short boosters on genes of each fold, and what those of the *other* folds agree on.

A fold's features are chosen by boosters that saw none of its genes, so that scores out of fold stay honest; those of
the final model by all of them. The boosters of a fold know its genes alone: each is small, serves all other folds, and
tells by how much they agree. One matrix then holds what any model uses; a model splits on its own features alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import UsageError
from meta_models.features import MOTIF_COLUMNS
from meta_models.learners.seam import FitJob
from meta_models.result import Note
from meta_models.schema import CLASS_NAMES
from meta_models.training.fitting.folds import Folds, make_folds
from meta_models.training.fitting.inputs.motif_columns import motif_obstacle
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.one_vs_rest import FINAL
from meta_models.training.fitting.problem import audit_task, task_rows, total_gains
from meta_models.training.fitting.running.run_jobs import train_jobs
from meta_models.training.fitting.task import TrainingTask

logger = logging.getLogger(__name__)

#: Share of each fold's families that its boosters are trained on, and the least number of them.
SHARE, LEAST_FAMILIES = 0.3, 40
ROUNDS = 30
#: Folds whose boosters must have split on a feature: noise is seldom split on twice. On 166,896 rows of 1,142 features
#: 470 carry 99.9 % of the gain, but 201 of those that two folds out of five or more speak for.
CONFIRMED = 2
#: Share of the gain, of those features, that the chosen ones carry.
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
        Mean overlap (intersection over union) of what the boosters of any two folds alone would have kept; NaN with
        fewer than two.
    """

    kept: dict[int, NDArray[np.bool_]]
    agreement: float

    def applied_to(self, task: TrainingTask) -> tuple[TrainingTask, Note]:
        """`task` with the features that any of its models uses, and what the report says of it."""
        names = np.array(task.features, object)
        read = np.isin(task.features, MOTIF_COLUMNS) & (not motif_obstacle(task))
        anywhere = np.any(list(self.kept.values()), axis=0) | read
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
            f"{self.kept[FINAL].sum()} (--max-features {task.config.max_features}); the genes of two folds agree on "
            f"{self.agreement:.0%} of what either would keep."
        )
        logger.info("%s", text)
        return narrowed, Note("info", text)


def choose_features(task: TrainingTask) -> FeatureChoice:
    """Choose the features of each fold and of the final model of `task`; base scores are always among them."""
    folds = make_folds(task.positions, task.config)
    drawn = draw_rows(folds, task.config.seed)
    shares = {fold: _shares_of(task, fold, drawn & folds.held_out(fold)) for fold in range(folds.n_folds)}
    bases = [column for base in task.positions.bases for column in base.columns]
    always = np.isin(task.features, bases)
    most = None if task.config.max_features == "auto" else task.config.max_features
    return choose(shares, always, most)


def draw_rows(folds: Folds, seed: int) -> NDArray[np.bool_]:
    """Rows that the boosters are trained on, (n_rows,): some families of each fold, whole."""
    rng, drawn = np.random.default_rng(seed), np.zeros(len(folds.of_row), bool)
    for fold in range(folds.n_folds):
        inside = folds.held_out(fold)
        groups = np.unique(folds.groups[inside])
        size = min(max(LEAST_FAMILIES, round(SHARE * len(groups))), len(groups))
        drawn |= inside & np.isin(folds.groups, rng.choice(groups, size, replace=False))
    return drawn


def pilot_jobs(fold: int, labels: NDArray[np.integer]) -> list[FitJob]:
    """A job for each class, on all rows of a table with these `labels` (n,); none for a class that does not vary."""
    everything, nothing = np.ones(len(labels), bool), np.zeros(len(labels), bool)
    present = [k for k in range(len(CLASS_NAMES)) if 0 < (labels == k).sum() < len(labels)]
    return [FitJob(f"pilot-{fold}-{CLASS_NAMES[k]}", fold, (k,), everything, nothing, nothing) for k in present]


def choose(shares: Mapping[int, Floats], always: NDArray[np.bool_], most: int | None) -> FeatureChoice:
    """Choose from the gain of each feature as a share (n_features,) in the boosters of each fold; see `carrying`."""
    others = {fold: [share for other, share in shares.items() if other != fold] for fold in (*shares, FINAL)}
    kept = {fold: carrying(_confirmed(of_others), always, most) for fold, of_others in others.items()}
    alone = [carrying(share, always, most) for share in shares.values()]
    overlaps = [(one & two).sum() / (one | two).sum() for one, two in combinations(alone, 2)]
    return FeatureChoice(kept, float(np.mean(overlaps)) if overlaps else float("nan"))


def _confirmed(shares: Sequence[Floats]) -> Floats:
    """Mean share (n_features,), 0 where fewer than `CONFIRMED` of them are above 0."""
    stacked = np.stack(shares)
    confirmed = (stacked > 0).sum(axis=0) >= min(CONFIRMED, len(stacked))
    return np.where(confirmed, stacked.mean(axis=0), 0.0)


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
    return replace(
        task,
        config=task.config.cheaper(ROUNDS),
        dataset=task.dataset.with_rows(rows),
        positions=task.positions.filter(rows),
        pool=None,
    )


def _shares_of(task: TrainingTask, fold: int, rows: NDArray[np.bool_]) -> Floats:
    """Mean share (n_features,) of the gain in the boosters of a fold, trained on its `rows` (n_rows,) alone.

    A matrix of its own, for rows of other folds would cost as much as its own, though they weigh nothing.
    """
    pilot = _pilot_task(task, rows)
    jobs = pilot_jobs(fold, pilot.positions.labels)
    if not jobs:
        return np.zeros(len(task.features))
    inputs, config = task_rows(pilot, audit_task(pilot)), pilot.config
    with Preparation(config.learner, inputs, config.section, pilot.resources) as preparation:
        fitted = train_jobs(pilot, preparation, jobs, f"Choosing features, fold {fold}")
    gains = total_gains(jobs, fitted, len(task.features))
    if np.isnan(gains).any():
        raise UsageError(
            "--max-features needs a learner that says how much each feature matters",
            f"{config.learner.name} has no importances of features",
            "Leave it or --max-features out",
        )
    totals = gains.sum(0)
    return np.asarray((gains / np.where(totals > 0, totals, 1)).mean(1))
