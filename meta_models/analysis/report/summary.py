"""``training_summary.txt``."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

from meta_models.analysis.comparison.table import (
    ALL_ROWS,
    BEST_BASE,
    GENOMIC,
    TABLE,
    EvaluationRow,
    EvaluationTable,
    shown,
)
from meta_models.analysis.fit_quality.ensemble import consistency_lines, ensemble_lines, measured_lines
from meta_models.analysis.performance.leaderboard import leaderboard_lines
from meta_models.analysis.report.input import ReportInput
from meta_models.metrics import METRICS

_WIDTH = 118


def render_summary(report: ReportInput) -> str:
    """The summary as plain text; what matters most stands first."""
    sections = [
        ("", [*report.verdict()]),
        ("Warnings", [f"! {text}" for text in report.warnings(measured=True)] or ["none"]),
        ("Dataset", [*report.profile]),
        ("Training", [*report.training_lines(), *(note.text for note in report.notes())]),
        ("Leaderboard", [*leaderboard_lines(report.result, titled=False)]),
        ("Ensemble", [*ensemble_lines(report.result), *measured_lines(report.result)]),
        ("FEATURE CONSISTENCY", [*consistency_lines(report.result)]),
        ("Plan", [*report.plan]),
        ("Parameters", _parameters(report)),
        ("Screening", _screening(report)),
    ]
    lines = [f"meta_models: {report.title}", "=" * (13 + len(report.title))]
    for title, texts in sections:
        if texts:
            lines += _section(title, texts)
    lines += _performance(report)
    lines += _section(
        "Analyses",
        [f"{o.code}: {o.status.value}" + (f" ({o.reason})" if o.reason else "") for o in report.run.outcomes],
    )
    lines += _section("Provenance", [f"{name}: {value}" for name, value in report.provenance.items()] or ["none given"])
    lines += _section("Load the model", [])
    lines += [f"    {line}" for line in report.load_lines()]
    lines += _artifacts(report)
    return "\n".join(lines) + "\n"


def _section(title: str, texts: Sequence[str]) -> list[str]:
    lines = [""]
    if title:
        lines += [title, "-" * len(title)]
    for text in texts:
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_long_words=False) or [""]
    return lines


def _parameters(report: ReportInput) -> list[str]:
    values = report.result.config.model_dump(mode="json")
    return [", ".join(f"{name}={'-' if value is None else value}" for name, value in values.items())]


#: Features with one reason that are listed one by one, at most.
_ALIKE = 20


def _screening(report: ReportInput) -> list[str]:
    excluded = {r.name: r.excluded for r in report.result.features if r.excluded is not None}
    listed = [f"Left out ({len(excluded)}):", *_reasons(excluded)] if excluded else ["Nothing was left out."]
    return [*report.screening, *listed]


def _reasons(excluded: Mapping[str, str]) -> list[str]:
    """A line for each feature; one for all that have the same reason, where they are many."""
    counts = Counter(excluded.values())
    alone = [f"  {name}: {why}" for name, why in excluded.items() if counts[why] <= _ALIKE]
    return [*alone, *(f"  {count} features: {why}" for why, count in counts.items() if count > _ALIKE)]


def _performance(report: ReportInput) -> list[str]:
    lines = []
    if report.whole_genes is not None:
        lines += _section(f"{report.whole_genes_title}, out of fold: base beside meta", [])
        lines += _figures(report.whole_genes)
    if report.run.evaluation is not None:
        lines += _section("Performance, out of fold: base beside meta", [])
        lines += _figures(report.run.evaluation)
    if report.external is not None:
        lines += _section("Performance on the external table", report.external_lines)
        lines += _figures(report.external)
    return lines


def _figures(evaluation: EvaluationTable) -> list[str]:
    """One block per population, the headline's first, of every metric over all rows."""
    lines = []
    main = evaluation.headline.main.base_model
    both = (GENOMIC, TABLE) if evaluation.headline.weighted else (evaluation.headline.population,)
    for population in (p for p in both if evaluation.select(population=p)):
        rows = evaluation.select(population=population, stratum=ALL_ROWS, base_model=BEST_BASE)
        beside = evaluation.select(population=population, stratum=ALL_ROWS, base_model=main)
        by_metric = {(row.metric, row.target): row.base for row in beside}
        whole = "all positions (rows weighted)" if evaluation.headline.weighted else "all positions"
        named = whole if population == GENOMIC else "rows of the table"
        cells = [_cells(row, by_metric.get((row.metric, row.target))) for row in rows]
        lines += [f"{population}: {named}", *_aligned([_HEADER, *cells])]
        lines += [f"  –, {row.metric} {row.target}: {row.reason}" for row in rows if row.reason]
        lines.append("")
    return lines[:-1]


_HEADER = ("metric", "class", "main base", "best base", "meta", "meta - best", "95 % interval")


def _cells(row: EvaluationRow, main: float | None) -> tuple[str, ...]:
    bounds = "–" if row.lower is None or row.upper is None else f"{shown(row.lower, '+')} to {shown(row.upper, '+')}"
    title = METRICS[row.metric].title if row.metric in METRICS else row.metric
    return title, row.target, shown(main), shown(row.base), shown(row.meta), shown(row.difference, "+"), bounds


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADER))]
    return [
        "  "
        + "  ".join(
            c.ljust(w) if k < 2 else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _artifacts(report: ReportInput) -> list[str]:
    if not report.artifacts:
        return []
    lines = _section("Artifacts ([x]: opened again, and its hash is the one recorded)", [])
    width = max(len(a.name) for a in report.artifacts)
    return [
        *lines,
        *(
            f"[{'x' if a.verified else ' '}] {a.name.ljust(width)}  {a.bytes:>13,} bytes  {a.sha256[:12]}"
            for a in report.artifacts
        ),
    ]
