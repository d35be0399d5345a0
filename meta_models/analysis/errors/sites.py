"""The positions that the meta-model sets right, and those that it breaks, with the features behind it."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.attribution.contributions import Part, contributions_to, parts_by_fold, parts_of
from meta_models.analysis.comparison.scores import Population, Scores
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.metrics import normalised
from meta_models.schema import CHROM, CLASS_NAMES, CLASSES, GENE, GENE_TYPE, POSITION, SITE_CLASSES, SpliceClass

_TOP_FEATURES = 5
_Rows = NDArray[np.int64]


class Sites(Analysis):
    """A call is the class of the highest probability, of the main base model and of the calibrated meta-model."""

    code = "sites"
    title = "Fixed and broken sites"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write ``fixed_sites.tsv`` and ``broken_sites.tsv``."""
        found = Findings(context.writer)
        scores = context.scores
        base, meta = (normalised(values).argmax(axis=1) for values in (scores.main_base, scores.calibrated))
        right_before, right_after = base == scores.labels, meta == scores.labels
        counts = pl.concat([change_table(scores, p, base, meta) for p in scores.populations])
        file = found.write("site_changes.tsv", counts)
        found.tables.append(ReportTable("False calls removed and added", counts, _COUNTS, file))
        explained = context.config.explained_sites
        how = _how_explained(context)
        for name, rows in (
            ("fixed", np.flatnonzero(~right_before & right_after)),
            ("broken", np.flatnonzero(right_before & ~right_after)),
        ):
            table = self._table(context, rows, base, meta)
            file = found.write(f"{name}_sites.tsv", table)
            most = min(explained, len(rows))
            caption = f"{len(rows):,} positions; the {most} with the largest change come first and are {how}."
            shown = table.head(explained)
            found.tables.append(ReportTable(f"{name.capitalize()} sites, largest change first", shown, caption, file))
        _tell(found, counts, scores.headline)
        return self.done(found, f"features named for at most {explained} positions of each table (explained_sites)")

    def _table(self, context: AnalysisContext, rows: _Rows, base: _Rows, meta: _Rows) -> pl.DataFrame:
        """The positions `rows`, by falling change of the probability of their true class."""
        scores = context.scores
        labels = scores.labels[rows]
        before, after = (normalised(p)[rows] for p in (scores.main_base, scores.calibrated))
        change = np.abs(after[np.arange(len(rows)), labels] - before[np.arange(len(rows)), labels])
        order = np.lexsort((rows, -change))
        rows = rows[order]
        names = np.array(CLASS_NAMES)
        columns = [c for c in (GENE, CHROM, POSITION, GENE_TYPE, "fold", "weight") if c in scores.frame.columns]
        return scores.frame.select(columns)[rows].with_columns(
            pl.Series("label", names[labels[order]], dtype=pl.String),
            pl.Series("base_call", names[base[rows]], dtype=pl.String),
            pl.Series("meta_call", names[meta[rows]], dtype=pl.String),
            *(pl.Series(f"base_{c.label}", before[order, c]) for c in CLASSES),
            *(pl.Series(f"meta_{c.label}", after[order, c]) for c in CLASSES),
            pl.Series("change", change[order]),
            pl.Series("top_features", self._top_features(context, rows, base, meta), dtype=pl.String),
        )

    def _top_features(self, context: AnalysisContext, rows: _Rows, base: _Rows, meta: _Rows) -> list[str | None]:
        """Features with the largest contributions to the site class at stake, signed, in log-odds."""
        named: list[str | None] = [None] * len(rows)
        final, by_fold = parts_of(context.result.model), parts_by_fold(context.result)
        size = min(context.config.explained_sites, len(rows))
        if final is None or context.rows is None or not size:
            return named
        at_stake = _class_at_stake(context.scores.labels[rows[:size]], base[rows[:size]], meta[rows[:size]])
        features, folds = context.read_rows(rows[:size]), context.scores.folds[rows[:size]]
        for fold, target in product(np.unique(folds).tolist(), SITE_CLASSES):
            mine = np.flatnonzero((at_stake == target.value) & (folds == fold))
            if len(mine):
                texts = _named(context, by_fold.get(fold, final), target, features[mine])
                for place, text in zip(mine, texts, strict=True):
                    named[place] = text
        return named


def _how_explained(context: AnalysisContext) -> str:
    if context.rows is None or parts_of(context.result.model) is None:
        return "not explained: there are no feature values, or the learner gives no contributions"
    if parts_by_fold(context.result):
        return "explained by the models that scored them out of fold"
    return "explained by the final model, which was trained on these rows, too"


_COUNTS = (
    "Calls of the class with the highest probability, out of fold: false positives and false negatives of the main "
    "base model, of the meta-model, and how many were removed and added."
)


def change_table(scores: Scores, population: Population, base: _Rows, meta: _Rows) -> pl.DataFrame:
    """False positives and negatives of each site class: before, after, removed, added."""
    weights = population.weights_or_ones(len(scores.labels))
    rows = []
    for target in SITE_CLASSES:
        positive = scores.is_class(target)
        for kind, wrong_before, wrong_after in (
            ("false positives", ~positive & (base == target), ~positive & (meta == target)),
            ("false negatives", positive & (base != target), positive & (meta != target)),
        ):
            sums = (wrong_before, wrong_after, wrong_before & ~wrong_after, ~wrong_before & wrong_after)
            rows.append((population.name, target.label, kind, *(float(weights[mask].sum()) for mask in sums)))
    names = ("population", "class", "kind", "base", "meta", "removed", "added")
    return pl.DataFrame(rows, schema=names, orient="row")


def _class_at_stake(labels: NDArray[np.uint8], base: _Rows, meta: _Rows) -> _Rows:
    """The site class that the disagreement is about: the true one, else the one that was called."""
    called = np.where(meta != SpliceClass.NEITHER, meta, base)
    return np.where(labels != SpliceClass.NEITHER, labels, called)


def _named(
    context: AnalysisContext, parts: tuple[Part, ...], target: SpliceClass, features: NDArray[np.float32]
) -> list[str]:
    values = contributions_to(parts, target, features)
    names = context.result.kept_features
    top = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :_TOP_FEATURES]
    return [
        f"{target.label}: " + "; ".join(f"{names[k]}={x[k]:.4g} ({phi[k]:+.2f})" for k in best)
        for best, phi, x in zip(top, values, features, strict=True)
    ]


def _tell(found: Findings, counts: pl.DataFrame, population: Population) -> None:
    for row in counts.filter(pl.col("population") == population.name).iter_rows(named=True):
        text = (
            f"{row['class']}, {row['kind']}: {row['base']:,.0f} -> {row['meta']:,.0f} "
            f"({row['removed']:,.0f} removed, {row['added']:,.0f} added; {population.name} population)."
        )
        found.tell(text)
