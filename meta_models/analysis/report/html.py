"""``report.html``: one page with everything in it, no network."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, log10

import polars as pl

from meta_models.analysis.comparison.notes import in_short
from meta_models.analysis.comparison.table import ALL_ROWS, BEST_BASE, EvaluationTable, Headline, shown
from meta_models.analysis.framework.outcome import Picture, ReportTable, Status
from meta_models.analysis.report.input import ReportInput
from meta_models.local_paths import printable
from meta_models.metrics import METRICS

#: Rows of a table shown on the page; the caption says how many there are and which file has them all.
SHOWN_ROWS = 200
#: Rows of a table on paper.
PRINTED_ROWS = 25
#: Decimal places of figures, and the most that small ones get; from `_LARGE` on they have one.
_DECIMALS, _MOST_DECIMALS, _LARGE = 4, 8, 10.0
_TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Cell:
    """One cell: text, and the number that it sorts by where it is one."""

    text: str
    number: float | None = None


@dataclass(frozen=True)
class PageTable:
    """A table ready for the page; `wide` columns hold prose."""

    title: str
    caption: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Card:
    """The headline in large figures."""

    title: str
    state: str
    verdict: str
    meta: str
    base: str
    base_name: str
    difference: str
    interval: str
    where: str
    lines: tuple[str, ...]


def render_report(report: ReportInput) -> str:
    """The whole page. Text is escaped; pictures are data URIs."""
    filters = {"data_uri": data_uri, "seconds": lambda value: f"{value:.1f} s"}
    return render_page(
        __package__,
        _TEMPLATE,
        filters,
        report=report,
        cards=_cards(report),
        elsewhere=_elsewhere(report),
        status=Status,
        parameters=_mapping_table(report.result.config.model_dump(mode="json"), "Parameters"),
        provenance=_mapping_table(report.provenance, "Provenance"),
        artifacts=_artifact_table(report),
        excluded=_excluded_table(report),
        screening_source=_screening_table(report),
    )


def render_page(package: str, template: str, filters: Mapping[str, Callable[..., object]], **values: object) -> str:
    """A page from the file `template` of `package`, which may use what stands in ``parts.html.j2``; text is escaped."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(name, "") for name in dict.fromkeys((package, __package__))])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"page_table": page_table, **filters}
    page = environment.get_template(template).render(printed_rows=PRINTED_ROWS, **values)
    return re.sub(r"(?<=\d) %(?: (?=[+-]\d))?", _unbroken, page)


def _unbroken(sign: re.Match[str]) -> str:
    """A percent sign, which stays on the line of its number and of an interval that follows it."""
    return sign[0].replace(" ", "\u00a0")


def data_uri(picture: Picture) -> str:
    """The picture as part of a page."""
    return "data:image/png;base64," + base64.b64encode(picture.png).decode("ascii")


def _cards(report: ReportInput) -> list[Card]:
    named: list[tuple[str, EvaluationTable | None, str]] = [
        ("External table, genes not trained on", report.external, report.external_rows),
        (f"{report.whole_genes_title}, out of fold", report.whole_genes, "every position"),
        ("Cross-validation, out of fold", report.run.evaluation, "rows of the table"),
    ]
    return [_card(title, evaluation.headline, rows) for title, evaluation, rows in named if evaluation is not None]


def _elsewhere(report: ReportInput) -> list[ReportTable]:
    """The figures of other tables than that of training; its own stand with the analyses."""
    named = (
        (
            f"{report.whole_genes_title}, out of fold",
            report.whole_genes,
            "oof_dataset_evaluation.tsv",
            "every position",
        ),
        ("External table, genes not trained on", report.external, "external_evaluation.tsv", report.external_rows),
    )
    return [_metrics_table(title, table, file, rows) for title, table, file, rows in named if table is not None]


def _metrics_table(title: str, evaluation: EvaluationTable, file: str, called: str) -> ReportTable:
    """Every metric on all rows, against the best base model."""
    headline = evaluation.headline
    rows = evaluation.select(population=headline.population, stratum=ALL_ROWS, base_model=BEST_BASE)
    columns = {
        "metric": [METRICS[row.metric].title for row in rows],
        "class": [row.target for row in rows],
        "best base": [row.base for row in rows],
        "meta": [row.meta for row in rows],
        "difference": [row.difference for row in rows],
        "lower": [row.lower for row in rows],
        "upper": [row.upper for row in rows],
        "families": [row.families for row in rows],
        "without a figure because": [row.reason for row in rows],
        "note": [row.note for row in rows],
    }
    floats = dict.fromkeys(("best base", "meta", "difference", "lower", "upper"), pl.Float64)
    texts = dict.fromkeys(("without a figure because", "note"), pl.String)
    frame = pl.DataFrame(columns, schema_overrides={**floats, **texts})
    where = headline.where(called)
    caption = f"{where[0].upper()}{where[1:]}; 95 % intervals of the difference over families."
    return ReportTable(title, frame, caption, file)


def _card(title: str, headline: Headline, rows: str) -> Card:
    row = headline.row
    states = {
        True: ("good", "The meta-model beats the best base model"),
        False: ("bad", "The meta-model does NOT beat the best base model"),
    }
    state, verdict = ("unknown", "It cannot be told whether the meta-model beats the best base model")
    if headline.beats is not None:
        state, verdict = states[headline.beats]
    if headline.beats and headline.winning_combiners:
        state, verdict = "unknown", f"{verdict}, but a trivial combiner of the base scores does better"
    interval = "no interval: " + (row.reason or row.note or "unknown")
    if row.lower is not None and row.upper is not None:
        interval = f"95 % {row.lower:+.4f} to {row.upper:+.4f}, {row.families:,} families"
    return Card(
        title,
        state,
        verdict,
        shown(row.meta),
        shown(row.base),
        headline.best_base_text,
        shown(row.difference, "+"),
        interval,
        f"Mean average precision of donor and acceptor, {headline.where(rows)}",
        (*headline.combiner_texts, *_beside(headline), *([f"Note: {in_short(row.note)}."] if row.note else [])),
    )


def _beside(headline: Headline) -> tuple[str, ...]:
    """The main base model, the other population, the chromosomes it knew and the trivial combiners, one line each."""
    rows = [(f"against the main base model ({headline.main.base_model})", headline.main)]
    if headline.weighted:
        rows.append(("rows of the table, against the best base model", headline.table))
    rows += [(f"{row.stratum}, against the best base model", row) for row in headline.parted]
    rows += [(f"against the {row.base_model}", row) for row in headline.combiners]
    lines = []
    for name, row in rows:
        bounds = "" if row.lower is None or row.upper is None else f" (95 % {row.lower:+.4f} to {row.upper:+.4f})"
        lines.append(f"{name}: {shown(row.base)} → {shown(row.meta)}, {shown(row.difference, '+')}{bounds}")
    return (*lines, *headline.stratum_texts)


def page_table(table: ReportTable) -> PageTable:
    """The first rows of a table as text and sort keys."""
    frame = table.frame.head(SHOWN_ROWS)
    numeric = tuple(dtype.is_numeric() for dtype in frame.dtypes)
    rows = tuple(tuple(map(_cell, row, places)) for row, places in zip(frame.iter_rows(), _places(frame), strict=True))
    caption = table.caption
    if table.frame.height > SHOWN_ROWS:
        caption += f" Shown: {SHOWN_ROWS} of {table.frame.height:,} rows."
    if table.file:
        caption += f" File: {table.file}"
    return PageTable(table.title, caption.strip(), tuple(frame.columns), numeric, rows)


def _places(frame: pl.DataFrame) -> list[list[int]]:
    """Decimal places of each row's cells: alike in a column, or in those rows of it that are of one metric."""
    metrics = frame["metric"].to_list() if "metric" in frame.columns else [None] * frame.height
    parts = {metric: frame.filter([metric == other for other in metrics]) for metric in dict.fromkeys(metrics)}
    places = {
        metric: [_decimals(column) if column.dtype.is_float() else 0 for column in part.iter_columns()]
        for metric, part in parts.items()
    }
    return [places[metric] for metric in metrics]


def _decimals(column: pl.Series) -> int:
    """Decimal places of all numbers of a column: none of whole numbers, one of large ones, else four and more."""
    known = column.filter(column.is_finite()).abs()
    if known.is_empty() or known.equals(known.round()):
        return 0
    top = float(known.to_numpy().max())
    return 1 if top >= _LARGE else min(_MOST_DECIMALS, max(_DECIMALS, _DECIMALS - 1 - floor(log10(top))))


def _number(value: float, places: int) -> str:
    """`value` with so many decimal places; as it is where these would leave less than a digit of it."""
    return f"{value:,.{places}f}" if value == 0 or abs(value) >= 10.0 ** (1 - places) else f"{value:.{_DECIMALS}g}"


def _cell(value: object, places: int) -> Cell:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell("–")
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int):
        return Cell(f"{value:,}", float(value))
    if isinstance(value, float):
        return Cell(_number(value, places), value)
    return Cell(str(value))


def _mapping_table(values: Mapping[str, object], title: str) -> ReportTable:
    shown = {printable(name): "–" if value is None else printable(str(value)) for name, value in values.items()}
    return ReportTable(
        title,
        pl.DataFrame(
            {"name": list(shown), "value": list(shown.values())}, schema={"name": pl.String, "value": pl.String}
        ),
    )


def _artifact_table(report: ReportInput) -> ReportTable:
    schema = {"": pl.String, "file": pl.String, "bytes": pl.Int64, "sha256": pl.String}
    rows = [("✓" if a.verified else "✗", a.name, a.bytes, a.sha256) for a in report.artifacts]
    caption = "✓: opened again after writing, and its hash is the one recorded."
    return ReportTable("Artifacts", pl.DataFrame(rows, schema=schema, orient="row"), caption)


def _excluded_table(report: ReportInput) -> ReportTable:
    rows = [(r.name, r.group.value, r.excluded) for r in report.result.features if r.excluded is not None]
    schema = {"feature": pl.String, "group": pl.String, "why": pl.String}
    return ReportTable("Features left out", pl.DataFrame(rows, schema=schema, orient="row"), "", "feature_manifest.csv")


def _screening_table(report: ReportInput) -> ReportTable:
    frame = pl.DataFrame() if report.screening_table is None else report.screening_table
    return ReportTable("Every test of screening", frame, "", "leakage_screening.csv")
