"""Results of several learners become one: combined by what the other folds say, or the best of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.metrics import Gain
from meta_models.model import EnsembleMetaModel, FittedModel, ModelInfo
from meta_models.model.calibrators import normalise
from meta_models.model.combinations import Combination, PerBin, Routed
from meta_models.model.ensemble import names_of_all
from meta_models.model.origin import earlier_of, joined_loci
from meta_models.persistence import dump_model
from meta_models.result import (
    CALIBRATED,
    RAW,
    FeatureRecord,
    FitRecord,
    MiningRecord,
    Note,
    TrainingResult,
    probability_columns,
)
from meta_models.schema import CLASSES
from meta_models.standings import Contenders
from meta_models.training.calibration.fit import BaseScores
from meta_models.training.combination.composition import Composition
from meta_models.training.combination.fit import cross_fit, fit_combination
from meta_models.training.combination.stack import Floats, Options, Stack
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several.leaderboard import Joined, board_of_one, compare, leaderboard, whole_name
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


def alone(task: TrainingTask, name: str, result: TrainingResult) -> TrainingResult:
    """The result of a run of one member, with its leaderboard."""
    contenders = Contenders({name: result.fold_models}, features=result.kept_features)
    return replace(result, config=task.config, leaderboard=board_of_one(task, name, result), contenders=contenders)


def join(task: TrainingTask, results: Mapping[str, TrainingResult], failed: Mapping[str, str]) -> TrainingResult:
    """The result of a run of several members.

    Saved is the combination where it is better than the best member by more than its interval, or is to be kept;
    else the best member, which is the simpler model. The best member is the best on all rows: one patched from those
    that are best on other folds could be worse than each, as scores of different scales cannot be ranked together.
    This favours the member.
    """
    started = time.monotonic()
    members, features = list(results.values()), read_by_any(task, results)
    stack = stack_of(task, members, features)
    best, method = _fitted(task, stack, BEST), task.config.combine
    alone = method == BEST or len(results) == 1
    combined = best if alone else _fitted(task, stack, method)
    probabilities = normalise(combined.scores)
    opponent = list(results)[_chosen(best.whole)]
    gain = compare(task, stack.members[_chosen(best.whole)].astype(np.float64), probabilities)
    keep = not alone and (gain.real or task.config.keep_combination)
    if keep:
        oof = oof_table(combined.scores, probabilities, stack.folds, task)
        joined = _combined(members, list(results), combined, features)
    else:
        oof, joined = _oof_of_best(members, best), _best(members, best)
        chosen = choice_note(list(results), opponent, _chosen_by_fold(best))
        others = _other_fits(members, members[_chosen(best.whole)])
        joined = replace(joined, notes=(*named_notes(results), *chosen), other_fits=others)
    saved = whole_name(method) if keep else opponent
    whole = joined.model if keep or alone else _whole_model(members, list(results), combined, features)
    size = len(dump_model(whole))
    outcome = Joined(combined.method, combined.whole, combined.by_fold, probabilities, opponent, saved, size)
    board = leaderboard(task, results, outcome, gain, failed)
    seconds = _seconds(members, time.monotonic() - started)
    notes = (*joined.notes, *_notes(outcome, gain, failed, keep=keep, alone=alone))
    return replace(
        joined, config=task.config, oof=oof, leaderboard=board, notes=notes, seconds=seconds,
        contenders=_contenders(results, combined, features),
    )  # fmt: skip


def read_by_any(task: TrainingTask, results: Mapping[str, TrainingResult]) -> tuple[str, ...]:
    """The features that any member reads, in the order of the table."""
    read = {name for result in results.values() for name in result.kept_features}
    return tuple(name for name in task.features if name in read)


def _contenders(results: Mapping[str, TrainingResult], combined: _Fitted, features: tuple[str, ...]) -> Contenders:
    """What can be scored elsewhere; the combination where all members have the same folds."""
    first = next(iter(results.values()))
    members = {name: result.fold_models for name, result in results.items() if _same_folds([first, result])}
    possible = len(members) == len(results) > 1
    whole = {whole_name(combined.method): combined.by_fold} if possible else {}
    return Contenders(members, whole, features)


def _same_folds(members: Sequence[TrainingResult]) -> bool:
    return all(np.array_equal(_folds(members[0]), _folds(member)) for member in members[1:])


def _fitted(task: TrainingTask, stack: Stack, method: str) -> _Fitted:
    config = task.config
    options = Options(config.ensemble_weights_per_class, config.optimiser, config.seed)
    scores, by_fold = cross_fit(stack, method, options)
    return _Fitted(method, fit_combination(stack, method, options), by_fold, scores)


def stack_of(task: TrainingTask, members: Sequence[TrainingResult], features: tuple[str, ...]) -> Stack:
    """The members' calibrated scores out of fold, and the folds of the first: others may have batches of their own."""
    columns = probability_columns(CALIBRATED)
    scores = np.stack([member.oof.select(columns).to_numpy().astype(np.float32) for member in members])
    bases = BaseScores.among(features, task.positions.bases, task.positions.frame)
    composition = Composition.read(task.dataset, features) if task.config.combine == "routed" else None
    return Stack(scores, task.positions.labels, task.positions.weights, _folds(members[0]), bases, composition)


def _folds(member: TrainingResult) -> NDArray[np.int16]:
    return member.oof["fold"].to_numpy().astype(np.int16)


def _combined(
    members: Sequence[TrainingResult], names: Sequence[str], fitted: _Fitted, features: tuple[str, ...]
) -> TrainingResult:
    """The first result with the model of all of them, and what is known of each."""
    model = _whole_model(members, names, fitted, features)
    kept = set.intersection(*(set(member.fold_models) for member in members)) if _same_folds(members) else set()
    fold_models = {
        fold: _model([m.fold_models[fold] for m in members], fitted.by_fold[fold], features, model.feature_names)
        for fold in sorted(kept)
    }
    return replace(
        members[0], model=model, fold_models=fold_models, fits=_fits(members), ensemble=None,
        mining=_mining(members), features=_features(members, fitted.whole, model.feature_names),
        notes=named_notes(dict(zip(names, members, strict=True))),
    )  # fmt: skip


def _whole_model(
    members: Sequence[TrainingResult], names: Sequence[str], fitted: _Fitted, features: tuple[str, ...]
) -> FittedModel:
    model = _model([member.model for member in members], fitted.whole, features)
    facts = {"combination": fitted.method, "members": list(names)}
    return model.with_info(replace(model.info, provenance={**model.info.provenance, **facts}))


def _model(
    members: Sequence[FittedModel], combination: Combination, features: tuple[str, ...], least: Sequence[str] = ()
) -> FittedModel:
    """The members that count, combined; their sketches stand once, in the whole.

    They are calibrated, the whole is not again: on 900 genes of *C. elegans* that cost .0012 of average precision (and
    .0016 where it looked at the base scores a second time), and raised the log-loss from .00464 to .00467.

    Parameters
    ----------
    features : tuple of str
        What the columns of the combination number; the order of the columns of the whole, behind which the scores stand
        that members have of whole genes.
    least : sequence of str
        Columns that the whole has, whether a member that counts reads them or not.
    """
    numbers, trimmed = combination.trimmed(len(members))
    chosen = [members[number] for number in numbers]
    read = {*names_of_all(chosen), *least, *(features[column] for column in trimmed.columns)}
    own = tuple(name for member in chosen for name in member.gene_columns)
    names = (*(name for name in features if name in read), *own)
    if isinstance(trimmed, PerBin | Routed):
        trimmed = replace(trimmed, columns=tuple(names.index(features[column]) for column in trimmed.columns))
    plain = [member.with_info(replace(member.info, sketches={})) for member in chosen]
    return EnsembleMetaModel(plain, info=_info(chosen), combination=trimmed, feature_names=names)


def _info(members: Sequence[FittedModel]) -> ModelInfo:
    first = members[0].info
    genes, families = (
        tuple(sorted({name for member in members for name in getattr(member.info, names)}))
        for names in ("genes", "families")
    )
    versions = {name: version for member in members for name, version in member.info.versions.items()}
    sketches = {name: sketch for member in members for name, sketch in member.info.sketches.items()}
    loci = joined_loci(locus for member in members for locus in member.info.loci)
    provenance = {**first.provenance, **earlier_of(member.info for member in members)}
    return replace(
        first, genes=genes, families=families, versions=versions, sketches=sketches, loci=loci, provenance=provenance
    )


def _fits(members: Sequence[TrainingResult]) -> tuple[FitRecord, ...]:
    """The fits of all, with numbers of members that follow one another."""
    pairs = zip(members, _first_numbers(members), strict=True)
    return tuple(replace(fit, member=first + fit.member) for member, first in pairs for fit in member.fits)


def _other_fits(members: Sequence[TrainingResult], saved: TrainingResult) -> tuple[FitRecord, ...]:
    """The fits of all but the member that is saved, numbered behind its own."""
    return _fits([saved, *(member for member in members if member is not saved)])[len(saved.fits) :]


def _mining(members: Sequence[TrainingResult]) -> tuple[MiningRecord, ...]:
    """What was mined by any, numbered alike."""
    pairs = zip(members, _first_numbers(members), strict=True)
    return tuple(replace(mined, member=first + mined.member) for member, first in pairs for mined in member.mining)


def _first_numbers(members: Sequence[TrainingResult]) -> list[int]:
    """The number of the first of each result's own members: those of all results follow one another."""
    counts = [1 + max((fit.member for fit in member.fits), default=0) for member in members]
    return [sum(counts[:at]) for at in range(len(counts))]


def _features(
    members: Sequence[TrainingResult], combination: Combination, names: Sequence[str]
) -> tuple[FeatureRecord, ...]:
    """Gains as shares of a member's gains, weighted as the members are; of members that have any.

    Kept is what the whole reads, `names`; of all else the first member says why it was left out.
    """
    shares, read = combination.shares(len(members), len(CLASSES)), set(names)
    totals = [
        {c.label: sum((r.gain or {}).get(c.label, 0.0) for r in member.features) for c in CLASSES} for member in members
    ]

    def gain(at: int, k: int) -> float:
        label = CLASSES[k].label
        own = [((m.features[at].gain or {}).get(label, 0.0), t[label]) for m, t in zip(members, totals, strict=True)]
        known = [s * g / t for (g, t), s in zip(own, shares[:, k], strict=True) if np.isfinite(t) and t > 0]
        return float(sum(known)) if known else float("nan")

    def joined(at: int) -> FeatureRecord:
        of_members = [member.features[at] for member in members]
        record = next((record for record in of_members if record.excluded is None), of_members[0])
        if record.name not in read:
            reason = next((r.excluded for r in of_members if r.excluded), "no member that counts reads it")
            return replace(record, gain=None, missing_share=None, excluded=reason)
        explained = any(record.gain is not None for record in of_members)
        return replace(record, gain={c.label: gain(at, c) for c in CLASSES} if explained else None)

    return tuple(joined(at) for at in range(len(members[0].features)))


def named_notes(results: Mapping[str, TrainingResult]) -> tuple[Note, ...]:
    """The notes of all members: once those with which all begin, the others with the name of the member."""
    notes = {name: result.notes for name, result in results.items()}
    common = [same[0] for same in takewhile(lambda same: len({*same}) == 1, zip(*notes.values(), strict=False))]
    own = [replace(note, text=f"{name}: {note.text}") for name, told in notes.items() for note in told[len(common) :]]
    return (*common, *own)


def _chosen_by_fold(best: _Fitted) -> dict[int, int]:
    return {fold: _chosen(combination) for fold, combination in best.by_fold.items()}


def _chosen(combination: Combination) -> int:
    """The member that has all weight."""
    numbers, _ = combination.trimmed(0)
    return numbers[0]


def _best(members: Sequence[TrainingResult], best: _Fitted) -> TrainingResult:
    """The result of the best member, with the models that were best by what the other folds say.

    Without them where members that were chosen were held out in different folds: nobody knows which gene a model saw.
    """
    numbers = _chosen_by_fold(best)
    if len(set(numbers.values())) > 1 and not _same_folds([members[number] for number in numbers.values()]):
        return replace(members[_chosen(best.whole)], fold_models={})
    chosen = {fold: members[number].fold_models for fold, number in numbers.items()}
    fold_models = {fold: models[fold] for fold, models in chosen.items() if fold in models}
    return replace(members[_chosen(best.whole)], fold_models=fold_models)


def _oof_of_best(members: Sequence[TrainingResult], best: _Fitted) -> pl.DataFrame:
    """The table in which the rows of a fold are those of the member that is best on the others."""
    names = [name for prefix in (RAW, CALIBRATED) for name in probability_columns(prefix)]
    values = np.stack([member.oof.select(names).to_numpy() for member in members])
    table = members[_chosen(best.whole)].oof
    folds = _folds(members[0])
    of_row = np.empty(len(folds), np.intp)
    for fold, number in _chosen_by_fold(best).items():
        of_row[folds == fold] = number
    chosen = values[of_row, np.arange(len(folds))]
    return table.with_columns(pl.Series(name, chosen[:, at]) for at, name in enumerate(names))


def _seconds(members: Sequence[TrainingResult], combining: float) -> dict[str, float]:
    names = dict.fromkeys(name for member in members for name in member.seconds)
    return {name: sum(m.seconds.get(name, 0.0) for m in members) for name in names} | {"combination": combining}


def choice_note(names: Sequence[str], saved: str, by_fold: Mapping[int, int]) -> tuple[Note, ...]:
    """What the figures of the run mean where folds chose another member than the one that is saved; else nothing."""
    other = {fold: names[number] for fold, number in sorted(by_fold.items()) if names[number] != saved}
    if not other:
        return ()
    folds = ", ".join(f"fold {fold} {name}" for fold, name in other.items())
    text = (
        "The figures of the run are those of choosing a member for each fold by what the others say, which is "
        f"not {saved} everywhere ({folds}). Scores of members that differ are then ranked together, and AP may be "
        f"lower than that of {saved} alone, which stands in the leaderboard."
    )
    return (Note("info", text),)


def _notes(outcome: Joined, gain: Gain, failed: Mapping[str, str], *, keep: bool, alone: bool) -> tuple[Note, ...]:
    """What a reader of the report must know of the combination."""
    notes = [
        Note("warning", f"INCOMPLETE COMBINATION: the member {name} failed ({reason})")
        for name, reason in failed.items()
    ]
    if alone:
        return (*notes, Note("info", f"Saved is the best member, {outcome.saved}."))
    verdict = f"Combined ({outcome.method}) minus the best member, {outcome.opponent}: {gain.text}."
    if not gain.real:
        verdict += " No gain" + (
            "; it was saved since --keep-combination was given." if keep else f"; saved is {outcome.saved}."
        )
    return (*notes, Note("info", verdict))
