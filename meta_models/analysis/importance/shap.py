"""SHAP: what each feature adds to the log-odds of each class, for a fair sample of rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from meta_models.analysis.attribution.contributions import Contributions, parts_of, sampled_bytes, unexplained
from meta_models.analysis.attribution.kmers import kmer_table
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.importance.stability import rank_agreement
from meta_models.analysis.plots import style
from meta_models.analysis.plots.features import add_colour_legend, draw_bars, draw_beeswarm, draw_dependence
from meta_models.config import TrainingConfig
from meta_models.model import EnsembleMetaModel, FittedModel
from meta_models.schema import CHROM, CLASSES, GENE, POSITION, SITE_CLASSES, FeatureGroup, SpliceClass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from meta_models.result import TrainingResult

FOLDER = "shap_analysis"
GROUP_COLOURS: dict[FeatureGroup, str] = {
    FeatureGroup.BASE: style.BLUE,
    FeatureGroup.DERIVED: style.SKY,
    FeatureGroup.CONTEXT: style.GREEN,
    FeatureGroup.KMER: style.ORANGE,
    FeatureGroup.GENOMIC: style.RED,
    FeatureGroup.EVIDENCE: style.PURPLE,
    FeatureGroup.OTHER: style.GREY,
}
_SHOWN = 15
_ADDITIVITY = (
    "Distance in log-odds between the sum of the contributions, with the bias, and the log-odds of the model. "
    "Rounding: between that sum and the weighted log-odds of the members before they are calibrated, which it equals."
)
_DEPENDENCE = 6
#: Additivity error in log-odds beyond which a single model's contributions are not exact.
_EXACT = 0.01


class ShapValues(Analysis):
    """TreeSHAP by XGBoost; exact for a single model, a weighted sum over the members of an ensemble."""

    code = "shap"
    title = "SHAP"

    def value_bytes(self, rows: int, features: int, config: TrainingConfig) -> int:
        """Rows that are explained, and rows behind what one feature tells alone."""
        return sampled_bytes(rows, features, config)

    def run(self, context: AnalysisContext) -> Outcome:
        """Write importance, values, k-mer sums, stability and plots into ``shap_analysis/``."""
        parts = parts_of(context.result.model)
        if parts is None:
            return self.not_applicable(unexplained(context.result.model))
        if context.rows is None:
            return self.not_applicable("feature values cannot be read: the run has no source of rows")
        found = Findings(context.writer)
        explained = context.contributions
        self._tables(context, found, explained)
        self._values(context, found, explained)
        agreement = rank_agreement(context, explained)
        file = found.write(f"{FOLDER}/stability.csv", agreement.table)
        found.tables.append(ReportTable("Stability of the ranking", agreement.table, agreement.how, file))
        self._pictures(context, found, explained)
        _write_error(found, explained, context.result.model)
        _tell_error(found, explained, context.result)
        genes = context.result.oof[GENE].gather(explained.rows).n_unique()
        return self.done(
            found,
            f"{len(explained.rows):,} rows of {genes:,} genes (shap_rows {context.config.shap_rows}), a third of each "
            f"class as far as there are rows, seed {context.config.seed}; rows of the training table",
        )

    def _tables(self, context: AnalysisContext, found: Findings, explained: Contributions) -> None:
        names, importance = context.result.kept_features, explained.importance()
        groups = {record.name: record.group.value for record in context.result.features}
        tables = []
        for target in CLASSES:
            table = pl.DataFrame(
                {
                    "feature": names,
                    "group": [groups[name] for name in names],
                    "mean_abs_shap": importance[target],
                    "mean_shap": explained.values[target].mean(axis=0, dtype=np.float64),
                }
            ).sort("mean_abs_shap", "feature", descending=[True, False])
            file = found.write(f"{FOLDER}/shap_importance_{target.label}.csv", table)
            tables.append(
                ReportTable(f"SHAP importance, {target.label}", table, "Log-odds; mean over the sample.", file)
            )
        found.tables.extend(tables[target] for target in (*SITE_CLASSES, SpliceClass.NEITHER))
        kmers = kmer_table(names, importance)
        if kmers.height:
            file = found.write(f"{FOLDER}/kmer_importance.csv", kmers)
            caption = (
                "Mean absolute contributions summed over each k-mer and its reverse complement, and over all of one k."
            )
            found.tables.append(ReportTable("K-mers together", kmers, caption, file))

    def _values(self, context: AnalysisContext, found: Findings, explained: Contributions) -> None:
        names = context.result.kept_features
        columns = [c for c in (GENE, CHROM, POSITION, "label", "fold") if c in context.result.oof.columns]
        rows = context.result.oof.select(columns)[explained.rows].insert_column(0, pl.Series("row", explained.rows))
        taken = set(rows.columns) | {"bias"}
        safe = [f"feature:{name}" if name in taken else name for name in names]
        features = rows.with_columns(pl.Series(name, explained.features[:, k]) for k, name in enumerate(safe))
        found.write(f"{FOLDER}/shap_features.parquet", features)
        for target in CLASSES:
            values = explained.values[target]
            frame = rows.with_columns(
                pl.lit(float(explained.bias[target])).alias("bias"),
                *(pl.Series(name, values[:, k]) for k, name in enumerate(safe)),
            )
            found.write(f"{FOLDER}/shap_values_{target.label}.parquet", frame)

    def _pictures(self, context: AnalysisContext, found: Findings, explained: Contributions) -> None:
        """Have them made where they are drawn: shap alone takes long to import."""
        bars = partial(_bar_figure, context, explained)
        found.draw(f"{FOLDER}/bar.png", bars, "Mean absolute contributions", _BAR)
        for target in (*SITE_CLASSES, SpliceClass.NEITHER):
            name, swarm = target.label, partial(_beeswarm_figure, context, explained, target)
            found.draw(f"{FOLDER}/beeswarm_{name}.png", swarm, f"Contributions to {name}", _BEESWARM)
            if target in SITE_CLASSES:
                dependence = partial(_dependence_figure, context, explained, target)
                found.draw(f"{FOLDER}/dependence_{name}.png", dependence, f"Dependence, {name}", _DEPENDS)


_BAR = "Mean absolute SHAP value of the first features of each class; the colour is the group of the feature."
_BEESWARM = (
    "A dot is a row of the sample: right raises the log-odds of the class; the colour is the value of the feature."
)
_DEPENDS = (
    "Contribution over the value of the feature, by true class. The axis is logarithmic (around 0: linear) where the "
    "values span decades."
)


def _write_error(found: Findings, explained: Contributions, model: FittedModel) -> None:
    """How far contributions are from adding up to the model's log-odds, and what each member counts in them."""
    columns = {"mean_error": explained.mean_errors, "largest_error": explained.largest_errors}
    table = pl.DataFrame({"class": [c.label for c in CLASSES], **columns}).with_columns(rounding=explained.rounding)
    file = found.write(f"{FOLDER}/additivity.tsv", table)
    found.tables.append(ReportTable("Error of additivity", table, _ADDITIVITY, file))
    parts = parts_of(model)
    if isinstance(model, EnsembleMetaModel) and parts is not None:
        weights = np.stack([part.weights for part in parts])
        members = pl.DataFrame({"member": range(len(parts)), "learner": [single.learner for single in model.singles]})
        members = members.with_columns(pl.Series(f"weight_{c.label}", weights[:, c]) for c in CLASSES)
        file = found.write(f"{FOLDER}/member_weights.tsv", members)
        found.tables.append(ReportTable("What members count", members, "Weights of their contributions.", file))


def _tell_error(found: Findings, explained: Contributions, result: TrainingResult) -> None:
    error = f"largest {explained.largest_error:.2g}, mean {explained.mean_error:.2g} in log-odds"
    if isinstance(result.model, EnsembleMetaModel) and explained.rounding > _EXACT:
        found.warn(f"Contributions miss the weighted log-odds of the members by {explained.rounding:.2g} at most.")
    if result.ensemble is not None:
        left_out = "not to the log-odds of the mean probability"
        if result.ensemble.method == "stacking":
            left_out += "; what the stacked model adds to that, of other classes too, is left out"
        if result.config.calibrate_members:
            left_out += "; calibration of the members is left out"
        found.tell(
            f"Contributions are weighted sums over {len(result.ensemble.members)} members. They add up to the weighted "
            f"log-odds of the members, {left_out}; additivity error: {error}."
        )
    elif isinstance(result.model, EnsembleMetaModel):
        learners = ", ".join(dict.fromkeys(single.learner for single in result.model.singles))
        found.tell(
            f"Contributions are those of {learners}, weighted as they are combined ({result.model.combination.kind}). "
            "They add up to the weighted log-odds of the members before they are calibrated, not to those of the "
            f"combination; additivity error: {error}."
        )
    elif explained.largest_error > _EXACT:
        found.warn(f"Contributions do not add up to the model's log-odds: {error}.")
    else:
        found.tell(f"Contributions add up to the model's uncalibrated log-odds; rounding error {error}.")


def _order(explained: Contributions, target: SpliceClass) -> list[int]:
    return [int(k) for k in np.argsort(-explained.importance()[target], kind="stable")]


def _bar_figure(context: AnalysisContext, explained: Contributions) -> Figure:
    names, importance = context.result.kept_features, explained.importance()
    groups = {record.name: record.group for record in context.result.features}
    targets = (*SITE_CLASSES, SpliceClass.NEITHER)
    figure, axes = style.new_figure(1, len(targets), width=4.9, height=4.4)
    for ax, target in zip(axes[0], targets, strict=True):
        top = _order(explained, target)[:_SHOWN]
        colours = [GROUP_COLOURS[groups[names[k]]] for k in top]
        chosen = [names[k] for k in top]
        draw_bars(ax, chosen, importance[target, top], colours, title=target.label, x_label="mean |SHAP|, log-odds")
    add_group_legend(figure, {groups[name] for name in names})
    return figure


def add_group_legend(figure: Figure, groups: set[FeatureGroup]) -> None:
    """A legend of the colours of feature groups under the axes."""
    add_colour_legend(figure, {group.value: colour for group, colour in GROUP_COLOURS.items() if group in groups})


def _beeswarm_figure(context: AnalysisContext, explained: Contributions, target: SpliceClass) -> Figure:
    shown = min(_SHOWN, explained.features.shape[1])
    figure, axes = style.new_figure(1, 1, width=7.2, height=1.1 + 0.31 * shown)
    draw_beeswarm(
        axes[0][0],
        explained.values[target],
        explained.features,
        context.result.kept_features,
        title="",
        shown=shown,
        seed=context.config.seed,
    )
    return figure


def _dependence_figure(context: AnalysisContext, explained: Contributions, target: SpliceClass) -> Figure:
    names = context.result.kept_features
    labels = context.scores.labels[explained.rows]
    groups = {c.label: np.asarray(labels == c.value) for c in CLASSES}
    colours = {c.label: style.CLASS_COLOURS[c] for c in CLASSES}
    top = _order(explained, target)[:_DEPENDENCE]
    figure, axes = style.new_figure(2, 3, width=3.7, height=2.7)
    for place, ax in enumerate(ax for row in axes for ax in row):
        if place >= len(top):
            ax.set_axis_off()
            continue
        k = top[place]
        draw_dependence(ax, explained.features[:, k], explained.values[target, :, k], groups, colours, title=names[k])
        ax.xaxis.label.set_visible(place + len(axes[0]) >= len(top))
        ax.yaxis.label.set_visible(ax in axes[0][:1] + axes[1][:1])
    axes[0][0].legend(title="true class", title_fontsize=8)
    return figure
