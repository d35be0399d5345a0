"""ROC and precision-recall curves of base and meta-model, out of fold, with a band over families."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meta_models.analysis.comparison.scores import META, Population
from meta_models.analysis.comparison.table import GENOMIC
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome
from meta_models.analysis.performance import bands
from meta_models.analysis.plots import style
from meta_models.analysis.plots.lines import Band, Line, draw_pr, draw_roc
from meta_models.analysis.plots.sheets import Page
from meta_models.metrics import (
    CurvePoints,
    Draws,
    Metric,
    pr_curve_points,
    roc_auc,
    roc_curve_points,
    sound_average_precision,
)
from meta_models.schema import SITE_CLASSES, SpliceClass

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Classes in the order in which they are drawn.
DRAWN: tuple[SpliceClass, ...] = (*SITE_CLASSES, SpliceClass.NEITHER)
_PR_GRID = np.linspace(0.0, 1.0, 201)
_ROC_GRID = np.unique(np.concatenate([np.geomspace(1e-7, 1.0, 200), np.linspace(0.0, 1.0, 101)]))
_Floats = NDArray[np.float64]


class Curves(Analysis):
    """One page a population: the headline population first."""

    code = "curves"
    title = "ROC and precision-recall curves"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write ``roc_curves_meta.pdf`` and ``pr_curves_meta.pdf``, and their pages as PNG."""
        found = Findings(context.writer)
        drawer = _Drawer(context)
        for name, title, page in (("pr", "Precision-recall", drawer.pr_page), ("roc", "ROC", drawer.roc_page)):
            self._write_pages(context, found, name, title, page)
        samples = context.config.bootstrap_samples
        return self.done(found, f"bands: 95 % of {samples} resamples of families; points: {context.config.plot_points}")

    def _write_pages(
        self,
        context: AnalysisContext,
        found: Findings,
        name: str,
        title: str,
        page: Callable[[Population], Figure],
    ) -> None:
        pages = [
            Page(
                partial(page, population),
                f"performance_plots/{name}_curves_{population.name}.png",
                f"{title}, {describe(population)}",
                _CAPTIONS[name],
            )
            for population in context.scores.populations
        ]
        found.draw_pages(pages, f"{name}_curves_meta.pdf")


_CAPTIONS = {
    "pr": "Out-of-fold precision over recall of each class; the shaded band holds 95 % of the resamples of families. "
    "AP is the average precision, the dotted line what chance would give.",
    "roc": "Out-of-fold ROC curves. Above with linear axes; below with a logarithmic false positive rate, because "
    "nearly all positions are no sites and the left end is where a predictor is used.",
}


def describe(population: Population) -> str:
    """The population for people."""
    return "at genomic prevalence" if population.name == GENOMIC else "rows of the table as they are"


@dataclass(frozen=True)
class _Kind:
    """A kind of curve: its figure of merit, its points, and its band from counts of the resamples."""

    figure_name: str
    metric: Callable[..., Metric]
    points: Callable[..., CurvePoints]
    band: Callable[[bands.Sweep], Band]
    steps: bool


class _Drawer:
    """Draws the pages from the scores of a run, which it has as arrays: see `Page.figure`."""

    def __init__(self, context: AnalysisContext) -> None:
        self._known: dict[tuple[SpliceClass, str], dict[_Kind, list[Line]]] = {}
        self.scorers, self.families, self.labels = (
            context.scores.scorers,
            context.scores.families,
            context.scores.labels,
        )
        self.points = context.config.plot_points
        size = int(self.families.max(initial=0)) + 1
        self.draws = Draws.make(size, context.config.bootstrap_samples, context.config.seed)

    def pr_page(self, population: Population) -> Figure:
        """Precision-recall curves of `population`, an axis for each class."""
        figure, axes = style.new_figure(1, len(DRAWN), share_y=True)
        for ax, target in zip(axes[0], DRAWN, strict=True):
            positive = self._is_class(target)
            lines = self._lines(_PR, target, population)
            weights = population.weights_or_ones(len(positive))
            chance = float(weights[positive].sum() / weights.sum()) if positive.any() else None
            note_if_empty(draw_pr(ax, lines, title=target.label, chance=chance), lines)
        figure.suptitle(f"Precision-recall, {describe(population)}", fontsize=11)
        return figure

    def roc_page(self, population: Population) -> Figure:
        """ROC curves of `population`, an axis for each class: whole above, low false positive rates below."""
        figure, axes = style.new_figure(2, len(DRAWN), share_y=True)
        for column, target in enumerate(DRAWN):
            lines = self._lines(_ROC, target, population)
            note_if_empty(draw_roc(axes[0][column], lines, title=target.label), lines)
            draw_roc(axes[1][column], lines, title="", least_rate=self._least_rate(target, population))
        figure.suptitle(f"ROC, {describe(population)}", fontsize=11)
        return figure

    def _least_rate(self, target: SpliceClass, population: Population) -> float:
        weights = population.weights_or_ones(len(self.labels))[~self._is_class(target)]
        return float(10 ** np.floor(np.log10(max(weights.min(initial=1.0) / max(weights.sum(), 1.0), 1e-7)))) * 10

    def _lines(self, kind: _Kind, target: SpliceClass, population: Population) -> list[Line]:
        """The curves of one kind; those of every kind are made together, from the same counts."""
        key = (target, population.name)
        if key not in self._known:
            self._known[key] = self._all_lines(target, population)
        return self._known[key][kind]

    def _all_lines(self, target: SpliceClass, population: Population) -> dict[_Kind, list[Line]]:
        positive, weights = self._is_class(target), population.weights_or_ones(len(self.labels))
        lines: dict[_Kind, list[Line]] = {kind: [] for kind in (_PR, _ROC)}
        for (name, all_scores), colour in zip(self.scorers.items(), self._colours(), strict=True):
            scores = all_scores[:, target]
            curves = {kind: kind.points(positive, scores, weights, max_points=self.points) for kind in lines}
            if all(curve.reason is not None for curve in curves.values()):
                continue
            thresholds = bands.thresholds_for(positive, scores)
            counts = bands.resampled_sweeps(positive, scores, weights, self.families, thresholds, self.draws)
            for kind, curve in curves.items():
                if curve.reason is not None:
                    continue
                value = kind.metric(positive, scores, weights).value
                label = f"{name}   {kind.figure_name} " + ("n/a" if value is None else f"{value:.4f}")
                lines[kind].append(Line(label, curve.x, curve.y, colour, kind.band(counts), steps=kind.steps))
        return lines

    def _is_class(self, target: SpliceClass) -> NDArray[np.bool_]:
        return np.asarray(self.labels == target.value)

    def _colours(self) -> Sequence[str]:
        names = list(self.scorers)
        return [style.META_COLOUR if n == META else style.OPPONENT_COLOURS[k] for k, n in enumerate(names)]


def _pr_band(resampled: bands.Sweep) -> Band:
    return bands.pr_band(resampled, _PR_GRID)


def _roc_band(resampled: bands.Sweep) -> Band:
    return bands.roc_band(resampled, _ROC_GRID)


_PR = _Kind("AP", sound_average_precision, pr_curve_points, _pr_band, steps=True)
_ROC = _Kind("AUC", roc_auc, roc_curve_points, _roc_band, steps=False)


def note_if_empty(ax: Axes, lines: Sequence[Line]) -> None:
    """Say so on the axes where there is nothing to draw."""
    if not lines:
        ax.text(0.5, 0.5, "no rows of this class", ha="center", va="center", transform=ax.transAxes, color=style.GREY)
