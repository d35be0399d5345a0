"""Limits that the user set, met or missed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from meta_models.analysis.comparison.table import ALL_ROWS, BEST_BASE, EvaluationRow, EvaluationTable
from meta_models.analysis.framework.base import Analysis, AnalysisContext, Draws, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.errors import UsageError
from meta_models.metrics import METRICS
from meta_models.yaml_files import asked_for

_EXAMPLE = "- {metric: average_precision, target: donor, stratum: all, at_least: 0.9}"


class Target(BaseModel):
    """One limit of ``targets.yaml``.

    Attributes
    ----------
    metric : str
        Name in :data:`meta_models.metrics.METRICS`.
    target : str
        ``donor``, ``acceptor``, ``mean`` (of these two; the default) or ``all`` (metrics over all three classes, which
        have no other).
    stratum : str
        ``all`` or a stratum of ``base_vs_meta_performance.tsv``.
    population : str or None
        ``table`` or ``genomic``; the headline's by default.
    quantity : str
        ``meta``, or ``difference`` (meta minus the best base model).
    at_least, at_most : float
        The limit; exactly one of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    target: Literal["donor", "acceptor", "mean", "all"] = "mean"
    stratum: str = ALL_ROWS
    population: Literal["table", "genomic"] | None = None
    quantity: Literal["meta", "difference"] = "meta"
    at_least: Annotated[float | None, Field(allow_inf_nan=False)] = None
    at_most: Annotated[float | None, Field(allow_inf_nan=False)] = None

    @model_validator(mode="before")
    @classmethod
    def _over_all_classes(cls, entry: Any) -> Any:
        """The only target of a metric over all classes need not be named."""
        if isinstance(entry, dict) and "target" not in entry:
            metric = METRICS.get(str(entry.get("metric")))
            return entry | {"target": "all"} if metric is not None and not metric.per_class else entry
        return entry

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give at_least or at_most, one of them")
        if self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}")
        if METRICS[self.metric].per_class == (self.target == "all"):
            known = "donor, acceptor or mean" if self.target == "all" else "all"
            raise ValueError(f"{self.metric} has the target {known}")
        return self

    def met_by(self, value: float | None) -> bool:
        """Whether `value` keeps the limit; what could not be computed keeps none."""
        if value is None:
            return False
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


def read_targets(path: Path) -> tuple[Target, ...]:
    """The limits in a YAML list. Call it before training: a bad file must not cost a training.

    Raises
    ------
    UsageError
        If the file cannot be read or an entry is wrong.
    """
    try:
        return tuple(TypeAdapter(list[Target]).validate_python(asked_for(path, "--targets")))
    except ValidationError as error:
        found = "; ".join(f"entry {'.'.join(map(str, e['loc'])) or 'list'}: {e['msg']}" for e in error.errors())
        raise UsageError(
            "--targets needs a YAML list of limits", found, f"An entry looks like this: {_EXAMPLE}"
        ) from None


class Targets(Analysis):
    """Compares the evaluation with ``--targets``. A limit on a figure that there is not counts as missed."""

    code = "targets"
    title = "Targets"
    draws = Draws.NOTHING

    def run(self, context: AnalysisContext) -> Outcome:
        """Write ``bins_and_targets/targets.tsv``."""
        if context.config.targets is None:
            return self.not_applicable("no limits were given (--targets targets.yaml)")
        found = Findings(context.writer)
        targets = read_targets(context.config.targets)
        table = target_table(targets, context.evaluation)
        file = found.write("bins_and_targets/targets.tsv", table)
        caption = "Figures of the meta-model out of fold, or its difference to the best base model."
        found.tables.append(ReportTable("Limits, met or missed", table, caption, file))
        missed = table.filter(pl.col("status") == "missed")
        for row in missed.iter_rows(named=True):
            where = f"stratum {row['stratum']!r}, {row['population']} population"
            what = row["metric"] if row["quantity"] == "meta" else f"{row['metric']}, meta minus best base"
            limit = f"{what}, {row['target']}, {where} {row['limit']}"
            if row["value"] is None:
                found.warn(f"Target missed: {limit}: there is no such figure ({row['reason']}).")
            else:
                found.warn(f"Target missed: {limit}: found {row['value']:.4f}.")
        outcome = self.done(found)
        return Outcome(**{**outcome.__dict__, "missed_targets": missed.height})


def target_table(targets: tuple[Target, ...], evaluation: EvaluationTable) -> pl.DataFrame:
    """One row per limit: what was asked, what was found, met or missed, and the reason where there is no figure."""
    rows = []
    for target in targets:
        population = target.population or evaluation.headline.population
        row = _find(target, population, evaluation)
        value, reason = _value(target, row, evaluation)
        limit = f">= {target.at_least:g}" if target.at_least is not None else f"<= {target.at_most:g}"
        status = "met" if target.met_by(value) else "missed"
        rows.append(
            (target.quantity, target.metric, target.target, target.stratum, population, limit, value, status, reason)
        )
    names = ("quantity", "metric", "target", "stratum", "population", "limit")
    schema = {**dict.fromkeys(names, pl.String), "value": pl.Float64, "status": pl.String, "reason": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _find(target: Target, population: str, evaluation: EvaluationTable) -> EvaluationRow | None:
    rows = evaluation.select(
        metric=target.metric, target=target.target, stratum=target.stratum, population=population, base_model=BEST_BASE
    )
    return rows[0] if rows else None


def _value(target: Target, row: EvaluationRow | None, evaluation: EvaluationTable) -> tuple[float | None, str]:
    if row is None:
        strata = dict.fromkeys(row.stratum for row in evaluation.rows)
        if target.stratum not in strata:
            return None, f"the strata of this table are {', '.join(strata)}"
        return None, "base_vs_meta_performance.tsv has none of that metric, class and population"
    value = row.meta if target.quantity == "meta" else row.difference
    return value, "" if value is not None else (row.meta_reason or row.base_reason or row.note)
