"""What happens when a threshold is set: F1 over the threshold, cross-fitted operating points, confusion, top-k."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.scores import META, Population, Scores
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.performance import bands
from meta_models.analysis.performance.curves import describe, note_if_empty
from meta_models.analysis.performance.operating_points import operating_points
from meta_models.analysis.plots import style
from meta_models.analysis.plots.lines import Line, draw_lines
from meta_models.analysis.plots.matrix import draw_confusion
from meta_models.analysis.plots.sheets import Page
from meta_models.metrics import Draws, confusion, normalised
from meta_models.schema import CLASS_NAMES, SITE_CLASSES, SpliceClass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Floats = NDArray[np.float64]
#: Calls per true site that the top-k plot spans.
_TICKS = (0.25, 0.5, 1, 2, 4, 8)


class Decisions(Analysis):
    """Operating points are chosen on the other folds: the F1 shown is that of a threshold that saw no held-out gene."""

    code = "decisions"
    title = "Thresholds, confusion and top-k"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write ``operating_points.tsv``, F1 curves, confusion matrices and top-k curves."""
        found = Findings(context.writer)
        points = operating_points(context)
        file = found.write("performance_plots/operating_points.tsv", points)
        found.tables.append(ReportTable("Operating points", points, _POINTS, file))
        with style.style():
            drawn = (
                ("f1_vs_threshold", "F1 over the threshold", _F1, [_f1_page(context, points)]),
                ("confusion_matrices", "Confusion matrices", _CONFUSION, _confusion_pages(context.scores)),
                ("top_k", "Sites found among the highest scores", _TOP_K, [_top_k_page(context.scores)]),
            )
            for name, title, caption, pages in drawn:
                shown = f"{title}, {describe(context.scores.headline)}"
                first = Page(pages[0], f"performance_plots/{name}.png", shown, caption)
                found.draw_pages([first, *map(Page, pages[1:])], f"performance_plots/{name}.pdf")
        return self.done(found)


_POINTS = (
    "For each class, stratum and scorer: the threshold of best F1, chosen for every fold on the rows of the stratum in "
    "the other folds (mean, lowest and highest), and F1, precision and recall of the held-out rows at it. The common "
    "threshold is chosen on all rows."
)
_F1 = "F1 of each class over the threshold, out of fold, with a 95 % band; the dot is the cross-fitted operating point."
_CONFUSION = (
    "Rows: true class; columns: the most probable class. Counted are rows of the training table, out of fold, and "
    "their share of the true class; where they are weighted, the positions of the genes that they stand for."
)
_TOP_K = (
    "Share of the true sites among the highest scores, over the number of calls per true site (logarithmic). The value "
    "at 1 is the top-k accuracy."
)


def _colours(scores: Scores) -> list[str]:
    return [style.META_COLOUR if n == META else style.OPPONENT_COLOURS[k] for k, n in enumerate(scores.scorers)]


def _f1_page(context: AnalysisContext, points: pl.DataFrame) -> Figure:
    scores, population = context.scores, context.scores.headline
    families = scores.families
    draws = Draws.make(int(families.max(initial=0)) + 1, context.config.bootstrap_samples, context.config.seed)
    weights = population.weights_or_ones(len(scores.labels))
    figure, axes = style.new_figure(1, len(SITE_CLASSES), width=5.0, height=3.6, share_y=True)
    chosen = points.filter((pl.col("population") == population.name) & (pl.col("stratum") == "all"))
    for ax, target in zip(axes[0], SITE_CLASSES, strict=True):
        positive = scores.is_class(target)
        lines = []
        for (name, values), colour in zip(scores.scorers.items(), _colours(scores), strict=True):
            grid = np.linspace(1.0, 0.0, 201)
            swept = bands.sweep(positive, values[:, target], weights, grid)
            band = bands.f1_band(bands.resampled_sweeps(positive, values[:, target], weights, families, grid, draws))
            row = chosen.filter((pl.col("class") == target.label) & (pl.col("scorer") == name)).row(0, named=True)
            mark = None if row["f1"] is None else (row["threshold"], row["f1"])
            label = name if mark is None else f"{name}   F1 {mark[1]:.3f} at {mark[0]:.2g}"
            lines.append(Line(label, grid, swept.f1, colour, band, mark=mark))
        draw_lines(ax, lines, title=target.label, x_label="threshold", y_label="F1", legend="lower center")
        ax.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
    figure.suptitle(f"F1 over the threshold, {describe(population)}", fontsize=11)
    return figure


def _confusion_pages(scores: Scores) -> list[Figure]:
    return [_confusion_page(scores, population) for population in scores.populations]


def _confusion_page(scores: Scores, population: Population) -> Figure:
    shown = scores.scorers
    figure, axes = style.new_figure(1, len(shown), width=4.2, height=3.6, share_y=True)
    for ax, (name, values) in zip(axes[0], shown.items(), strict=True):
        called = normalised(values).argmax(axis=1)
        draw_confusion(ax, confusion(scores.labels, called, population.weights), CLASS_NAMES, title=name)
    figure.suptitle(f"Most probable class, {describe(population)}", fontsize=11)
    return figure


def _top_k_page(scores: Scores) -> Figure:
    figure, axes = style.new_figure(1, len(SITE_CLASSES), width=5.0, height=3.4, share_y=True)
    drawn: list[Line] = []
    weights = scores.headline.weights_or_ones(len(scores.labels))
    for ax, target in zip(axes[0], SITE_CLASSES, strict=True):
        known = scores.is_class(target).any()
        lines = [
            _top_k_line(scores, target, weights, name, values, colour)
            for (name, values), colour in zip(scores.scorers.items(), _colours(scores), strict=True)
            if known
        ]
        ax.set_xscale("log", base=2)
        ax.axvline(1, color="#9ca3af", ls=":", lw=1.2)
        draw_lines(
            ax,
            lines,
            title=target.label,
            x_label="calls per true site",
            y_label="share of sites found",
            legend=None if drawn else "lower right",
        )
        drawn += lines
        ax.set_xticks(_TICKS, ["¼", "½", "1", "2", "4", "8"])
        ax.set(xlim=(_TICKS[0], _TICKS[-1]), ylim=(0, 1.02))
        note_if_empty(ax, lines)
    figure.suptitle(f"Sites found among the highest scores, {describe(scores.headline)}", fontsize=11)
    return figure


def _top_k_line(scores: Scores, target: SpliceClass, weights: _Floats, name: str, values: _Floats, colour: str) -> Line:
    positive = scores.is_class(target)
    swept = bands.sweep(positive, values[:, target], weights, bands.thresholds_for(positive, values[:, target]))
    calls = (swept.positives + swept.negatives) / swept.all_positives
    return Line(name, calls, swept.recall, colour)
