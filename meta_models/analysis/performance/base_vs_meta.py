"""Base against meta-model: the headline, every stratum and metric, per fold and per gene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from meta_models.analysis.comparison.fold_metrics import shown_folds
from meta_models.analysis.comparison.notes import in_short
from meta_models.analysis.comparison.strata import absent_strata
from meta_models.analysis.comparison.table import (
    ALL_ROWS,
    BEST_BASE,
    LOGISTIC_COMBINER,
    EvaluationRow,
    EvaluationTable,
    combiner_note,
)
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Draws, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.plots import style
from meta_models.analysis.plots.intervals import Interval, draw_intervals
from meta_models.metrics import METRICS
from meta_models.metrics.bootstrap import FEW_RESAMPLES
from meta_models.result import TrainingResult
from meta_models.schema import SITE_CLASSES, SpliceClass
from meta_models.wording import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AP = "average_precision"
#: Share of sites, of both kinds, that no table of all positions has: in the worm's short genes it is 0.5 %.
_MOST_SITES = 0.02
_SHOWN_COLUMNS = (
    "population",
    "stratum",
    "target",
    "metric",
    "base_model",
    "base",
    "meta",
    "difference",
    "lower",
    "upper",
)


class BaseVersusMeta(Analysis):
    """The comparison that counts."""

    code = "base-vs-meta"
    title = "Base model against meta-model"
    draws = Draws.ONE

    def run(self, context: AnalysisContext) -> Outcome:
        """Write the summary, the comparison in every stratum and the metrics of each fold."""
        found = Findings(context.writer)
        evaluation = context.evaluation
        headline = evaluation.headline
        found.write("meta_evaluation_summary.json", _summary(context, evaluation))
        tsv = found.write("base_vs_meta_performance.tsv", evaluation.to_frame())
        folds = context.fold_metrics
        csv = found.write("gene_cv_metrics.csv", folds)
        won = headline.beats and not headline.winning_combiners
        (found.tell if won else found.warn)(headline.sentence())
        if in_short(headline.row.note) != headline.row.note:
            found.tell(f"In numbers: {headline.row.note}.")
        _warn_of_worse(found, evaluation)
        _warn_of_rows(found, context.result)
        _warn_of_resamples(found, evaluation.bootstrap_samples)
        found.tables.append(_headline_table(evaluation, tsv))
        found.tables.append(_strata_table(evaluation, tsv))
        main = context.result.bases[0].name
        caption = f"One row per population and fold, then pooled; {main} is the main base model."
        found.tables.append(ReportTable("Metrics of each fold", shown_folds(folds, main), caption, csv))
        with style.style():
            figure = _strata_figure(evaluation)
            name = "performance_plots/difference_by_stratum.png"
            found.draw(name, figure, "Meta minus best base, by stratum", _STRATA_CAPTION)
        reason = f"{evaluation.bootstrap_samples} resamples of {headline.row.families} families, out of fold"
        drawn = combiner_note(context.result.oof.height, context.config.combiner_rows)
        if drawn and any(row.base_model == LOGISTIC_COMBINER for row in headline.combiners):
            reason += f". The {LOGISTIC_COMBINER} is {drawn}"
        if absent := absent_strata(dict.fromkeys(row.stratum for row in evaluation.rows)):
            reason += f". Strata that are not applicable: {'; '.join(absent)}"
        return self.done(found, reason)


_STRATA_CAPTION = (
    "Difference in average precision (meta minus best base model) with its 95 % interval from a bootstrap over "
    "families. Right of the line the meta-model is better. Where there is no figure, base_vs_meta_performance.tsv says "
    "why: no sites, or a few heavy rows that decide it."
)


def _summary(context: AnalysisContext, evaluation: EvaluationTable) -> dict[str, object]:
    result = context.result
    return {
        **evaluation.to_json(),
        "strategy": result.strategy,
        "strategy_reason": result.strategy_reason,
        "weighting": result.weighting,
        "positions": result.oof.height,
        "genes": result.oof["gene_id"].n_unique(),
        "families": result.oof["family"].n_unique(),
        "features": len(result.kept_features),
        "base_train_chroms": None if result.base_train_chroms is None else list(result.base_train_chroms),
        "best_base_by_fold": {str(fold): name for fold, name in sorted(result.best_base_by_fold.items())},
    }


def _warn_of_worse(found: Findings, evaluation: EvaluationTable) -> None:
    """Warn of strata in which the meta-model is worse than the best base model, beyond chance."""
    population = evaluation.headline.population
    for target in SITE_CLASSES:
        rows = evaluation.select(population=population, metric=AP, base_model=BEST_BASE, target=target.label)
        worse = [row for row in rows if row.upper is not None and row.upper < 0]
        if worse:
            named = "; ".join(f"{row.stratum}: {row.base:.4f} -> {row.meta:.4f}" for row in worse)
            found.warn(
                f"For {target.label}s the AP of the meta-model is below that of the best base model, beyond the 95 % "
                f"interval, in {len(worse)} of {len(rows)} strata ({named}). Intervals are not corrected for how many "
                "strata there are."
            )


def _warn_of_resamples(found: Findings, samples: int) -> None:
    """Say so where intervals are the extremes of a few resamples."""
    if samples < FEW_RESAMPLES:
        found.warn(
            f"{counted(samples, 'resample')} {'is' if samples == 1 else 'are'} too few for a 95 % interval: none here "
            f"can be relied on. Give --bootstrap-samples {FEW_RESAMPLES} or more."
        )


def _warn_of_rows(found: Findings, result: TrainingResult) -> None:
    """Say so where negatives were left out of the table, and nothing tells how many each row stands for."""
    sites = np.mean(result.oof["label"].to_numpy() != SpliceClass.NEITHER)
    if result.weighting == "none" and sites > _MOST_SITES:
        found.warn(
            f"Sites are {sites:.1%} of the rows, far more than of a gene's positions, and there is no sampling_weight: "
            "negatives were left out, and figures of such rows flatter the meta-model. Give the positions "
            "(--oof-dataset, --eval-dataset) or the weights."
        )


def _headline_table(evaluation: EvaluationTable, file: str) -> ReportTable:
    rows = _headline_first(evaluation.select(stratum=ALL_ROWS, base_model=BEST_BASE), evaluation)
    caption = (
        "All rows, against the best base model (chosen on training folds); 95 % intervals of the difference from a "
        "bootstrap over families. The genomic population weights rows to the positions they stand for."
    )
    return ReportTable("All metrics, all rows", _frame(rows), caption, file)


def _strata_table(evaluation: EvaluationTable, file: str) -> ReportTable:
    rows = _headline_first(evaluation.select(metric=AP), evaluation)
    caption = "Average precision in every stratum, against every base model and trivial combiners of their scores."
    return ReportTable("Average precision by stratum and opponent", _frame(rows).drop("metric"), caption, file)


def _headline_first(rows: Sequence[EvaluationRow], evaluation: EvaluationTable) -> list[EvaluationRow]:
    return sorted(rows, key=lambda row: row.population != evaluation.headline.population)


def _frame(rows: list[EvaluationRow]) -> pl.DataFrame:
    frame = pl.DataFrame(
        [[getattr(row, name) for name in _SHOWN_COLUMNS] + [row.families, row.rows, row.note] for row in rows],
        schema=[*_SHOWN_COLUMNS, "families", "rows", "note"],
        orient="row",
        infer_schema_length=None,
    )
    titles = {name: spec.title for name, spec in METRICS.items()}
    return frame.with_columns(pl.col("metric").replace(titles))


def _strata_figure(evaluation: EvaluationTable) -> Figure:
    population = evaluation.headline.population
    rows = evaluation.select(population=population, metric=AP, base_model=BEST_BASE)
    strata = list(dict.fromkeys(row.stratum for row in rows))
    figure, axes = style.new_figure(1, 2, width=5.6, height=0.9 + 0.3 * len(strata), share_y=True)
    for ax, target, colour in zip(axes[0], ("donor", "acceptor"), (style.BLUE, style.ORANGE), strict=True):
        chosen = {row.stratum: row for row in rows if row.target == target}
        intervals = [_interval(name, chosen.get(name)) for name in strata]
        draw_intervals(ax, intervals, title=target, x_label="AP, meta minus best base", colour=colour)
    limits = [ax.get_xlim() for ax in axes[0]]
    for ax in axes[0]:
        ax.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    figure.suptitle(f"Difference by stratum, {population} population", fontsize=11)
    return figure


def _interval(name: str, row: EvaluationRow | None) -> Interval:
    if row is None or row.difference is None:
        return Interval(name, np.nan, np.nan, np.nan)
    lower, upper = (np.nan if bound is None else bound for bound in (row.lower, row.upper))
    return Interval(name, row.difference, lower, upper)
