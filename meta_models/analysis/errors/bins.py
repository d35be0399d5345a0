"""Where the errors are: by bin of the base score and of gene length, and how predictions spread over the labels."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.scores import Population, Scores
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.analysis.performance.curves import describe
from meta_models.analysis.plots import style
from meta_models.analysis.plots.bins import draw_bin_losses
from meta_models.metrics import normalised, sound_average_precision
from meta_models.metrics.probabilities import row_log_loss
from meta_models.schema import CLASSES, POSITION, SITE_CLASSES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "bins_and_targets"
#: Edges of the bins of the larger of the main base model's donor and acceptor score.
SCORE_EDGES = (0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)
_GENE_BINS = 5
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_Floats = NDArray[np.float64]
_Codes = NDArray[np.int64]


class ErrorBins(Analysis):
    """Count, AP, log-loss, calibration and share of all errors of each bin."""

    code = "bins"
    title = "Errors by bin"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write a table for each way of binning, and the spread of the predictions."""
        found = Findings(context.writer)
        scores = context.scores
        binned = {
            "base_score": ("the main base model's higher site score", *_score_bins(scores)),
            "gene_length": ("gene length", *_length_bins(context)),
        }
        for name, (title, codes, names) in binned.items():
            table = pl.concat([bin_table(scores, population, codes, names) for population in scores.populations])
            file = found.write(f"{FOLDER}/error_by_{name}.tsv", table)
            found.tables.append(ReportTable(f"Errors by {title}", table, _BINS, file))
            with style.style():
                figure = _bin_figure(table.filter(pl.col("population") == scores.headline.name))
                figure.suptitle(f"By {title}, {describe(scores.headline)}", fontsize=11)
                found.draw(f"{FOLDER}/error_by_{name}.png", figure, f"Errors by {title}", _PLOT)
        spread = pl.concat([spread_table(scores, population) for population in scores.populations])
        file = found.write(f"{FOLDER}/prediction_spread.tsv", spread)
        found.tables.append(ReportTable("Spread of the predictions", spread, _SPREAD, file))
        return self.done(found)


_PLOT = "An error is a position whose most probable class is not its own."
_BINS = (
    f"{_PLOT} Calibration error: mean probability of a site minus the share of sites. Null where a bin has no rows or "
    "no sites of the class, or where a few heavy rows decide the average precision."
)
_SPREAD = "Quantiles of the probability of each true class (true_class) under base and meta-model, out of fold."


def _bin_figure(table: pl.DataFrame) -> Figure:
    figure, axes = style.new_figure(1, 2, width=5.2, height=3.3)
    names = table["bin"].to_list()
    drawn = (("log_loss", "log-loss", "log-loss"), ("errors", "errors", "positions"))
    for ax, (column, title, label) in zip(axes[0], drawn, strict=True):
        base, meta = (table[f"{column}_{who}"].cast(pl.Float64).to_numpy() for who in ("base", "meta"))
        draw_bin_losses(ax, names, base, meta, title=title, y_label=label, legend=ax is axes[0][0])
    return figure


def _score_bins(scores: Scores) -> tuple[_Codes, list[str]]:
    edges = np.array(SCORE_EDGES, np.float32)  # as the scores, which else lie below an edge that they are equal to
    highest = scores.main_base[:, [c.value for c in SITE_CLASSES]].max(axis=1)
    codes = np.clip(np.searchsorted(edges, highest, side="right") - 1, 0, len(edges) - 2)
    return codes.astype(np.int64), [f"{a:g} to {b:g}" for a, b in pairwise(edges)]


def _length_bins(context: AnalysisContext) -> tuple[_Codes, list[str]]:
    """Fifths of the genes by length: ``gene_length`` where the rows tell, else the span of positions, else rows."""
    scores, kept = context.scores, context.result.kept_features
    size = int(scores.genes.max(initial=-1)) + 1
    length = np.zeros(size)
    if context.rows is not None and "gene_length" in kept:
        values = context.rows.read_rows(np.arange(len(scores.labels), dtype=np.int64), ("gene_length",))[:, 0]
        np.maximum.at(length, scores.genes, np.nan_to_num(values.astype(np.float64)))
        unit = "nt"
    elif POSITION in scores.frame.columns:
        position = scores.frame[POSITION].cast(pl.Float64).to_numpy()
        low, high = np.full(size, np.nan), np.full(size, np.nan)
        np.fmin.at(low, scores.genes, position)
        np.fmax.at(high, scores.genes, position)
        length, unit = np.nan_to_num(high - low + 1), "nt spanned by rows"
    else:
        length, unit = np.bincount(scores.genes, minlength=size).astype(np.float64), "rows"
    edges = np.unique(np.quantile(length, np.linspace(0, 1, _GENE_BINS + 1)))
    if len(edges) < 2:
        return np.zeros(len(scores.labels), dtype=np.int64), [f"{length[0]:,.0f} {unit}"]
    codes = np.clip(np.searchsorted(edges, length, side="right") - 1, 0, len(edges) - 2)
    names = [f"{a:,.0f} to {b:,.0f} {unit}" for a, b in pairwise(edges)]
    return codes[scores.genes].astype(np.int64), names


def bin_table(scores: Scores, population: Population, codes: _Codes, names: list[str]) -> pl.DataFrame:
    """One row per bin, in order."""
    weights = population.weights_or_ones(len(scores.labels))
    who = {"base": normalised(scores.main_base), "meta": normalised(scores.calibrated)}
    losses = {name: row_log_loss(scores.labels, values) for name, values in who.items()}
    wrong = {name: values.argmax(axis=1) != scores.labels for name, values in who.items()}
    rows = []
    for code, name in enumerate(names):
        inside = codes == code
        total = float(weights[inside].sum())
        row: dict[str, object] = {
            "population": population.name,
            "bin": name,
            "rows": int(inside.sum()),
            "positions": total,
        }
        for target in SITE_CLASSES:
            row[f"{target.label}_sites"] = int(scores.is_class(target)[inside].sum())
        for key, values in who.items():
            errors = float(weights[wrong[key]].sum())
            mine = float(weights[inside & wrong[key]].sum())
            row[f"log_loss_{key}"] = float(weights[inside] @ losses[key][inside]) / total if total else None
            row[f"errors_{key}"] = mine
            row[f"share_of_errors_{key}"] = mine / errors if errors else None
            row[f"calibration_{key}"] = _calibration(values, scores, weights, inside)
            for target in SITE_CLASSES:
                metric = sound_average_precision(
                    scores.is_class(target)[inside], values[inside, target], weights[inside]
                )
                row[f"ap_{target.label}_{key}"] = metric.value
        rows.append(row)
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.with_columns(pl.col(pl.Null).cast(pl.Float64))


def _calibration(values: _Floats, scores: Scores, weights: _Floats, inside: NDArray[np.bool_]) -> float | None:
    """Mean probability of a site minus the share of sites."""
    total = weights[inside].sum()
    if not total:
        return None
    gap = (1 - values[inside, 0]) - (scores.labels[inside] != 0)
    return float(weights[inside] @ gap / total)


def spread_table(scores: Scores, population: Population) -> pl.DataFrame:
    """Weighted quantiles of the probability of each class among the rows of each true class."""
    weights = population.weights_or_ones(len(scores.labels))
    rows = []
    for true in CLASSES:
        mine = scores.is_class(true)
        for name, values in scores.scorers.items():
            for predicted in CLASSES:
                quantiles = _weighted_quantiles(values[mine, predicted], weights[mine])
                rows.append((population.name, true.label, name, predicted.label, *quantiles))
    keys = ("population", "true_class", "scorer", "probability_of")
    schema = {**dict.fromkeys(keys, pl.String), **{f"q{round(100 * q):02d}": pl.Float64 for q in _QUANTILES}}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _weighted_quantiles(values: _Floats, weights: _Floats) -> list[float | None]:
    if not len(values) or not weights.sum():
        return [None] * len(_QUANTILES)
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    places = np.searchsorted(cumulated, np.array(_QUANTILES) * cumulated[-1])
    return [float(values[order[min(int(k), len(order) - 1)]]) for k in places]
