"""What the batches of an ensemble were like: each member alone, the ensemble of them, and where they agree."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.fold_metrics import shown_folds
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.importance.stability import spearman
from meta_models.metrics import accuracy, decided
from meta_models.model import EnsembleMetaModel
from meta_models.result import (
    RAW,
    EnsembleRecord,
    MemberRecord,
    ScoreFigures,
    TrainingResult,
    probability_columns,
)
from meta_models.schema import CLASSES

_TOP = 20
_FIGURES = ("accuracy", "log_loss", "average_precision", "genomic_average_precision")


class Ensemble(Analysis):
    """Reads the records of the members; not applicable to a single model."""

    code = "ensemble"
    title = "Batches of the ensemble"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write the batches, the score of each fold, seen against unseen genes, and the agreement of the members."""
        result = context.result
        record = result.ensemble
        if record is None:
            return self.not_applicable("the model is no ensemble of batches")
        found = Findings(context.writer)
        file = found.write("ensemble_batches.csv", batch_table(record))
        found.tables.append(ReportTable("Batches", _measured(record), _BATCHES, file))
        folds = cv_table(context.fold_metrics, record)
        file = found.write("ensemble_cv_results.csv", folds)
        shown = shown_folds(folds, result.bases[0].name)
        found.tables.append(ReportTable("Honest score of the ensemble", shown, _FOLDS[record.cv], file))
        gaps = gap_table(record)
        file = found.write("overfitting_analysis/batches_and_ensemble.csv", gaps)
        found.tables.append(ReportTable("Seen against unseen genes", gaps, _GAPS, file))
        ranks = rank_table(result)
        if ranks is not None:
            file = found.write("feature_importance_analysis/member_ranks.csv", ranks)
            found.tables.append(ReportTable("Ranks of features in the members", ranks, _RANKS, file))
        for line in (*ensemble_lines(result), *consistency_lines(result)):
            found.tell(line)
        if record.missing_genes:
            found.warn(f"{len(record.missing_genes)} genes of batches that failed were not trained on.")
        return self.done(found, f"{len(record.members)} members, {record.method}, {record.cv}: {record.cv_reason}")


_BATCHES = (
    "One row per member. Unseen figures are those of the member alone (calibrated with --calibrate-members only), on "
    "genes that it knows nothing of. Peak memory and seconds are those of its process."
)
_FOLDS = {
    "out-of-batch": "A fold is a batch: its genes are scored by all members but its own. Base models beside.",
    "refit": "The genes of a fold are scored by all members, refitted without them. Base models beside.",
}
_GAPS = (
    "The same figures on the genes that a member (or the ensemble) was trained on, and on those that it was not. The "
    "gap is what it knows by heart; only the unseen figure is one to expect."
)
_RANKS = "Rank of each feature by its total gain (or what the learner has instead) in a member; 1 is the highest."


def batch_table(record: EnsembleRecord) -> pl.DataFrame:
    """One row per member, without what was measured of its process."""
    return pl.DataFrame([_line(member) for member in record.members], infer_schema_length=None)


def _line(member: MemberRecord) -> dict[str, object]:
    return {
        "member": member.member,
        "unit": member.unit,
        "genes": member.genes,
        "rows": member.rows,
        **{f"{name}_rows": count for name, count in member.class_counts.items()},
        **{f"{name}_rounds": rounds for name, rounds in member.rounds.items()},
        "unseen_rows": member.unseen.rows,
        **{f"unseen_{name}": getattr(member.unseen, name) for name in _FIGURES},
        "predicted_peak_bytes": member.predicted_peak,
    }


def _measured(record: EnsembleRecord) -> pl.DataFrame:
    """The batches with peak and wall, for the report alone: artifacts of equal runs are equal."""
    peaks = [None if m.measured_peak is None else m.measured_peak / 1e9 for m in record.members]
    return batch_table(record).with_columns(
        pl.Series("peak_gb", peaks, pl.Float64), pl.Series("seconds", [m.seconds for m in record.members], pl.Float64)
    )


def cv_table(metrics: pl.DataFrame, record: EnsembleRecord) -> pl.DataFrame:
    """Metrics of each fold and pooled, base beside meta, with the number of members that scored it."""
    used = {str(fold): count for fold, count in record.members_by_fold.items()}
    members = pl.Series("members_used", [used.get(fold) for fold in metrics["fold"]], pl.Int64)
    return metrics.clone().insert_column(metrics.columns.index("rows") + 1, members)


def gap_table(record: EnsembleRecord) -> pl.DataFrame:
    """Figures on seen and on unseen genes and their difference: each member, then the ensemble."""
    pairs = [(member.unit, member.seen, member.unseen) for member in record.members]
    rows = [_gap(name, seen, unseen) for name, seen, unseen in [*pairs, ("ensemble", record.seen, record.unseen)]]
    return pl.DataFrame(rows, infer_schema_length=None)


def _gap(name: str, seen: ScoreFigures, unseen: ScoreFigures) -> dict[str, object]:
    row: dict[str, object] = {"model": name}
    for figure in _FIGURES:
        on_seen, on_unseen = getattr(seen, figure), getattr(unseen, figure)
        gap = None if on_seen is None or on_unseen is None else on_seen - on_unseen
        row |= {f"seen_{figure}": on_seen, f"unseen_{figure}": on_unseen, f"gap_{figure}": gap}
    return row


def rank_table(result: TrainingResult) -> pl.DataFrame | None:
    """Rank of each feature in each member, by mean rank; None where the model has no members."""
    if not isinstance(result.model, EnsembleMetaModel):
        return None
    gains = member_gains(result.model).sum(axis=1)
    order = np.argsort(-gains, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, gains.shape[1] + 1)[None, :], axis=1)
    columns = {f"member_{m}": ranks[m] for m in range(len(ranks))}
    table = pl.DataFrame({"feature": result.model.feature_names, "mean_rank": ranks.mean(axis=0), **columns})
    return table.sort("mean_rank", "feature")


def member_gains(model: EnsembleMetaModel) -> NDArray[np.float64]:
    """The first importance of each feature that the learner has (total gain), (members, 3, features); else 0."""
    gains = np.zeros((len(model.singles), len(CLASSES), model.n_features_in_))
    where = {name: number for number, name in enumerate(model.feature_names)}
    for m, member in enumerate(model.singles):
        for values in list(member.predictor.importances().values())[:1]:
            gains[m][:, [where[name] for name in member.own_columns]] = values
    return gains


def ensemble_lines(result: TrainingResult) -> tuple[str, ...]:
    """What the summary says of the members; nothing for a single model."""
    record = result.ensemble
    if record is None:
        return ()
    how = "members calibrated" if result.config.calibrate_members else "uncalibrated"
    batches = [member.unseen.accuracy for member in record.members if member.unseen.accuracy is not None]
    sizes = [member.rows for member in record.members]
    alone = _spread([member.unseen.average_precision for member in record.members])
    unseen, seen = _shown(record.unseen.average_precision), _shown(record.seen.average_precision)
    return (
        f"Ensemble Batches: {len(record.members)} ({record.method}), rows {min(sizes):,} to {max(sizes):,}, "
        f"genes {sum(member.genes for member in record.members):,}"
        + (f", {len(record.missing_genes):,} genes MISSING" if record.missing_genes else ""),
        f"Average Batch Accuracy: {_spread(batches)} (each member alone, on genes that it never saw; {how})",
        f"Ensemble CV Accuracy: {_spread(_fold_accuracies(result))} over folds ({record.cv}; {how})",
        f"Average Batch AP: {alone} (donor and acceptor, rows of the table, {how}, unseen genes)",
        f"Ensemble AP: {unseen} on unseen genes, {seen} on those that it was trained on",
    )


def measured_lines(result: TrainingResult) -> tuple[str, ...]:
    """Peak and wall of the units, for the summary alone; nothing for a single model."""
    members = () if result.ensemble is None else result.ensemble.members
    peaks = [member.measured_peak for member in members if member.measured_peak is not None]
    seconds = [member.seconds for member in members if member.seconds is not None]
    if not (peaks and seconds):
        return ()
    predicted = max(member.predicted_peak for member in members)
    peak = f"peak memory at most {max(peaks) / 1e9:.2f} GB (predicted {predicted / 1e9:.2f} GB)"
    return (f"Units: {peak}, wall {min(seconds):.1f} to {max(seconds):.1f} s",)


def consistency_lines(result: TrainingResult) -> tuple[str, ...]:
    """Whether the members agree on which features matter; nothing for fewer than two members."""
    if not isinstance(result.model, EnsembleMetaModel) or len(result.model.singles) < 2:
        return ()
    gains = member_gains(result.model)
    gains = gains[gains.any(axis=(1, 2))]
    if len(gains) < 2:
        return ()
    lines = []
    for target in CLASSES:
        used = gains[:, target].max(axis=0) > 0
        pairs = list(combinations(gains[:, target][:, used], 2))
        correlations = [r for a, b in pairs if (r := spearman(a, b)) is not None]
        shared = [_shared_top(a, b) for a, b in pairs]
        lines.append(
            f"{target.label}: rank correlation of the gains of two members {_spread(correlations)}, "
            f"features shared by their first {_TOP}: {_spread(shared)}"
        )
    return tuple(lines)


def _shared_top(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    top = min(_TOP, len(a))
    first, second = (set(np.argsort(-values, kind="stable")[:top].tolist()) for values in (a, b))
    return len(first & second) / top if top else 0.0


def _fold_accuracies(result: TrainingResult) -> list[float]:
    columns = probability_columns(RAW)
    found = []
    for part in result.oof.partition_by("fold", maintain_order=True):
        value = accuracy(part["label"].to_numpy(), decided(part.select(columns).to_numpy())).value
        found += [] if value is None else [value]
    return found


def _spread(values: list[float] | list[float | None]) -> str:
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return "null"
    deviation = f" +/- {known.std(ddof=1):.4f}" if len(known) > 1 else ""
    return f"{known.mean():.4f}{deviation} ({known.min():.4f} to {known.max():.4f})"


def _shown(value: float | None) -> str:
    return "null" if value is None else f"{value:.4f}"
