"""Several answers to "which features matter", side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.attribution.contributions import importances_of, parts_of, sampled_bytes
from meta_models.analysis.comparison.precision import precision_of_counts
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.importance.permutation import permutation_obstacle, permutation_table
from meta_models.analysis.importance.shap import GROUP_COLOURS, add_group_legend
from meta_models.analysis.importance.stability import spearman
from meta_models.analysis.plots import style
from meta_models.analysis.plots.features import add_colour_legend, draw_bars
from meta_models.config import TrainingConfig
from meta_models.schema import CLASSES, SITE_CLASSES, FeatureGroup, SpliceClass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "feature_importance_analysis"
_SHOWN = 12
_Floats = NDArray[np.float64]


class Importance(Analysis):
    """Gain, cover, SHAP, permutation and one-feature average precision."""

    code = "importance"
    title = "Feature importance"

    def value_bytes(self, rows: int, features: int, config: TrainingConfig) -> int:
        """Rows that are explained, and rows behind what one feature tells alone."""
        return sampled_bytes(rows, features, config)

    def run(self, context: AnalysisContext) -> Outcome:
        """Write the table of all methods, their rank correlation, permutation by group, and plots."""
        found = Findings(context.writer)
        table = importance_table(context)
        why = permutation_obstacle(context)
        permuted = None if why else permutation_table(context)
        if permuted is not None:
            table = table.join(permuted.by_feature.rename({"count": "permuted_together"}), on="feature", how="left")
        file = found.write(f"{FOLDER}/feature_importance.csv", table)
        found.tables.append(ReportTable("Every method, every feature", table, _METHODS, file))
        correlation = method_correlation(table)
        file = found.write(f"{FOLDER}/method_rank_correlation.csv", correlation)
        found.tables.append(ReportTable("Do the methods agree?", correlation, "Spearman's rank correlation.", file))
        if permuted is not None:
            file = found.write(f"{FOLDER}/permutation_importance.csv", permuted.table)
            found.tables.append(ReportTable("Permutation importance", permuted.table, permuted.how, file))
            if permuted.seen:
                found.tell(
                    "Permutation importance is of the final model on rows it was trained on; it ranks what the "
                    "model leans on, not what a feature is worth on new genes."
                )
            with style.style():
                figure = _permutation_figure(permuted.table)
                found.draw(f"{FOLDER}/permutation_importance.png", figure, "Permutation importance", permuted.how)
        with style.style():
            for target in SITE_CLASSES:
                title = f"Importance for {target.label}, by method"
                found.draw(f"{FOLDER}/methods_{target.label}.png", _methods_figure(table, target), title, _METHODS)
        return self.done(found, why if permuted is None else permuted.how)


_METHODS = (
    "Gain and cover: totals over the trees of the final model (share of all). SHAP: mean absolute contribution. "
    "One-feature AP: average precision of the feature alone, in its better direction, on a sample of rows. Permutation "
    "(in the table, and in a figure of its own): loss of AP when the feature and those like it are shuffled together."
)


def importance_table(context: AnalysisContext) -> pl.DataFrame:
    """One row per kept feature, a column per method and class; sorted by SHAP, or gain where there is none."""
    result = context.result
    names = result.kept_features
    records = {record.name: record for record in result.features}
    columns: dict[str, object] = {"feature": names, "group": [records[name].group.value for name in names]}
    gains = [[(records[name].gain or {}).get(target.label, 0.0) for name in names] for target in CLASSES]
    for target in CLASSES:
        columns[f"gain_{target.label}"] = _shares(np.array(gains[target]))
    for target, values in _covers(context).items():
        columns[f"cover_{target.label}"] = _shares(values)
    if context.rows is not None:
        if parts_of(result.model) is not None:
            importance = context.contributions.importance()
            columns.update({f"shap_{target.label}": importance[target] for target in CLASSES})
        columns.update(_one_feature_ap(context))
    frame = pl.DataFrame(columns)
    first = "shap" if "shap_donor" in frame.columns else "gain"
    order = pl.sum_horizontal(f"{first}_{target.label}" for target in SITE_CLASSES)
    return frame.sort(order, "feature", descending=[True, False])


def _shares(values: _Floats) -> _Floats:
    total = values.sum()
    return values / total if total else values


def _covers(context: AnalysisContext) -> dict[SpliceClass, _Floats]:
    """Total cover of each feature, weighted over the members."""
    parts = parts_of(context.result.model)
    features = len(context.result.kept_features)
    return {} if parts is None else dict(importances_of(parts, "cover", features))


def _one_feature_ap(context: AnalysisContext) -> dict[str, list[float | None]]:
    """Average precision of each feature alone on a sample, in its better direction; missing values rank last.

    Weighted in the headline population, so that the chance level is the share of the class there.
    """
    scores, names = context.scores, context.result.kept_features
    rows = _uniform_rows(len(scores.labels), context.config.importance_rows, context.config.seed)
    weights = scores.headline.take(rows)
    columns: dict[str, list[float | None]] = {f"one_feature_ap_{target.label}": [] for target in SITE_CLASSES}
    features = context.read_rows(rows)
    counted = np.ones(len(rows)) if weights is None else weights
    of_class = {target: counted * scores.is_class(target)[rows] for target in SITE_CLASSES}
    for k in range(len(names)):
        ranks, missing = _rising_ranks(features[:, k])
        everything = np.bincount(ranks, counted).astype(np.float64)
        for target, positives in of_class.items():
            at_value = np.bincount(ranks, positives).astype(np.float64)
            value = _better_direction(at_value, everything, missing=missing)
            columns[f"one_feature_ap_{target.label}"].append(value)
    return columns


def _rising_ranks(values: NDArray[np.float32]) -> tuple[NDArray[np.intp], bool]:
    """Number of each value among the distinct ones, and whether the last of them is missing (NaN)."""
    distinct, ranks = np.unique(values, return_inverse=True)
    return ranks, bool(np.isnan(distinct[-1]))


def _better_direction(positives: _Floats, everything: _Floats, *, missing: bool) -> float | None:
    """Average precision by rising or by falling value, whichever is higher, from weights at each distinct value."""
    known = len(everything) - missing
    negatives = everything - positives
    rising = np.arange(len(everything))
    falling = np.concatenate([rising[:known][::-1], rising[known:]])
    found = [precision_of_counts(positives[order], negatives[order]) for order in (falling, rising)]
    return max((value for value in found if value is not None), default=None)


def _uniform_rows(n_rows: int, size: int, seed: int) -> NDArray[np.int64]:
    if size >= n_rows:
        return np.arange(n_rows, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(n_rows, size, replace=False)).astype(np.int64)


def method_correlation(table: pl.DataFrame) -> pl.DataFrame:
    """Spearman's rank correlation of every two methods, of the site classes."""
    rows = []
    for target in SITE_CLASSES:
        methods = [c for c in table.columns if c.endswith(f"_{target.label}")]
        for place, one in enumerate(methods):
            for other in methods[place + 1 :]:
                pair = table.select(one, other).drop_nulls().to_numpy()
                value = spearman(pair[:, 0], pair[:, 1])
                names = [name.removesuffix(f"_{target.label}") for name in (one, other)]
                rows.append((target.label, *names, value))
    schema = {"class": pl.String, "method": pl.String, "other": pl.String, "rank_correlation": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


_TITLES = {"gain": "gain (share)", "cover": "cover (share)", "shap": "mean |SHAP|", "one_feature_ap": "one-feature AP"}


def _methods_figure(table: pl.DataFrame, target: SpliceClass) -> Figure:
    """Those methods that judge each feature by itself."""
    methods = [name for method in _TITLES if (name := f"{method}_{target.label}") in table.columns]
    figure, axes = style.new_figure(1, len(methods), width=4.3, height=3.9)
    for ax, method in zip(axes[0], methods, strict=True):
        top = table.sort(pl.col(method).fill_null(0.0), "feature", descending=[True, False]).head(_SHOWN)
        colours = [GROUP_COLOURS[FeatureGroup(group)] for group in top["group"]]
        title = _TITLES[method.removesuffix(f"_{target.label}")]
        draw_bars(ax, top["feature"].to_list(), top[method].fill_null(0.0).to_numpy(), colours, title=title, x_label="")
    figure.suptitle(f"Importance for {target.label}", fontsize=11)
    add_group_legend(figure, {FeatureGroup(group) for group in table["group"]})
    return figure


def _short(names: str) -> str:
    """The first of several features, and how many more there are."""
    first, *more = names.split(" + ")
    return f"{first} and {len(more)} correlated" if more else first


def _permutation_figure(table: pl.DataFrame) -> Figure:
    figure, axes = style.new_figure(1, len(SITE_CLASSES), width=5.6, height=5.0)
    for ax, target in zip(axes[0], SITE_CLASSES, strict=True):
        column = f"ap_loss_{target.label}"
        top = table.filter(pl.col(column).is_not_null()).sort(column, "features", descending=[True, False]).head(18)
        colours = [style.PURPLE if alone > 1 else style.BLUE for alone in top["count"]]
        names = [_short(name) for name in top["features"]]
        draw_bars(ax, names, top[column].to_numpy(), colours, title=target.label, x_label="loss of AP when permuted")
    add_colour_legend(figure, {"one feature": style.BLUE, "several features, permuted together": style.PURPLE})
    return figure
