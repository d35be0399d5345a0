"""Results of several learners become one: combined by what the other folds say, or the best of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.model import EnsembleMetaModel, FittedModel, ModelInfo
from meta_models.model.calibrators import normalise
from meta_models.model.combinations import Combination
from meta_models.result import CALIBRATED, RAW, FeatureRecord, FitRecord, Note, TrainingResult, probability_columns
from meta_models.schema import CLASSES
from meta_models.training.calibration.fit import BaseScores
from meta_models.training.combination.fit import cross_fit, fit_combination
from meta_models.training.combination.stack import Floats, Options, Stack
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several.leaderboard import Gain, Joined, compare, leaderboard, whole_name
from meta_models.training.strategies.base import oof_table

logger = logging.getLogger(__name__)
BEST = "best"


@dataclass(frozen=True)
class _Fitted:
    """A way of combining: fitted on all rows, and on the other folds of each fold.

    Attributes
    ----------
    scores : ndarray of float64 (n_rows, 3)
        Those of a fold by parameters fitted on the others.
    """

    method: str
    whole: Combination
    by_fold: Mapping[int, Combination]
    scores: Floats


def join(task: TrainingTask, results: Mapping[str, TrainingResult], failed: Mapping[str, str]) -> TrainingResult:
    """The result of a run of several learners.

    Saved is the combination where it is better than the best member by more than its interval, or is to be kept;
    else the best member, which is the simpler model.
    """
    started = time.monotonic()
    members, stack = list(results.values()), _stack(task, list(results.values()))
    best, method = _fitted(task, stack, BEST), task.config.combine
    alone = method == BEST or len(results) == 1
    combined = best if alone else _fitted(task, stack, method)
    probabilities = normalise(combined.scores)
    gain = compare(task, best.scores, probabilities)
    keep = not alone and (gain.real or task.config.keep_combination)
    if keep:
        oof = oof_table(combined.scores, probabilities, stack.folds, task)
        joined = _combined(task, members, combined)
    else:
        oof, joined = _oof_of_best(members, best), _best(members, best)
    saved = whole_name(method) if keep else list(results)[_chosen(best.whole)]
    outcome = Joined(combined.method, combined.whole, combined.by_fold, probabilities, saved)
    board = leaderboard(task, results, outcome, gain, failed)
    seconds = _seconds(members, time.monotonic() - started)
    notes = (*joined.notes, *_notes(method, gain, failed, keep=keep, alone=alone, saved=saved))
    return replace(joined, config=task.config, oof=oof, leaderboard=board, notes=notes, seconds=seconds)


def _fitted(task: TrainingTask, stack: Stack, method: str) -> _Fitted:
    config = task.config
    options = Options(config.ensemble_weights_per_class, config.optimiser, config.seed)
    scores, by_fold = cross_fit(stack, method, options)
    return _Fitted(method, fit_combination(stack, method, options), by_fold, scores)


def _stack(task: TrainingTask, members: Sequence[TrainingResult]) -> Stack:
    """The members' calibrated scores out of fold, and the folds of the first: others may have batches of their own."""
    columns = probability_columns(CALIBRATED)
    scores = np.stack([member.oof.select(columns).to_numpy().astype(np.float32) for member in members])
    bases = BaseScores.among(task.features, task.positions.bases, task.positions.frame)
    return Stack(scores, task.positions.labels, task.positions.weights, _folds(members[0]), bases)


def _folds(member: TrainingResult) -> NDArray[np.int16]:
    return member.oof["fold"].to_numpy().astype(np.int16)


def _combined(task: TrainingTask, members: Sequence[TrainingResult], fitted: _Fitted) -> TrainingResult:
    """The first result with the model of all of them, and what is known of each."""
    first = members[0]
    same = all(np.array_equal(_folds(first), _folds(member)) for member in members[1:])
    kept = set.intersection(*(set(member.fold_models) for member in members)) if same else set()
    fold_models = {
        fold: _model(task, [m.fold_models[fold] for m in members], fitted.by_fold[fold]) for fold in sorted(kept)
    }
    model = _model(task, [member.model for member in members], fitted.whole)
    facts = {"combination": fitted.method, "learners": list(task.config.learners)}
    model = model.with_info(replace(model.info, provenance={**model.info.provenance, **facts}))
    return replace(
        first, model=model, fold_models=fold_models, fits=_fits(members), ensemble=None,
        features=_features(members, fitted.whole), notes=_shared_notes(members),
    )  # fmt: skip


def _model(task: TrainingTask, members: Sequence[FittedModel], combination: Combination) -> FittedModel:
    """The members that count, combined; their sketches stand once, in the whole.

    They are calibrated, the whole is not again: on 900 genes of *C. elegans* that cost .0012 of average precision (and
    .0016 where it looked at the base scores a second time), and raised the log-loss from .00464 to .00467.
    """
    numbers, trimmed = combination.trimmed(len(members))
    chosen = [members[number] for number in numbers]
    plain = [member.with_info(replace(member.info, sketches={})) for member in chosen]
    features = (*task.features, *(name for member in chosen for name in member.gene_columns))
    return EnsembleMetaModel(plain, info=_info(chosen), combination=trimmed, feature_names=features)


def _info(members: Sequence[FittedModel]) -> ModelInfo:
    first = members[0].info
    genes, families = (
        tuple(sorted({name for member in members for name in getattr(member.info, names)}))
        for names in ("genes", "families")
    )
    versions = {name: version for member in members for name, version in member.info.versions.items()}
    sketches = {name: sketch for member in members for name, sketch in member.info.sketches.items()}
    return replace(first, genes=genes, families=families, versions=versions, sketches=sketches)


def _fits(members: Sequence[TrainingResult]) -> tuple[FitRecord, ...]:
    """The fits of all, with numbers of members that follow one another."""
    fits, first = list[FitRecord](), 0
    for member in members:
        fits += [replace(fit, member=first + fit.member) for fit in member.fits]
        first += 1 + max((fit.member for fit in member.fits), default=0)
    return tuple(fits)


def _features(members: Sequence[TrainingResult], combination: Combination) -> tuple[FeatureRecord, ...]:
    """What a member kept is kept; gains are shares of a member's gains, weighted as the members are that have any."""
    shares = combination.shares(len(members), len(CLASSES))
    totals = [
        {c.label: sum((r.gain or {}).get(c.label, 0.0) for r in member.features) for c in CLASSES} for member in members
    ]

    def gain(at: int, k: int) -> float:
        label = CLASSES[k].label
        own = [((m.features[at].gain or {}).get(label), total[label]) for m, total in zip(members, totals, strict=True)]
        known = [s * g / t for (g, t), s in zip(own, shares[:, k], strict=True) if g is not None and t > 0]
        return float(sum(known)) if known else float("nan")

    found = []
    for at, records in enumerate(zip(*(member.features for member in members), strict=True)):
        record = next((record for record in records if record.excluded is None), records[0])
        measured = any(record.gain is not None for record in records)
        found.append(replace(record, gain={c.label: gain(at, c) for c in CLASSES} if measured else None))
    return tuple(found)


def _shared_notes(members: Sequence[TrainingResult]) -> tuple[Note, ...]:
    """The notes of all, each once."""
    return tuple(dict.fromkeys(note for member in members for note in member.notes))


def _chosen(combination: Combination) -> int:
    """The member that has all weight."""
    numbers, _ = combination.trimmed(0)
    return numbers[0]


def _best(members: Sequence[TrainingResult], best: _Fitted) -> TrainingResult:
    """The result of the best member, with the models that were best by what the other folds say."""
    chosen = {fold: members[_chosen(combination)].fold_models for fold, combination in best.by_fold.items()}
    fold_models = {fold: models[fold] for fold, models in chosen.items() if fold in models}
    return replace(members[_chosen(best.whole)], fold_models=fold_models)


def _oof_of_best(members: Sequence[TrainingResult], best: _Fitted) -> pl.DataFrame:
    """The table in which the rows of a fold are those of the member that is best on the others."""
    names = [name for prefix in (RAW, CALIBRATED) for name in probability_columns(prefix)]
    values = np.stack([member.oof.select(names).to_numpy() for member in members])
    table = members[_chosen(best.whole)].oof
    folds = _folds(members[0])
    of_row = np.empty(len(folds), np.intp)
    for fold, combination in best.by_fold.items():
        of_row[folds == fold] = _chosen(combination)
    chosen = values[of_row, np.arange(len(folds))]
    return table.with_columns(pl.Series(name, chosen[:, at]) for at, name in enumerate(names))


def _seconds(members: Sequence[TrainingResult], combining: float) -> dict[str, float]:
    names = dict.fromkeys(name for member in members for name in member.seconds)
    return {name: sum(m.seconds.get(name, 0.0) for m in members) for name in names} | {"combination": combining}


def _notes(
    method: str, gain: Gain, failed: Mapping[str, str], *, keep: bool, alone: bool, saved: str
) -> tuple[Note, ...]:
    """What a reader of the report must know of the combination."""
    notes = [
        Note("warning", f"INCOMPLETE COMBINATION: the learner {name} failed ({reason})")
        for name, reason in failed.items()
    ]
    if alone:
        return (*notes, Note("info", f"Saved is the best learner, {saved}."))
    verdict = f"Combined ({method}) minus the best member, both chosen on the other folds: {gain.text}."
    if not gain.real:
        verdict += " No gain" + (
            "; it was saved since --keep-combination was given." if keep else f"; saved is {saved}."
        )
    return (*notes, Note("info", verdict))
