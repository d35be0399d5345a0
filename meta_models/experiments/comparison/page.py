"""``comparison.html``: one page with everything in it, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from meta_models.analysis.comparison.table import shown
from meta_models.analysis.framework.outcome import Picture, ReportTable
from meta_models.analysis.plots import style
from meta_models.analysis.plots.intervals import Interval, draw_intervals
from meta_models.analysis.report.html import data_uri, render_page
from meta_models.experiments.comparison.differences import ALL, AP, MEAN, Difference
from meta_models.experiments.comparison.genes import changed_counts
from meta_models.experiments.comparison.outcome import FIGURES, GENES, AcrossTables, RunComparison, TableComparison
from meta_models.experiments.options import CompareConfig
from meta_models.wording import counted

_TEMPLATE = "comparison.html.j2"
_STATES = {True: "good", False: "bad", None: "unknown"}


@dataclass(frozen=True)
class Card:
    """One run against the control in large figures."""

    title: str
    state: str
    verdict: str
    run: str
    run_name: str
    control: str
    control_name: str
    difference: str
    interval: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """What the page says of one table."""

    title: str
    notes: tuple[str, ...]
    cards: tuple[Card, ...]
    picture: Picture
    tables: tuple[ReportTable, ...]


def render_comparison(tables: Sequence[TableComparison], across: AcrossTables | None, options: CompareConfig) -> str:
    """The whole page. Text is escaped; pictures are data URIs."""
    return render_page(
        __package__,
        _TEMPLATE,
        {"data_uri": data_uri},
        title=_title(tables),
        parts=[_part(table) for table in tables],
        across=None if across is None else _rank_table(across),
        across_lines=() if across is None else rank_lines(across),
        samples=options.bootstrap_samples,
        seed=options.seed,
    )


def _title(tables: Sequence[TableComparison]) -> str:
    """The runs by name; of several tables, the tables."""
    if len(tables) > 1:
        return f"Runs on {', '.join(table.table for table in tables)}"
    return f"{', '.join(run.run for run in tables[0].runs)} against {tables[0].control}"


def rank_lines(across: AcrossTables) -> tuple[str, ...]:
    """What the ranks of the runs over the tables say."""
    ranks = across.ranks
    lines = [] if ranks.reason is None else [f"{ranks.reason[0].upper()}{ranks.reason[1:]}."]
    if ranks.p_value is not None:
        found = f"chi-squared {ranks.statistic:.2f}, p {ranks.p_value:.3g}"
        lines.append(f"Friedman's test over {ranks.tables} tables: {found}.")
    if ranks.critical_difference is not None:
        lines.append(f"Mean ranks further apart than {ranks.critical_difference:.2f} differ (Nemenyi, 95 %).")
    return tuple(lines)


def _part(table: TableComparison) -> Part:
    return Part(
        title=table.table,
        notes=table.notes,
        cards=tuple(_card(run, table.control) for run in table.runs),
        picture=_picture(table),
        tables=(_tests(table), _figures(table), _strata(table), _genes(table), _changes(table), _costs(table)),
    )


def _card(run: RunComparison, control: str) -> Card:
    main = run.headline
    interval = f"no interval: {main.reason}"
    if main.lower is not None and main.upper is not None:
        interval = f"95 % {shown(main.lower, '+')} to {shown(main.upper, '+')}, {main.families:,} families"
    return Card(
        f"Mean average precision of donor and acceptor, {main.population} population", _STATES[run.better],
        run.found(control), shown(main.b), run.run, shown(main.a), control,
        shown(main.difference, "+"), interval, _test_lines(run),
    )  # fmt: skip


def _test_lines(run: RunComparison) -> tuple[str, ...]:
    main, folds = run.headline, run.folds
    lines = []
    if main.p_value is not None and main.adjusted_p_value is not None:
        all_runs = f"for {counted(run.compared, 'run')} together (Holm) {main.adjusted_p_value:.3g}"
        lines.append(f"Bootstrap over families: p {main.p_value:.3g}; {all_runs}")
    if folds.p_value is None or folds.plain_p_value is None:
        return (*lines, f"No test over folds: {folds.reason}")
    return (
        *([run.doubt] if run.doubt else []),
        *lines,
        f"Corrected resampled t-test over {folds.folds} folds ({folds.population} population): p {folds.p_value:.3g}",
        f"The plain t-test, which takes folds for independent, would say p {folds.plain_p_value:.3g}",
    )


def _picture(table: TableComparison) -> Picture:
    """Differences in mean average precision of all runs, by stratum."""
    drawn = [
        _interval(f"{run.run}, {d.stratum}" if d.stratum != ALL else run.run, d)
        for run in table.runs
        for d in run.differences
        if (d.population, d.metric, d.target) == (table.population, AP, MEAN)
    ]
    with style.style():
        figure, axes = style.new_figure(1, 1, width=8.4, height=1.1 + 0.28 * len(drawn))
        label = "mean average precision, run minus control"
        draw_intervals(axes[0][0], drawn, title="", x_label=label, colour=style.BLUE)
        png = style.png_bytes(style.settled(figure))
    caption = (
        f"Difference to {table.control} with its 95 % interval over families, {table.population} population. Right of "
        "the line the run is better than the control. Intervals of strata are not corrected for how many there are."
    )
    return Picture("Differences in mean average precision", caption, png, "")


def _interval(name: str, difference: Difference) -> Interval:
    values = (difference.difference, difference.lower, difference.upper)
    value, lower, upper = (np.nan if number is None else number for number in values)
    return Interval(name, value, lower, upper)


def _tests(table: TableComparison) -> ReportTable:
    rows = [
        {
            "run": run.run, "difference": run.headline.difference, "lower": run.headline.lower,
            "upper": run.headline.upper, "p, bootstrap": run.headline.p_value,
            "p, Holm": run.headline.adjusted_p_value, "p, corrected t": run.folds.p_value,
            "p, plain t": run.folds.plain_p_value, "without a test because": run.folds.reason,
        }
        for run in table.runs
    ]  # fmt: skip
    caption = (
        "The interval from the bootstrap over families is the answer; where several runs are compared, its p-value, "
        "adjusted by Holm for their number, must be below 0.05, too. Beside them the t-test over folds corrected for "
        "the training genes that folds share (Nadeau and Bengio 2003). The plain t-test over-claims: it is shown for "
        "comparison only."
    )
    return ReportTable(f"Is it more than chance? Against {table.control}", _frame(rows), caption, FIGURES)


def _figures(table: TableComparison) -> ReportTable:
    whole = table.frame().filter(pl.col("stratum") == ALL)
    chosen = whole.select(
        "run", "population", "metric", "target", "control_value", "run_value", "difference", "lower", "upper",
        "families", "adjusted_p_value", "reason",
    )  # fmt: skip
    return ReportTable("All rows", chosen, "Log-loss: smaller is better.", FIGURES)


def _strata(table: TableComparison) -> ReportTable:
    parts = table.frame().filter(pl.col("stratum") != ALL, pl.col("population") == table.population)
    chosen = parts.select(
        "run", "stratum", "control_value", "run_value", "difference", "lower", "upper", "families", "reason"
    )
    caption = "Mean average precision of donor and acceptor. Intervals are not corrected for how many strata there are."
    return ReportTable("By stratum", chosen, caption, FIGURES)


def _genes(table: TableComparison) -> ReportTable:
    caption = "Genes whose sites are ranked better, worse and alike, by mean average precision within the gene."
    return ReportTable("How many genes changed", changed_counts(table.changes), caption, GENES)


def _changes(table: TableComparison) -> ReportTable:
    return ReportTable("Which genes changed", table.changes, "The largest changes of each run first.", GENES)


def _costs(table: TableComparison) -> ReportTable:
    caption = "Of runs that did all their work themselves; the machine may have been shared."
    return ReportTable("What the runs took", _frame([asdict(cost) for cost in table.costs]), caption)


def _rank_table(across: AcrossTables) -> ReportTable:
    ranks = dict(zip(across.names, across.ranks.mean_ranks, strict=False))
    frame = pl.DataFrame({"run": list(ranks), "mean rank": list(ranks.values())}).sort("mean rank", "run")
    return ReportTable("Mean ranks, 1 is best", frame, "By mean average precision of donor and acceptor.")


def _frame(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)
