"""What learners of whole genes look at: inputs taken away, integrated gradients, and mutations in the computer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from meta_models.analysis.attribution.gene_explanations import (
    REACH,
    Ablation,
    Explained,
    Predictors,
    Site,
    base_importance,
    named,
)
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.importance.input_sources import InputSource, source_of
from meta_models.analysis.plots import style
from meta_models.analysis.plots.bases import draw_by_distance, draw_mutations
from meta_models.analysis.plots.features import draw_bars
from meta_models.learners.seam.genes import GenePredictor
from meta_models.model import FittedModel
from meta_models.model.calibrators import normalise
from meta_models.schema import CLASS_NAMES, GENE, POSITION, SITE_CLASSES, SpliceClass

if TYPE_CHECKING:
    from matplotlib.figure import Figure


FOLDER = "gene_inputs"
#: Bases on either side of a site whose attributions are drawn, and sites whose mutations are.
_DRAWN_BASES, _DRAWN_SITES = 40, 4


class GeneInputs(Analysis):
    """Of each learner that reads whole genes, out of fold."""

    code = "gene-inputs"
    title = "Inputs of learners of genes"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write what groups of inputs are worth, what adds up at fixed and broken sites, and maps of mutations."""
        names = {single.own_columns: single.learner for single in context.result.model.gene_readers}
        if not names:
            return self.not_applicable("no learner of this model reads whole genes")
        source = source_of(context)
        if source is None:
            return self.not_applicable("the genes of the table, or its rows, are not at hand")
        found = Findings(context.writer)
        for columns, learner in names.items():
            predictors = _predictors(context, columns)
            _worth(source, found, predictors, learner)
            _sites(context, source, found, predictors, learner)
        config = context.config
        return self.done(
            found,
            f"{source.told}, drawn by the seed {config.seed}, and {config.gradient_sites} sites (gradient_sites), "
            "scored by models that never saw them",
        )


def _predictors(context: AnalysisContext, columns: tuple[str, ...]) -> Predictors:
    """The predictor of each fold whose scores are called `columns`; the final one where a fold has none."""
    result = context.result
    found = {}
    for fold in np.unique(context.scores.folds).tolist():
        own = result.fold_models.get(fold)
        predictor = (None if own is None else _reader(own, columns)) or _reader(result.model, columns)
        if predictor is not None:
            found[fold] = predictor
    return found


def _reader(model: FittedModel, columns: tuple[str, ...]) -> GenePredictor | None:
    return next((single.gene_predictor for single in model.gene_readers if single.own_columns == columns), None)


def _worth(source: InputSource, found: Findings, predictors: Predictors, learner: str) -> None:
    rows, where = source.ablations(predictors)
    table = pl.DataFrame([_row(row) for row in rows])
    file = found.write(f"{FOLDER}/{learner}_ablation.csv", table)
    caption = (
        f"Average precision {where} out of fold and before calibration, with all inputs and without a group: unknown "
        "bases, or scores, evidence and columns that are missing everywhere."
    )
    found.tables.append(ReportTable(f"What the inputs of {learner} are worth", table, caption, file))
    with style.style():
        figure = _worth_figure(rows, learner)
        found.draw(f"{FOLDER}/{learner}_ablation.png", figure, f"Inputs of {learner}, taken away", caption)


def _sites(
    context: AnalysisContext, source: InputSource, found: Findings, predictors: Predictors, learner: str
) -> None:
    explained = list(source.explained(predictors, chosen_sites(context)))
    told = [each for each in explained if each.attributions is not None]
    if not told:
        return
    table = pl.DataFrame([_site_row(each) for each in told])
    file = found.write(f"{FOLDER}/{learner}_attributions.csv", table)
    caption = (
        "Integrated gradients of the net that scored the position out of fold, from nothing known (base_log_odds) to "
        "all inputs (log_odds); what groups add sums to the difference."
    )
    found.tables.append(ReportTable(f"Fixed and broken sites, explained by {learner}", table, caption, file))
    with style.style():
        figure = _distance_figure(told, learner)
        found.draw(
            f"{FOLDER}/{learner}_bases.png", figure, f"Bases that {learner} looks at",
            "Mean absolute integrated gradient of the bases at each distance from fixed and broken sites.",
        )  # fmt: skip
    _mutations(found, [each for each in explained if each.mutations is not None], learner)


def _mutations(found: Findings, explained: list[Explained], learner: str) -> None:
    if not explained:
        return
    table = pl.concat([_mutation_table(each) for each in explained])
    found.write(f"{FOLDER}/{learner}_mutations.csv", table)
    with style.style():
        found.draw(
            f"{FOLDER}/{learner}_mutations.png", _mutation_figure(explained[:_DRAWN_SITES], learner),
            f"Mutations around sites, {learner}",
            f"Change of the log-odds when a base within {REACH} of the site is another one; base scores stay what they "
            "are. Letters are the bases that are there.",
        )  # fmt: skip


def chosen_sites(context: AnalysisContext) -> list[Site]:
    """Rows that the meta-model put right, and rows that it put wrong, those of the largest change: half of each."""
    scores, most = context.scores, context.config.gradient_sites
    before, after = normalise(scores.main_base), normalise(scores.calibrated)
    rows = np.arange(len(scores.labels))
    change = np.abs(after[rows, scores.labels] - before[rows, scores.labels])
    was, now = before.argmax(axis=1) == scores.labels, after.argmax(axis=1) == scores.labels
    frame, sites = scores.frame, list[Site]()
    for kind, mask, size in (("fixed", ~was & now, most - most // 2), ("broken", was & ~now, most // 2)):
        mine = np.flatnonzero(mask)
        for row in mine[np.argsort(-change[mine], kind="stable")][:size].tolist():
            called = int(after[row].argmax()) or int(before[row].argmax())
            target = SpliceClass(int(scores.labels[row]) or called)
            place = int(frame[POSITION][row]) if POSITION in frame.columns else row
            sites.append(Site(str(frame[GENE][row]), int(scores.folds[row]), place, target, kind, row))
    return sites


def _row(row: Ablation) -> dict[str, object]:
    return {
        "inputs": row.group,
        "class": named(row.target),
        "ap": row.whole,
        "ap_without": row.without,
        "loss": row.loss,
    }


def _site_row(each: Explained) -> dict[str, object]:
    site, found = each.site, each.attributions
    start, end = (None, None) if found is None else (found.start, found.end)
    return {
        "gene_id": site.gene_id, "position": site.position, "fold": site.fold, "kind": site.kind,
        "class": named(site.target), "base_log_odds": start, "log_odds": end, **each.by_group(),
    }  # fmt: skip


def _mutation_table(each: Explained) -> pl.DataFrame:
    changes = each.mutations
    if changes is None:
        raise AssertionError("only sites whose mutations are known are tabled")
    size = len(changes)
    return pl.DataFrame({
        "gene_id": [each.site.gene_id] * size, "position": [each.site.position] * size,
        "class": [named(each.site.target)] * size, "distance": np.arange(size) - REACH,
        "base": ["ACGTN"[code] for code in each.codes],
        **{f"to_{base}": changes[:, k] for k, base in enumerate("ACGT")},
    })  # fmt: skip


def _worth_figure(rows: list[Ablation], learner: str) -> Figure:
    figure, axes = style.new_figure(1, len(SITE_CLASSES), width=5.0, height=3.2)
    for ax, target in zip(axes[0], SITE_CLASSES, strict=True):
        mine = [row for row in rows if row.target is target]
        losses = np.array([row.loss or 0.0 for row in mine])
        draw_bars(
            ax, [row.group for row in mine], losses, [style.BLUE] * len(mine), title=named(target),
            x_label="loss of AP without it",
        )  # fmt: skip
    figure.suptitle(f"Inputs of {learner}", fontsize=11)
    return figure


def _distance_figure(explained: list[Explained], learner: str) -> Figure:
    means = {target: base_importance(explained, target, _DRAWN_BASES) for target in SITE_CLASSES}
    known = {target: values for target, values in means.items() if values is not None}
    figure, axes = style.new_figure(1, max(len(known), 1), width=5.0, height=3.0, share_y=True)
    for ax, (target, values) in zip(axes[0], known.items(), strict=False):
        draw_by_distance(ax, values, style.BLUE, title=CLASS_NAMES[target], y_label="mean |log-odds|")
    figure.suptitle(f"Bases that {learner} looks at", fontsize=11)
    return figure


def _mutation_figure(explained: list[Explained], learner: str) -> Figure:
    figure, axes = style.new_figure(len(explained), 1, width=9.5, height=2.0)
    for row, each in zip(axes, explained, strict=True):
        title = f"{each.site.gene_id}, position {each.site.position}: {named(each.site.target)}, {each.site.kind}"
        if each.mutations is not None:
            draw_mutations(row[0], each.mutations, each.codes, title=title)
    axes[-1][0].set_xlabel(f"bases that are there, {REACH} on either side of the framed site")
    figure.suptitle(f"Mutations, {learner}", fontsize=11)
    return figure
