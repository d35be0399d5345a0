"""Later stages: trained on some of the rows, each from where the one before it ended; kept where other folds gain.

How hard a row is, or how likely a site, says the first training: for the final model, that of the fold which held the
row out; for fold k a model that saw neither that fold nor fold k (`fitting.pairs`), so that rows of fold k say nothing
of what its stages are trained on. One stage is kept for all folds, since scores of several have several scales: with
each fold left out in turn, the whole interval of its difference to the first one lies above 0. Then every fold's stage
was chosen without a look at that fold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from meta_models.dataset.positions import codes
from meta_models.learners.seam import FitJob, Fitted
from meta_models.learners.seam.start import Start
from meta_models.metrics import Gain, SiteResamples
from meta_models.model.calibrators import normalise
from meta_models.result import Note
from meta_models.schema import CLASSES, SpliceClass
from meta_models.training.fitting.fit_table import ChangeJob
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.pairs import FitJobs, Pair, fit_pairs
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.stages.rows import Bools, FirstScores, Floats, StageRows, require_classes
from meta_models.wording import counted

logger = logging.getLogger(__name__)
#: Trains the folds and the final model of a task, where each job is changed before it is trained.
TrainRound = Callable[[TrainingTask, Folds, ChangeJob], FittedProblem]


@dataclass(frozen=True)
class Staged:
    """Returned by `train_stages`: the fits of the stage that is kept, and what a reader should know."""

    fit: FittedProblem
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Training:
    """How fits are made: of all folds, where each job is changed before, and of some jobs."""

    round: TrainRound
    jobs: FitJobs


def train_stages(
    task: TrainingTask, folds: Folds, first: FittedProblem, stages: Sequence[StageRows], training: Training
) -> Staged:
    """Train each of `stages` from the one before it, and keep the one that is a gain by what any other folds say.

    Parameters
    ----------
    first : FittedProblem
        The first stage: all rows, from the beginning.

    Raises
    ------
    InputError
        If a stage has no rows of some class in a fold, or a class is absent outside of two folds.
    """
    jobs = (*first.first_of_fold, first.final[0])
    rows = _rows_of(task, folds, first, stages, training.jobs)
    fits = [first]
    for number, (stage, of_fold) in enumerate(zip(stages, rows, strict=True), 1):
        begun: dict[int | None, Start] = {job.fold: _start(task, fits[-1], job.fold) for job in jobs}
        change = _change(task, f"stage-{number}-", of_fold, stage.stage.others)
        fits.append(training.round(replace(task, begun=begun), folds, change))
    gains = gains_of(task, folds, fits)
    kept = kept_stage(gains, folds.n_folds)
    counts = [int(of_fold[FINAL].sum()) for of_fold in rows]
    return Staged(fits[kept], tuple(_notes(stages, counts, gains, kept)))


def kept_stage(gains: Sequence[Mapping[int, Gain]], n_folds: int) -> int:
    """The stage that is best with any fold left out, the first one where it is no gain; the earliest they name."""
    return min(_picked([gain[fold] for gain in gains]) for fold in range(n_folds))


def _picked(gains: Sequence[Gain]) -> int:
    """The stage of the largest gain of those that are more than chance; 0 where none is."""
    worth = [gain.difference if gain.real and gain.difference is not None else 0.0 for gain in gains]
    return int(np.argmax(worth))


def _rows_of(
    task: TrainingTask, folds: Folds, first: FittedProblem, stages: Sequence[StageRows], fit: FitJobs
) -> list[dict[int, Bools]]:
    """The rows (n_rows,) of each stage, by fold."""
    looks = any(stage.stage.looks for stage in stages)
    pairs = fit_pairs(task, folds, fit, "--stages") if looks else {}
    rows: list[dict[int, Bools]] = [{} for _ in stages]
    for job in (*first.first_of_fold, first.final[0]):
        said = None
        if looks:
            scores = first.scores() if job.fold == FINAL else scores_without(job.fold, folds, pairs, len(CLASSES))
            said = FirstScores.of(scores, task.positions.labels)
        for number, stage in enumerate(stages):
            rows[number][job.fold] = stage.chosen(job.train, said)
            whose = "the final model" if job.fold == FINAL else f"fold {job.fold}"
            require_classes(task.positions.labels, rows[number][job.fold], stage, number + 1, whose)
    return rows


def scores_without(
    fold: int, folds: Folds, pairs: Mapping[Pair, Sequence[tuple[FitJob, Fitted]]], classes: int
) -> Floats:
    """Scores (n_rows, K) of all rows outside of `fold`, by fits that saw neither it nor the row's own; 0 inside."""
    scores = np.zeros((len(folds.of_row), classes))
    for other in (k for k in range(folds.n_folds) if k != fold):
        held_out = folds.held_out(other)
        for job, fitted in pairs[Pair((other, fold))]:
            mine = np.flatnonzero(held_out)[:, None], np.array(job.targets)
            scores[mine] = fitted.scores[held_out[job.score], :, -1]
    return scores


def _start(task: TrainingTask, fit: FittedProblem, fold: int) -> Start:
    """The model of a fold, as a learner is given it to go on from."""
    predictor, learner = fit.predictor(fold), task.config.learner
    features = task.features if learner.traits.inputs == "rows" else ()
    return Start("the stage before", learner.name, predictor.files(), predictor.n_inputs, predictor.n_targets, features)


def _change(task: TrainingTask, prefix: str, rows: Mapping[int, Bools], others: float) -> ChangeJob:
    """Confine jobs to the rows of their folds; or have the others count `others` times what they do."""
    if not others:
        return lambda job: replace(job, name=f"{prefix}{job.name}", train=job.train & rows[job.fold])
    given = task.training_weights
    weights = np.ones(task.dataset.n_rows, np.float32) if given is None else given
    of_fold = {fold: np.where(chosen, weights, weights * np.float32(others)) for fold, chosen in rows.items()}
    return lambda job: replace(job, name=f"{prefix}{job.name}", weights=of_fold[job.fold])


def gains_of(task: TrainingTask, folds: Folds, fits: Sequence[FittedProblem]) -> list[dict[int, Gain]]:
    """Each fit minus the first: on all rows (-1) and on those of all folds but one, by its number."""
    scores = [normalise(fit.scores(), zeros_mean=SpliceClass.NEITHER) for fit in fits]
    gains: list[dict[int, Gain]] = [{} for _ in fits]
    for fold in (FINAL, *range(folds.n_folds)):
        rows = ~folds.held_out(fold)
        own, config = task.positions.filter(rows), task.config
        drawn = SiteResamples.make(
            own.labels, codes(own.groups()), own.weights, samples=config.bootstrap_samples, seed=config.seed
        )
        found = [drawn.of(values[rows]) for values in scores]
        for of_stage, one in zip(gains, found, strict=True):
            of_stage[fold] = one.minus(found[0])
    return gains


def _notes(
    stages: Sequence[StageRows], counts: Sequence[int], gains: Sequence[Mapping[int, Gain]], kept: int
) -> Iterator[Note]:
    """What each stage brought, and what was kept."""
    for number, (stage, count) in enumerate(zip(stages, counts, strict=True), 1):
        rows = f"{stage.stage.text}; {counted(count, 'row')} of the final model"
        yield _told(f"Stage {number} ({rows}) minus one stage, out of fold, uncalibrated: {gains[number][FINAL].text}.")
    no_gain = "No gain that the other folds of every fold agree on; saved is the first training."
    yield _told(f"Kept is stage {kept}, as the other folds of every fold say." if kept else no_gain)


def _told(text: str) -> Note:
    logger.info("%s", text)
    return Note("info", text)
