"""Calibration before and after, and how the scores lie: reliability diagrams and histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.scores import META, Population, Scores
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.performance.curves import DRAWN, describe
from meta_models.analysis.plots import style
from meta_models.analysis.plots.distributions import Reliability, draw_histogram, draw_reliability
from meta_models.analysis.plots.sheets import Page
from meta_models.metrics import (
    brier_score,
    expected_calibration_error,
    log_loss,
    normalised,
    reliability_bins,
)
from meta_models.model import FittedModel
from meta_models.model.calibrators import BlendCalibrator
from meta_models.schema import CLASSES, SITE_CLASSES, SpliceClass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = np.linspace(0.0, 1.0, 41)
BEFORE, AFTER, UNCALIBRATED = "meta, before calibration", "meta, after calibration", "meta, not calibrated"
_Floats = NDArray[np.float64]


class Calibration(Analysis):
    """Whether probabilities mean what they say."""

    code = "calibration"
    title = "Calibration and scores"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write reliability diagrams, ``calibration.tsv`` and histograms of the scores."""
        found = Findings(context.writer)
        scores = context.scores
        table = calibration_table(scores)
        file = found.write("performance_plots/calibration.tsv", table)
        found.tables.append(ReportTable("Calibration", table, _caption(calibrated=context.config.calibrate), file))
        for line in blend_lines(context.result.model):
            found.tell(line)
        self._judge(context, found, table)
        with style.style():
            self._draw(found, scores)
        return self.done(found)

    def _judge(self, context: AnalysisContext, found: Findings, table: pl.DataFrame) -> None:
        """Warn where calibration made the headline population's log-loss worse."""
        if not context.config.calibrate:
            found.tell("The probabilities were not calibrated (calibrate is off).")
            return
        losses = table.filter((pl.col("population") == context.scores.headline.name) & (pl.col("metric") == "log-loss"))
        before, after = (losses.filter(pl.col("scores") == name)["value"].item() for name in (BEFORE, AFTER))
        if before is not None and after is not None and after > before:
            found.warn(f"Calibration made the out-of-fold log-loss worse: {before:.5f} before, {after:.5f} after.")

    def _draw(self, found: Findings, scores: Scores) -> None:
        folder = "performance_plots"
        pages = [
            Page(
                _reliability_page(scores, population),
                f"{folder}/reliability_{population.name}.png",
                f"Reliability, {describe(population)}",
                _RELIABILITY,
            )
            for population in scores.populations
        ]
        found.draw_pages(pages, f"{folder}/reliability.pdf")
        name, figure = f"{folder}/score_histograms", _histogram_page(scores)
        found.draw(f"{name}.png", figure, "Scores by true class", _HISTOGRAM, pdf=f"{name}.pdf")


def _caption(*, calibrated: bool) -> str:
    how = "; the calibrator of a fold is fitted on the other folds" if calibrated else ""
    return f"Out of fold{how}. Smaller is better."


_RELIABILITY = (
    "Observed share of the class over the predicted probability, in 15 bins of equal width. On the dotted line a "
    "probability means what it says; below it the scorer is too sure. ECE: expected calibration error."
)
_HISTOGRAM = (
    "Positions by score and true class, logarithmic. What lies right without being of the class is a false positive, "
    "what lies left although it is, a false negative."
)


def blend_lines(model: FittedModel) -> list[str]:
    """What the final model's probability of each class is blended from; empty where nothing is blended."""
    lines = []
    for name, calibrator in zip(model.info.classes, model.calibrators or (), strict=model.calibrators is not None):
        if isinstance(calibrator, BlendCalibrator):
            named = zip(calibrator.weights, (model.feature_names[column] for column in calibrator.columns), strict=True)
            parts = [f"{calibrator.slope:.3g} x that of the learner", *(f"{w:.3g} x {name}" for w, name in named)]
            lines.append(f"Log-odds of {name}: {calibrator.intercept:+.3g} + {' + '.join(parts)} (log-odds of each).")
    return lines


def calibration_table(scores: Scores) -> pl.DataFrame:
    """Log-loss, Brier score and ECE of base and meta-model, before and after, in every population."""
    rows = []
    for population in scores.populations:
        for name, values in _shown_scores(scores).items():
            metrics = {
                "log-loss": log_loss(scores.labels, values, population.weights),
                "Brier score": brier_score(scores.labels, values, population.weights),
            }
            for target in SITE_CLASSES:
                metrics[f"ECE {target.label}"] = expected_calibration_error(
                    scores.is_class(target), normalised(values)[:, target], population.weights
                )
            rows += [(population.name, name, key, m.value, m.reason) for key, m in metrics.items()]
    schema = {
        "population": pl.String,
        "scores": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "reason": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _shown_scores(scores: Scores) -> dict[str, _Floats]:
    if not scores.result.config.calibrate:
        return {**scores.opponents, UNCALIBRATED: scores.calibrated}
    return {**scores.opponents, BEFORE: scores.raw, AFTER: scores.calibrated}


def _reliability_page(scores: Scores, population: Population) -> Figure:
    shown = _shown_scores(scores)
    figure, axes = style.new_figure(1, len(DRAWN), height=4.1, share_y=True)
    shades = {BEFORE: style.SKY, AFTER: style.META_COLOUR, UNCALIBRATED: style.META_COLOUR}
    colours = [*style.OPPONENT_COLOURS[: len(scores.opponents)], *(shades[n] for n in shown if n in shades)]
    for ax, target in zip(axes[0], DRAWN, strict=True):
        named = zip(shown.items(), colours, strict=True)
        curves = [_curve(scores, population, target, n, values, colour) for (n, values), colour in named]
        draw_reliability(ax, curves, title=target.label)
    figure.suptitle(f"Reliability, {describe(population)}", fontsize=11)
    return figure


def _curve(
    scores: Scores, population: Population, target: SpliceClass, name: str, values: _Floats, colour: str
) -> Reliability:
    positive, probability = scores.is_class(target), normalised(values)[:, target]
    bins = reliability_bins(positive, probability, population.weights)
    error = expected_calibration_error(positive, probability, population.weights).value
    label = name if error is None else f"{name}   ECE {error:.2g}"
    used = bins.weight > 0
    return Reliability(label, bins.mean_probability[used], bins.observed_share[used], colour, dashed=name == BEFORE)


def _histogram_page(scores: Scores) -> Figure:
    shown = scores.scorers
    size = (len(shown), len(SITE_CLASSES))
    figure, axes = style.new_figure(*size, width=5.2, height=2.6, share_x=True, share_y=True)
    limits = []
    weights = scores.headline.weights_or_ones(len(scores.labels))
    colours = {target.label: style.CLASS_COLOURS[target] for target in CLASSES}
    for row, (name, values) in zip(axes, shown.items(), strict=True):
        for ax, target in zip(row, SITE_CLASSES, strict=True):
            heights = {
                c.label: np.histogram(values[scores.is_class(c), target], _BINS, weights=weights[scores.is_class(c)])[0]
                for c in CLASSES
            }
            meta = f"meta-model, {'calibrated' if scores.result.config.calibrate else 'not calibrated'}"
            who = meta if name == META else name
            drawn = draw_histogram(
                ax, _BINS, heights, colours, title=who, x_label=f"{target.label} score", legend=row is axes[0]
            )
            limits.append(drawn.get_ylim())
    for row in axes:
        row[0].set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    figure.suptitle(f"Scores by true class, {describe(scores.headline)}", fontsize=11)
    return figure
