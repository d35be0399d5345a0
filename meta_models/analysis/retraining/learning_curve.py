"""Would more genes help? Trained on a part of the genes, scored on all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.precision import MEAN, TARGETS, Comparer, Precision
from meta_models.analysis.comparison.scores import Scores
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.plots import style
from meta_models.analysis.plots.lines import Band, Line, draw_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "overfitting_analysis"
#: Shares of the families that are trained on; the smaller sets lie in the larger ones.
SHARES = (0.10, 0.25, 0.50, 1.0)


@dataclass(frozen=True)
class Point:
    """One share of the genes: how many, and what was reached."""

    share: float
    genes: int
    rows: int
    precision: Precision


class LearningCurve(Analysis):
    """Average precision over the number of genes."""

    code = "learning-curve"
    title = "Learning curve over genes"
    slow = True

    def run(self, context: AnalysisContext) -> Outcome:
        """Train on growing shares of the genes and write ``learning_curve.csv``."""
        if context.retrainer is None:
            return self.not_applicable(context.no_retrainer)
        found, setting = Findings(context.writer), context.retrainer.setting
        points = learn(context)
        table = curve_table(points)
        population = context.scores.headline.name
        caption = f"Average precision out of fold on all genes, {population} population. {setting} {_CAPTION}"
        file = found.write(f"{FOLDER}/learning_curve.csv", table)
        found.tables.append(ReportTable("Learning curve over genes", table, caption, file))
        found.tell(_sentence(points))
        with style.style():
            found.draw(f"{FOLDER}/learning_curve.png", _figure(points), "Learning curve over genes", _PICTURE)
        return self.done(found, setting)


_CAPTION = (
    "Whole families are drawn, once, the smaller sets within the larger ones; the training genes of a fold are those "
    "that it does not hold out. gain: difference to the share before, with its 95 % interval over families."
)
_PICTURE = (
    "Average precision of held-out genes over the number of genes drawn to train on; the band is its 95 % interval "
    "over families. Where the line still rises at its end, more genes would help."
)


def learn(context: AnalysisContext) -> list[Point]:
    """What each share of the genes reaches; a share that holds no more rows than the one before is left out."""
    assert context.retrainer is not None
    config, scores = context.config, context.scores
    compare = Comparer(scores, samples=config.bootstrap_samples, seed=config.seed)
    points: list[Point] = []
    for share in SHARES:
        rows = drawn_rows(scores, share, config.seed)
        if points and int(rows.sum()) == points[-1].rows:
            continue
        features = context.result.kept_features
        probabilities = context.retrained if rows.all() else context.retrainer.retrain(features, rows=rows)
        genes = len(np.unique(scores.genes[rows]))
        points.append(Point(share, genes, int(rows.sum()), compare(probabilities)))
    return points


def drawn_rows(scores: Scores, share: float, seed: int) -> NDArray[np.bool_]:
    """Rows (n,) of a `share` of the families of each fold, at least one; a smaller share lies within a larger one."""
    order = np.random.default_rng(seed).permutation(int(scores.families.max()) + 1)
    drawn = np.zeros(len(order), np.bool_)
    for fold in np.unique(scores.folds):
        mine = np.unique(scores.families[scores.folds == fold])
        ranked = mine[np.argsort(order[mine], kind="stable")]
        drawn[ranked[: max(1, round(share * len(ranked)))]] = True
    return drawn[scores.families]


def curve_table(points: Sequence[Point]) -> pl.DataFrame:
    """One row per class and share: genes, rows, average precision and what it gained, with intervals."""
    rows = []
    for target in TARGETS:
        for k, point in enumerate(points):
            own = point.precision.interval(target)
            gain, lower, upper = _gain(points, k, target)
            value = point.precision.value(target)
            rows.append((target, point.share, point.genes, point.rows, value, own.lower, own.upper, gain, lower, upper))
    schema = {"class": pl.String, "share": pl.Float64, "genes": pl.Int64, "rows": pl.Int64}
    figures = ("average_precision", "lower", "upper", "gain", "gain_lower", "gain_upper")
    return pl.DataFrame(rows, schema={**schema, **dict.fromkeys(figures, pl.Float64)}, orient="row")


def _gain(points: Sequence[Point], k: int, target: str) -> tuple[float | None, float | None, float | None]:
    if k == 0:
        return None, None, None
    gain, bounds = points[k].precision.minus(points[k - 1].precision, target)
    return gain, bounds.lower, bounds.upper


def _sentence(points: Sequence[Point]) -> str:
    gain, lower, upper = _gain(points, len(points) - 1, MEAN)
    if gain is None or lower is None or upper is None:
        return "There are too few genes to say whether more would help."
    before, last = points[-2], points[-1]
    verdict = "more genes are likely to help" if lower > 0 else "it was not shown that more genes would help"
    return (
        f"From {before.genes:,} to {last.genes:,} genes the mean AP changed by {gain:+.4f} (95 % {lower:+.4f} to "
        f"{upper:+.4f}): {verdict}."
    )


def _figure(points: Sequence[Point]) -> Figure:
    figure, axes = style.new_figure(1, len(TARGETS), width=4.0, height=3.3)
    x = np.array([point.genes for point in points], np.float64)
    for ax, target in zip(axes[0], TARGETS, strict=True):
        bounds = [point.precision.interval(target) for point in points]
        lower, upper = (
            np.array([np.nan if getattr(b, side) is None else getattr(b, side) for b in bounds], np.float64)
            for side in ("lower", "upper")
        )
        y = np.array([point.precision.points[target] for point in points])
        line = Line(target, x, y, style.META_COLOUR, Band(x, lower, upper))
        draw_lines(ax, [line], title=target, x_label="genes", y_label="average precision", legend=None)
        ax.plot(x, y, "o", color=style.META_COLOUR, ms=5)
    return figure
