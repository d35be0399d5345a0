"""The leaderboard of several learners: each of them, their combination, and the best base model."""

from __future__ import annotations

from dataclasses import asdict

import polars as pl

from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.result import LeaderboardRecord, TrainingResult

#: Columns that differ between equal runs: they stand in the report, the summary and on the terminal.
_MEASURED = ("seconds", "rows_per_second")
_CAPTION = (
    "Out of fold, the best first: average precision with the weights of the rows (where the table has any: what to "
    "expect on all positions) and on the rows of the table, which flatters and may rank otherwise. Size is that of the "
    "model file, seconds are those of training, rows per second those of prediction."
)
_WEIGHTS = "What each learner counts in the combination of a fold, as the other folds say; mean of the classes."


class Leaderboard(Analysis):
    """Reads the record of the learners; not applicable to a single one."""

    code = "leaderboard"
    title = "Leaderboard"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write the standings and the weights by fold."""
        record = context.result.leaderboard
        if record is None:
            return self.not_applicable("one learner was trained")
        found = Findings(context.writer)
        table = standings_table(record)
        file = found.write("leaderboard.tsv", table.drop(_MEASURED))
        found.tables.append(ReportTable("Leaderboard", table, _CAPTION, file))
        weights = weights_table(record)
        file = found.write("combination_weights.tsv", weights)
        found.tables.append(ReportTable("Weights by fold", weights, _WEIGHTS, file))
        for name, reason in record.failed.items():
            found.warn(f"The learner {name} could not be fitted: {reason}")
        found.tell(_gain(record))
        return self.done(found, f"saved: {record.saved}")


def standings_table(record: LeaderboardRecord) -> pl.DataFrame:
    """One row for each learner, the combination and the best base model."""
    rows = [{"rank": rank, **asdict(row)} for rank, row in enumerate(record.standings, 1)]
    return pl.DataFrame(rows, infer_schema_length=None)


def weights_table(record: LeaderboardRecord) -> pl.DataFrame:
    """One row for each fold."""
    rows = [{"fold": fold, **weights} for fold, weights in sorted(record.weights_by_fold.items())]
    return pl.DataFrame(rows, infer_schema_length=None)


def leaderboard_lines(result: TrainingResult) -> tuple[str, ...]:
    """The standings for the summary and the terminal; nothing for a single learner."""
    record = result.leaderboard
    if record is None:
        return ()
    weighted = any(row.weighted_mean is not None for row in record.standings)
    lines = [f"Leaderboard (AP of donor, acceptor, mean{', weighted to all positions' * weighted}; mean on the table)"]
    for rank, row in enumerate(record.standings, 1):
        ap = (row.weighted_donor, row.weighted_acceptor, row.weighted_mean)
        if not weighted:
            ap = (row.table_donor, row.table_acceptor, row.table_mean)
        shown = " ".join(_shown(value, ".4f") for value in (*ap, row.table_mean))
        facts = [
            f"log-loss {_shown(row.log_loss, '.5f')}",
            f"weight {row.weight:.2f}" if row.weight is not None else "",
            f"{row.seconds:.1f} s" if row.seconds is not None else "",
            f"{row.rows_per_second:,.0f} rows/s" if row.rows_per_second is not None else "",
            f"{row.size_bytes / 1e6:.2f} MB" if row.size_bytes is not None else "",
        ]
        lines.append(f"{rank}. {row.name}: {shown}, {', '.join(filter(None, facts))}")
    return (*lines, _gain(record), f"Saved: {record.saved}")


def _gain(record: LeaderboardRecord) -> str:
    """Combined minus best member, and whether that is a gain."""
    said = "Combined minus the best member, each chosen on the other folds: "
    if record.difference is None or record.lower is None or record.upper is None:
        return said + f"{_shown(record.difference, '+.4f')} AP, without an interval: no gain"
    interval = f"{record.difference:+.4f} AP (95 % {record.lower:+.4f} to {record.upper:+.4f})"
    return said + interval + ("" if record.lower > 0 else ": no gain")


def _shown(value: float | None, form: str) -> str:
    return "null" if value is None else format(value, form)
