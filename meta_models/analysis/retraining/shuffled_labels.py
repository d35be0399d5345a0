"""The control: with labels shuffled within genes nothing may be learned, or something leaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.precision import precision_of_counts
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.schema import SITE_CLASSES, SpliceClass

FOLDER = "overfitting_analysis"
#: Shufflings that the figure is compared with; it is a finding where it lies above all of them (1 in 200 by chance).
SHUFFLINGS = 199


@dataclass(frozen=True)
class Control:
    """What a model of shuffled labels reached on them, and what other shufflings reach with the same scores."""

    target: SpliceClass
    reached: float
    chance: NDArray[np.float64]

    @property
    def p_value(self) -> float:
        """Share of all shufflings, the one trained on among them, that reach as much."""
        return float((1 + np.count_nonzero(self.chance >= self.reached)) / (1 + len(self.chance)))

    @property
    def leaks(self) -> bool:
        """Whether the figure lies above all that chance gave."""
        return bool(self.reached > self.chance.max())


class ShuffledLabels(Analysis):
    """Trains on labels that were permuted within genes, and scores those out of fold."""

    code = "shuffled-labels"
    title = "Shuffled labels"
    slow = True

    def run(self, context: AnalysisContext) -> Outcome:
        """Write ``shuffled_labels.csv``; a finding where shuffled labels could be learned."""
        if context.retrainer is None:
            return self.not_applicable(context.no_retrainer)
        found, setting = Findings(context.writer), context.retrainer.setting
        controls = run_control(context)
        if not controls:
            return self.not_applicable("no site is in a gene with rows of another class")
        table = control_table(controls)
        file = found.write(f"{FOLDER}/shuffled_labels.csv", table)
        found.tables.append(ReportTable("Labels shuffled within genes", table, f"{_CAPTION} {setting}", file))
        for control in controls:
            name, top = control.target.label, control.chance.max()
            if control.leaks:
                found.warn(
                    f"Shuffled {name} labels could be learned: average precision {control.reached:.4f} out of fold, "
                    f"above all {len(control.chance)} shufflings that were not trained on (highest {top:.4f}), which "
                    f"happens by chance in 1 of {len(control.chance) + 1} runs. If it happens with another --seed, "
                    "too, labels of held-out genes reach the model, and no figure of this run can be trusted."
                )
        if not found.notes:
            found.tell("With shuffled labels the out-of-fold scores fall to chance, as they must.")
        return self.done(found, setting)


_CAPTION = (
    "Labels are permuted among the rows of each gene and trained on. reached: average precision out of fold on these "
    "labels, rows of the table. chance: the same scores on other shufflings. Genes keep their shares of sites, hence "
    "chance lies above the share of sites wherever a feature tells genes apart."
)


def run_control(context: AnalysisContext) -> list[Control]:
    """The control for each site class of which there are sites."""
    assert context.retrainer is not None
    scores, rng = context.scores, np.random.default_rng(context.config.seed)
    by_gene = np.argsort(scores.genes, kind="stable")
    shuffled = shuffle_within(scores.labels, scores.genes, by_gene, rng)
    probabilities = context.retrainer.retrain(context.result.kept_features, labels=shuffled)
    ranks = {target: _falling_ranks(probabilities[:, target]) for target in SITE_CLASSES}
    reached = {target: _precision(shuffled == target, ranks[target]) for target in SITE_CLASSES}
    drawn: dict[SpliceClass, list[float]] = {target: [] for target in SITE_CLASSES}
    for _ in range(SHUFFLINGS):
        labels = shuffle_within(scores.labels, scores.genes, by_gene, rng)
        for target in SITE_CLASSES:
            value = _precision(labels == target, ranks[target])
            drawn[target] += [] if value is None else [value]
    return [Control(target, value, np.array(drawn[target])) for target, value in reached.items() if value is not None]


def shuffle_within(
    labels: NDArray[np.uint8], genes: NDArray[np.int64], by_gene: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """`labels` permuted among the rows of each gene; `by_gene` is a stable order of the rows by gene."""
    order = np.lexsort((rng.random(len(genes)), genes))
    shuffled = np.empty_like(labels)
    shuffled[by_gene] = labels[order]
    return shuffled


def control_table(controls: list[Control]) -> pl.DataFrame:
    """One row per class: what was reached, the spread of chance, and the p-value."""
    rows = [
        (
            c.target.label, c.reached, float(np.median(c.chance)), float(c.chance.max()), len(c.chance), c.p_value,
            "leaks" if c.leaks else "at chance",
        )
        for c in controls
    ]  # fmt: skip
    figures = dict.fromkeys(("reached", "chance_median", "chance_highest"), pl.Float64)
    schema = {"class": pl.String, **figures, "shufflings": pl.Int64, "p_value": pl.Float64, "verdict": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _falling_ranks(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Number of each value among the distinct ones, the highest first, (n,)."""
    return np.asarray(np.unique(-values, return_inverse=True)[1])


def _precision(positive: NDArray[np.bool_], ranks: NDArray[np.intp]) -> float | None:
    size = int(ranks.max(initial=-1)) + 1
    positives = np.bincount(ranks[positive], minlength=size).astype(np.float64)
    return precision_of_counts(positives, np.bincount(ranks, minlength=size) - positives)
