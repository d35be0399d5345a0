"""From trained batches to an ensemble: members scored on genes they never saw, combined, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.choice import Choice
from meta_models.model.base import ModelInfo
from meta_models.model.calibrators import Calibrator, apply_calibrators, normalise
from meta_models.model.ensemble import EnsembleMetaModel
from meta_models.model.single import SingleModel
from meta_models.result import EnsembleRecord, FitRecord, FoldRecord, MemberRecord, MiningRecord, Note
from meta_models.schema import CLASSES, GENE
from meta_models.training.batches.member_curves import with_member_curves
from meta_models.training.batches.member_scores import (
    Codes,
    SeenScores,
    UnseenScores,
    score_figures,
    score_out_of_batch,
    score_refit,
    score_seen,
)
from meta_models.training.batches.runner import BatchRun, TrainedMember
from meta_models.training.calibration.fit import BaseScores, fit_calibrators
from meta_models.training.combination.composition import Composition
from meta_models.training.combination.fit import PLAIN, cross_fit, fit_combination
from meta_models.training.combination.hierarchy import Groups, Hierarchy, groups_of, within
from meta_models.training.combination.stack import Members, Options, Stack
from meta_models.training.fitting.folds import Folds
from meta_models.training.fitting.one_vs_rest import FINAL
from meta_models.training.fitting.problem import task_info, total_gains
from meta_models.training.fitting.running.run_jobs import fit_record
from meta_models.training.fitting.sketches import RowSample
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.selection import OUT_OF_BATCH
from meta_models.training.strategies.base import StrategyFit

STRATEGY = "batch_ensemble"
FoldModels = list[dict[int, SingleModel]]


@dataclass
class _MemberCalibration:
    """Calibrators of a member: those fitted on all its out-of-fold scores, and on those of the other folds."""

    final: tuple[Calibrator, ...] | None = None
    by_fold: dict[int, tuple[Calibrator, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Ensemble:
    """Members and their scores.

    Attributes
    ----------
    member_of_row : ndarray of int16 (n_rows,)
        The member trained on each row; M and above where none was.
    fold_of_row : ndarray of int16 (n_rows,)
        Under out-of-batch the member, else the fold.
    fold_models : list of dict
        The models of each member by fold; empty dicts under out-of-batch.
    members : ndarray of float32 (M, n_rows, 3)
        Probabilities of each member where it knows nothing of a row's gene; NaN elsewhere.
    scores : ndarray of float64 (n_rows, 3)
        Combined, by parameters fitted on the other folds.
    """

    models: list[SingleModel]
    calibrations: list[_MemberCalibration]
    member_of_row: Codes
    fold_of_row: Codes
    fold_models: FoldModels
    members: Members
    scores: NDArray[np.float64]
    combination: Hierarchy
    combination_by_fold: Mapping[int, Hierarchy]
    seen: SeenScores
    missing: NDArray[np.int64]
    sample: RowSample


def fit_ensemble(
    task: TrainingTask, run: BatchRun, folds: Folds | None, cv: Choice, notes: Sequence[Note] = ()
) -> StrategyFit:
    """Score the members of `run` as `cv` says, combine them, and hand everything back.

    Parameters
    ----------
    folds : Folds or None
        Those for each of which the members have a model without its genes; None where `cv` is out-of-batch.
    """
    ensemble = _score_and_combine(task, run, folds)
    trained = ensemble.member_of_row < len(run.members)
    record = _record(task, run, ensemble, cv)
    info = task_info(task, STRATEGY, trained)
    provenance = {
        "ensemble_cv": cv.name, "combination": task.config.ensemble_method, "missing_genes": list(run.missing_genes),
    }  # fmt: skip
    info = replace(info, provenance={**info.provenance, **provenance})

    def build(calibrators: tuple[Calibrator, ...] | None) -> EnsembleMetaModel:
        """The ensemble with its calibrators."""
        members = _with_batches(ensemble.models, record)
        return ensemble.combination.model(members, info, _info_of(task, ensemble, trained)).with_calibrators(
            calibrators
        )

    return StrategyFit(
        scores=ensemble.scores,
        fold=ensemble.fold_of_row,
        build=build,
        folds=tuple(_fold_records(task, run, ensemble, cv)),
        fits=tuple(_fit_records(task, run, ensemble, cv)),
        gains=_gains(task, run),
        missing=ensemble.missing,
        sketches=ensemble.sample.sketches(),
        notes=tuple(notes),
        fold_models=_fold_models(task, ensemble, cv),
        ensemble=record,
        mining=tuple(replace(mined, member=at) for at, mined in _mined(run)),
    )


def _score_and_combine(task: TrainingTask, run: BatchRun, folds: Folds | None) -> _Ensemble:
    models = [_model(task, member, FINAL, member.batch.rows) for member in run.members]
    member_of_row = np.empty(task.dataset.n_rows, np.int16)
    for at, batch in enumerate([*(m.batch for m in run.members), *(f.batch for f in run.failed)]):
        member_of_row[batch.rows] = at
    for model in models:
        model.set_threads(task.threads)
    groups = groups_of([member.batch.group for member in run.members])
    unseen, seen, fold_models, fold_of_row = _score(task, run, folds, models, member_of_row, groups)
    members = unseen.scores
    calibrations = _to_probabilities(task, members, fold_of_row)
    models = [model.with_calibrators(c.final) for model, c in zip(models, calibrations, strict=True)]
    stack = _stack(task, within(members, groups), fold_of_row)
    method, options = task.config.ensemble_method, _options(task)
    scores, by_fold = cross_fit(stack, method, options)
    combination = Hierarchy(fit_combination(stack, method, options), groups)
    if seen is None or task.config.calibrate_members:
        seen = score_seen(task, models, member_of_row, combination)
    return _Ensemble(
        models, calibrations, member_of_row, fold_of_row, fold_models, members, scores, combination,
        {fold: Hierarchy(over, groups) for fold, over in by_fold.items()}, seen, unseen.missing, unseen.sample,
    )  # fmt: skip


def _stack(task: TrainingTask, members: Members, fold_of_row: Codes) -> Stack:
    bases = BaseScores.among(task.features, task.positions.bases, task.positions.frame)
    composition = Composition.read(task.dataset, task.features) if task.config.ensemble_method == "routed" else None
    return Stack(members, task.positions.labels, task.positions.weights, fold_of_row, bases, composition)


def _options(task: TrainingTask) -> Options:
    return Options(task.config.ensemble_weights_per_class, task.config.optimiser, task.config.seed)


def _score(
    task: TrainingTask,
    run: BatchRun,
    folds: Folds | None,
    models: list[SingleModel],
    member_of_row: Codes,
    groups: Groups,
) -> tuple[UnseenScores, SeenScores | None, FoldModels, Codes]:
    """Scores on unseen genes; with the fold models and the folds that they belong to."""
    if folds is None:
        plain = Hierarchy(PLAIN[task.config.ensemble_method], groups)
        unseen, seen = score_out_of_batch(task, models, member_of_row, plain)
        return unseen, seen, [{} for _ in models], member_of_row
    fold_models = [
        {fold: _model(task, m, fold, ~folds.held_out(fold) & m.batch.rows) for fold in range(folds.n_folds)}
        for m in run.members
    ]
    for by_fold in fold_models:
        for model in by_fold.values():
            model.set_threads(task.threads)
    return score_refit(task, fold_models, folds.of_row), None, fold_models, folds.of_row


def _to_probabilities(task: TrainingTask, members: Members, fold_of_row: Codes) -> list[_MemberCalibration]:
    """Turn one-vs-rest scores (M, n_rows, 3) into probabilities, in place; calibrated on other folds where asked."""
    config, calibrations = task.config, []
    labels, weights = task.positions.labels, task.positions.weights
    for member in members:
        calibration = _MemberCalibration()
        scores = member.astype(np.float64)
        may = ~np.isnan(scores[:, 0])
        if config.calibrate_members:
            for fold in np.unique(fold_of_row[may]):
                others = may & (fold_of_row != fold)
                calibration.by_fold[int(fold)] = fit_calibrators(
                    scores[others], labels[others], weights[others], config
                )
                member[fold_of_row == fold] = apply_calibrators(
                    scores[fold_of_row == fold], calibration.by_fold[int(fold)]
                )
            calibration.final = fit_calibrators(scores[may], labels[may], weights[may], config)
        else:
            member[:] = normalise(scores)
        calibrations.append(calibration)
    return calibrations


def _model(task: TrainingTask, member: TrainedMember, fold: int, rows: NDArray[np.bool_]) -> SingleModel:
    """The uncalibrated model of `fold`, trained on the `rows` (n_rows,) of the table."""
    info = task_info(task, STRATEGY, rows)
    info = replace(info, provenance={**info.provenance, "unit": member.batch.name})
    predictor = member.trained.fit.predictor(fold)
    return SingleModel(predictor, task.features, learner=task.config.learner.name, info=info)


def _with_batches(models: Sequence[SingleModel], record: EnsembleRecord) -> list[SingleModel]:
    """The members, each with its line of the batch table for the model file (nothing that was measured)."""
    result = []
    for model, member in zip(models, record.members, strict=True):
        line = {
            "class_counts": dict(member.class_counts), "rounds": dict(member.rounds),
            "unseen_accuracy": member.unseen.accuracy, "unseen_average_precision": member.unseen.average_precision,
        }  # fmt: skip
        result.append(model.with_info(replace(model.info, provenance={**model.info.provenance, **line})))
    return result


def _record(task: TrainingTask, run: BatchRun, ensemble: _Ensemble, cv: Choice) -> EnsembleRecord:
    labels = task.positions.labels
    weights = None if task.positions.weighting == "none" else task.positions.weights
    trained = ensemble.member_of_row < len(run.members)
    members = []
    for at, member in enumerate(run.members):
        mine = ensemble.member_of_row == at
        batch = member.batch
        members.append(
            MemberRecord(
                member=at,
                unit=batch.name,
                genes=batch.genes,
                rows=batch.n_rows,
                class_counts={c.label: batch.class_counts[c] for c in CLASSES},
                rounds=_rounds(member),
                seen=score_figures(ensemble.seen.own[mine], labels[mine], None if weights is None else weights[mine]),
                unseen=score_figures(ensemble.members[at], labels, weights),
                predicted_peak=member.predicted_peak,
                measured_peak=member.trained.peak_bytes,
                seconds=member.trained.seconds,
            )
        )
    return EnsembleRecord(
        cv=cv.name,
        cv_reason=cv.reason,
        method=task.config.ensemble_method,
        members=tuple(members),
        members_by_fold={int(fold): _scorers(ensemble, int(fold), cv) for fold in np.unique(ensemble.fold_of_row)},
        seen=score_figures(
            ensemble.seen.ensemble[trained], labels[trained], None if weights is None else weights[trained]
        ),
        unseen=score_figures(ensemble.scores, labels, weights),
        missing_genes=run.missing_genes,
    )


def _rounds(member: TrainedMember) -> dict[str, int]:
    """Rounds of the final fits by class; of a fit of all classes the same for each."""
    fit = member.trained.fit
    return {CLASSES[k].label: fit.fitted[job.name].rounds for job in fit.final for k in job.targets}


def _scorers(ensemble: _Ensemble, fold: int, cv: Choice) -> int:
    """How many members score the rows of `fold`."""
    total = len(ensemble.models)
    return total - 1 if cv.name == OUT_OF_BATCH and fold < total else total


def _fold_records(task: TrainingTask, run: BatchRun, ensemble: _Ensemble, cv: Choice) -> list[FoldRecord]:
    genes = task.positions.codes(GENE)
    trained = ensemble.member_of_row < len(run.members)
    records = []
    for fold in np.unique(ensemble.fold_of_row):
        held_out = ensemble.fold_of_row == fold
        stop = np.zeros(len(genes), bool)
        for member in run.members if cv.name != OUT_OF_BATCH else ():
            stop[member.batch.rows] |= next(job.stop for job in member.trained.fit.first_of_fold if job.fold == fold)
        records.append(
            FoldRecord(
                fold=int(fold),
                held_out_genes=len(np.unique(genes[held_out])),
                held_out_rows=int(held_out.sum()),
                train_genes=len(np.unique(genes[trained & ~held_out & ~stop])),
                stop_genes=len(np.unique(genes[stop])),
            )
        )
    return records


def _fit_records(task: TrainingTask, run: BatchRun, ensemble: _Ensemble, cv: Choice) -> list[FitRecord]:
    """Boosters of folds (out of batch: those that told a batch's rounds, under its number), then the final ones.

    Out of batch the final ones are watched on one another's genes, for without folds that is all that none has seen.
    """
    records, learner = [], task.config.learner
    for at, member in enumerate(run.members):
        fit = member.trained.fit
        final = {job.targets: fit.fitted[job.name].rounds for job in fit.final}
        for job in fit.held_out:
            record = fit_record(learner, job, fit.fitted[job.name], at)
            inner = replace(record, fold=at, rounds=final[job.targets])
            records.append(inner if cv.name == OUT_OF_BATCH else record)
        records += [fit_record(learner, job, fit.fitted[job.name], at) for job in fit.final]
    if cv.name != OUT_OF_BATCH:
        return records
    sample = ensemble.sample
    return with_member_curves(task, records, ensemble.models, ensemble.member_of_row, sample.rows, sample.features)


def _mined(run: BatchRun) -> Iterator[tuple[int, MiningRecord]]:
    for at, member in enumerate(run.members):
        for record in () if member.trained.mined is None else member.trained.mined.records:
            yield at, record


def _gains(task: TrainingTask, run: BatchRun) -> NDArray[np.float64]:
    """Total gain (n_features, 3) over the members."""
    fits = [member.trained.fit for member in run.members]
    return np.asarray(np.sum([total_gains(fit.final, fit.fitted, len(task.features)) for fit in fits], axis=0))


def _fold_models(task: TrainingTask, ensemble: _Ensemble, cv: Choice) -> dict[int, EnsembleMetaModel]:
    """For each fold the ensemble that knows nothing of it, without calibrators of its own."""
    models = {}
    trained = ensemble.member_of_row < len(ensemble.models)
    for fold, combination in ensemble.combination_by_fold.items():
        members = [
            None
            if cv.name == OUT_OF_BATCH and at == fold
            else (model if cv.name == OUT_OF_BATCH else by_fold[fold]).with_calibrators(calibration.by_fold.get(fold))
            for at, (model, by_fold, calibration) in enumerate(
                zip(ensemble.models, ensemble.fold_models, ensemble.calibrations, strict=True)
            )
        ]
        seen = trained & (ensemble.fold_of_row != fold)
        models[fold] = combination.model(
            members,
            task_info(task, STRATEGY, seen),
            _info_of(task, ensemble, seen),
        )
    return models


def _info_of(
    task: TrainingTask, ensemble: _Ensemble, rows: NDArray[np.bool_]
) -> Callable[[tuple[int, ...]], ModelInfo]:
    """What tells where some members come from that were trained on `rows` (n_rows,)."""
    return lambda numbers: task_info(task, STRATEGY, rows & np.isin(ensemble.member_of_row, numbers))
