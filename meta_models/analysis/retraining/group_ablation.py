"""What each group of features brings: trained with the base scores alone, then with one group more at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from meta_models.analysis.comparison.precision import MEAN, TARGETS, Comparer, Precision
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.plots import style
from meta_models.analysis.plots.intervals import Interval, draw_intervals
from meta_models.schema import SITE_CLASSES, FeatureGroup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "feature_importance_analysis"
#: Groups in the order in which they are added.
STEPS: tuple[tuple[str, frozenset[FeatureGroup]], ...] = (
    ("base scores", frozenset({FeatureGroup.BASE})),
    ("context and derived", frozenset({FeatureGroup.CONTEXT, FeatureGroup.DERIVED})),
    ("k-mers", frozenset({FeatureGroup.KMER})),
    ("genomic and other", frozenset({FeatureGroup.GENOMIC, FeatureGroup.OTHER})),
    ("evidence", frozenset({FeatureGroup.EVIDENCE})),
)


@dataclass(frozen=True)
class Step:
    """One set of features, trained with.

    Attributes
    ----------
    name : str
        What was added.
    features : int
        How many features the set has; 0 for the base model itself.
    before : Precision or None
        Of the set without it.
    """

    name: str
    features: int
    precision: Precision
    before: Precision | None


class GroupAblation(Analysis):
    """Answers "do my k-mers help?"."""

    code = "group-ablation"
    title = "What each group of features brings"
    slow = True

    def run(self, context: AnalysisContext) -> Outcome:
        """Train with more and more groups and write ``group_ablation.csv``."""
        if context.retrainer is None:
            return self.not_applicable(context.no_retrainer)
        found = Findings(context.writer)
        steps = ablate(context)
        table = ablation_table(steps)
        setting = context.retrainer.setting
        caption = f"Average precision out of fold, {context.scores.headline.name} population. {setting} {_CAPTION}"
        file = found.write(f"{FOLDER}/group_ablation.csv", table)
        found.tables.append(ReportTable("Groups of features, one more at a time", table, caption, file))
        for step in steps[1:]:
            found.tell(_sentence(step))
        with style.style():
            name = f"{FOLDER}/group_ablation.png"
            found.draw(name, _figure(steps[1:]), "What each group adds to average precision", _PICTURE)
        return self.done(found, setting)


_CAPTION = (
    "gain: difference to the line before, with its 95 % interval from a bootstrap over families. The first line is the "
    "best base model as it is; the second trains on base scores alone."
)
_PICTURE = (
    "Average precision with the group minus without it, out of fold, with its 95 % interval over families. A group "
    "whose interval holds 0 was not shown to help beside those above it."
)


def ablate(context: AnalysisContext) -> list[Step]:
    """The best base model, then models with one group more each time; groups without features are left out."""
    assert context.retrainer is not None
    compare = Comparer(context.scores, samples=context.config.bootstrap_samples, seed=context.config.seed)
    groups = {record.name: record.group for record in context.result.features}
    kept = context.result.kept_features
    last = compare(context.scores.best_base)
    steps = [Step("best base model, as it is", 0, last, None)]
    chosen: frozenset[FeatureGroup] = frozenset()
    for name, added in STEPS:
        chosen |= added
        features = tuple(feature for feature in kept if groups[feature] in chosen)
        if len(features) == steps[-1].features:
            continue
        everything = len(features) == len(kept)
        probabilities = context.retrained if everything else context.retrainer.retrain(features)
        steps.append(Step(f"+ {name}", len(features), compare(probabilities), last))
        last = steps[-1].precision
    return steps


def ablation_table(steps: Sequence[Step]) -> pl.DataFrame:
    """One row per class and set of features: average precision and what it gained, with intervals."""
    rows = []
    for target in TARGETS:
        for step in steps:
            own = step.precision.interval(target)
            gain, bounds = (None, None) if step.before is None else step.precision.minus(step.before, target)
            lower, upper = (None, None) if bounds is None else (bounds.lower, bounds.upper)
            families = step.precision.families[target]
            value = step.precision.value(target)
            rows.append((target, step.name, step.features, value, own.lower, own.upper, gain, lower, upper, families))
    figures = ("average_precision", "lower", "upper", "gain", "gain_lower", "gain_upper")
    schema = {"class": pl.String, "features": pl.String, "count": pl.Int64, **dict.fromkeys(figures, pl.Float64)}
    return pl.DataFrame(rows, schema={**schema, "families": pl.Int64}, orient="row")


def _sentence(step: Step) -> str:
    """What the group brought, in words."""
    assert step.before is not None
    gain, bounds = step.precision.minus(step.before, MEAN)
    if gain is None or bounds.lower is None or bounds.upper is None:
        return f"{step.name.removeprefix('+ ')}: no figure ({bounds.reason})."
    verdict = "not shown to help or to harm"
    if bounds.lower > 0:
        verdict = "they help"
    elif bounds.upper < 0:
        verdict = "they harm"
    return (
        f"Adding {step.name.removeprefix('+ ')} ({step.features} features in all): mean AP {gain:+.4f} (95 % "
        f"{bounds.lower:+.4f} to {bounds.upper:+.4f}): {verdict}."
    )


def _figure(steps: Sequence[Step]) -> Figure:
    height = 1.0 + 0.45 * len(steps)
    figure, axes = style.new_figure(1, len(SITE_CLASSES), width=5.4, height=height, share_y=True)
    for ax, target, colour in zip(axes[0], SITE_CLASSES, (style.BLUE, style.ORANGE), strict=True):
        intervals = [_interval(step, target.label) for step in steps]
        draw_intervals(ax, intervals, title=target.label, x_label="gain in average precision", colour=colour)
    return figure


def _interval(step: Step, target: str) -> Interval:
    assert step.before is not None
    gain, bounds = step.precision.minus(step.before, target)
    numbers = (np.nan if value is None else value for value in (gain, bounds.lower, bounds.upper))
    return Interval(step.name, *numbers)
