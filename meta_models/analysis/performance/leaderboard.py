"""The leaderboard: what was trained, its combination, and the base models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import polars as pl

from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.result import TrainingResult
from meta_models.standings import POPULATIONS, Difference, LeaderboardRecord, Pair, Standing

#: Columns that differ between equal runs: they stand in the report, the summary and on the terminal.
_MEASURED = ("seconds", "rows_per_second")
#: What the populations are called.
_TITLES = {"every": "every position", "weighted": "rows weighted to all positions", "table": "rows of the table"}
_CAPTION = (
    "Out of fold, the best first by {}: average precision on every position of whole genes (every, where these were "
    "scored), on the rows of the table with their weights (weighted: what to expect on all positions), and on these "
    "rows as they are (table), which flatters and may rank otherwise. Size is that of the model file, seconds are "
    "those of training, rows per second those of prediction (the fastest of three passes where it reads rows)."
)
_WEIGHTS = "What each member counts in the combination of a fold, as the other folds say; mean of the classes."
_PAIRS = (
    "Average precision (mean of donor and acceptor) of one member minus that of another, out of fold, with its 95 % "
    "interval over families: on the rows of the table with their weights and, where it was scored, on every position."
)
_FIRST = ("rank", "name", "role")


class Leaderboard(Analysis):
    """Reads the record that training made, and that the scores of every position completed."""

    code = "leaderboard"
    title = "Leaderboard"

    def run(self, context: AnalysisContext) -> Outcome:
        """Write the standings and, of several members, the weights by fold."""
        record = context.result.leaderboard
        if record is None:
            return self.not_applicable("the run was made without a leaderboard")
        found = Findings(context.writer)
        table = standings_table(record)
        file = found.write("leaderboard.tsv", table.drop(_MEASURED))
        caption = _CAPTION.format(_TITLES[record.population])
        found.tables.append(ReportTable("Leaderboard", _known(table), caption, file))
        if record.weights_by_fold:
            weights = weights_table(record)
            file = found.write("combination_weights.tsv", weights)
            found.tables.append(ReportTable("Weights by fold", weights, _WEIGHTS, file))
        if record.pairs:
            pairs = pairs_table(record)
            file = found.write("member_differences.tsv", pairs)
            found.tables.append(ReportTable("Differences between members", _known(pairs), _PAIRS, file))
        for name, reason in record.failed.items():
            found.warn(f"The member {name} could not be fitted: {reason}")
        for line in difference_lines(record, measured=False):
            found.tell(line)
        return self.done(found, f"saved: {record.saved}")


def _known(table: pl.DataFrame) -> pl.DataFrame:
    """The columns in which anything is known."""
    return table.drop(name for name in table.columns if table[name].null_count() == table.height)


def standings_table(record: LeaderboardRecord) -> pl.DataFrame:
    """One row for each member, the combination and each base model; what they are ranked by comes first."""
    rows = [{"rank": rank, **asdict(row)} for rank, row in enumerate(record.standings, 1)]
    table = pl.DataFrame(rows, infer_schema_length=None)
    figures = [name for prefix in POPULATIONS[:-1] for name in table.columns if name.startswith(prefix)]
    return table.select(*_FIRST, *figures, pl.exclude(*_FIRST, *figures))


def weights_table(record: LeaderboardRecord) -> pl.DataFrame:
    """One row for each fold."""
    rows = [{"fold": fold, **weights} for fold, weights in sorted(record.weights_by_fold.items())]
    return pl.DataFrame(rows, infer_schema_length=None)


def pairs_table(record: LeaderboardRecord) -> pl.DataFrame:
    """One row for each pair of members."""
    rows = []
    for pair in record.pairs:
        own, every = pair.difference, pair.every or Difference(None, None, None)
        rows.append((pair.one, pair.other, own.value, own.lower, own.upper, every.value, every.lower, every.upper))
    figures = ("difference", "lower", "upper", "every_difference", "every_lower", "every_upper")
    schema = {"one": pl.String, "other": pl.String, **dict.fromkeys(figures, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def leaderboard_lines(result: TrainingResult, *, titled: bool = True) -> tuple[str, ...]:
    """The standings for the summary and the terminal; nothing where there is no leaderboard.

    Without `titled` they stand under a heading of their own, and their warnings elsewhere.
    """
    record = result.leaderboard
    if record is None:
        return ()
    columns = f"AP of donor, acceptor, mean on {_TITLES[record.population]}; mean on the table"
    title = f"Leaderboard ({columns})" if titled else columns
    lines = [f"{rank}. {_line(row, record.population)}" for rank, row in enumerate(record.standings, 1)]
    warnings = [f"WARNING: {text}" for text in copy_warnings(record)] if titled else []
    return (title, *lines, *difference_lines(record), *warnings, f"Saved: {record.saved}")


def _line(row: Standing, population: str) -> str:
    """A standing in words."""
    ap = [getattr(row, f"{population}_{name}") for name in ("donor", "acceptor", "mean")]
    shown = " ".join(_shown(value, ".4f") for value in (*ap, row.table_mean))
    loss = row.every_log_loss if population == "every" else row.log_loss
    megabytes = None if row.size_bytes is None else row.size_bytes / 1e6
    facts = (
        (loss, "log-loss {:.5f}"), (row.weight, "weight {:.2f}"), (row.seconds, "{:.1f} s"),
        (row.rows_per_second, "{:,.0f} rows/s"), (megabytes, "{:.2f} MB"),
    )  # fmt: skip
    known = [form.format(value) for value, form in facts if value is not None]
    return ", ".join([f"{row.name}: {shown}", *known])


def difference_lines(record: LeaderboardRecord, *, measured: bool = True) -> tuple[str, ...]:
    """Combined minus best member, and whether that is a gain; student minus teacher; nothing of a lone member.

    With `measured` speeds, too, which differ between equal runs.
    """
    if not record.method:
        return _price_lines(record, measured=measured)
    said = f"Combined minus the best member ({record.opponent})"
    lines = [f"{said}: {_difference(record.difference, record.lower, record.upper)}"]
    if record.every is not None:
        lines.append(f"{said}, on every position: {_difference(*_bounds(record))}")
    return tuple(lines)


def _price_lines(record: LeaderboardRecord, *, measured: bool) -> tuple[str, ...]:
    """What a student loses, and what it gains in size and speed; nothing where there is no teacher."""
    lines = []
    for pair, student, teacher in _copies(record):
        for own, where in ((pair.difference, ""), (pair.every, ", on every position")):
            if own is not None:
                interval = _difference(own.value, own.lower, own.upper, verdict=False)
                lines.append(f"{pair.one} minus {pair.other}{where}: {interval}")
        lines.append(f"{pair.one} beside {pair.other}: {_cost(student, teacher, measured=measured)}")
    return tuple(lines)


def copy_warnings(record: LeaderboardRecord, *, measured: bool = True) -> tuple[str, ...]:
    """What a student was made for and is not: smaller, faster, as good as its teacher; one sentence for each student.

    With `measured` its speed, too, which differs between equal runs.
    """
    found = (tuple(_failings(*copy, measured=measured)) for copy in _copies(record))
    return tuple(f"The copy {', '.join(failings)}." for failings in found if failings)


def _failings(pair: Pair, student: Standing, teacher: Standing, *, measured: bool) -> Iterator[str]:
    size = student.size_bytes / teacher.size_bytes if student.size_bytes and teacher.size_bytes else None
    speed = _speed_of(student, teacher) if measured else None
    if size is not None and size >= 1:
        yield f"is NOT smaller than its teacher ({size:.2g} times its size)"
    if speed is not None and speed <= 1:
        yield f"is NOT faster than its teacher ({speed:.2g} times its speed)"
    difference = pair.every or pair.difference
    if difference.upper is not None and difference.upper < 0:
        interval = _difference(difference.value, difference.lower, difference.upper, verdict=False)
        yield f"is WORSE than its teacher ({interval})"


def _copies(record: LeaderboardRecord) -> Iterator[tuple[Pair, Standing, Standing]]:
    """Each pair of a student and its teacher, and their standings."""
    rows = {row.name: row for row in record.standings}
    for pair in record.pairs:
        if pair.other in rows and rows[pair.other].role == "teacher":
            yield pair, rows[pair.one], rows[pair.other]


def _speed_of(student: Standing, teacher: Standing) -> float | None:
    """How many times as fast the student is; None where that was not measured."""
    own, others = student.rows_per_second, teacher.rows_per_second
    return own / others if own and others else None


def _cost(student: Standing, teacher: Standing, *, measured: bool) -> str:
    found = []
    if student.size_bytes and teacher.size_bytes:
        found.append(f"{student.size_bytes / teacher.size_bytes:.2g} of the size")
    if measured and (speed := _speed_of(student, teacher)) is not None:
        found.append(f"{speed:.2g} times as fast")
    return ", ".join(found) or "sizes and speeds were not measured"


def _bounds(record: LeaderboardRecord) -> tuple[float | None, float | None, float | None]:
    every = record.every
    return (None, None, None) if every is None else (every.value, every.lower, every.upper)


def _difference(value: float | None, lower: float | None, upper: float | None, *, verdict: bool = True) -> str:
    if value is None or lower is None or upper is None:
        text, real = f"{_shown(value, '+.4f')} AP, without an interval", False
    else:
        text, real = f"{value:+.4f} AP (95 % {lower:+.4f} to {upper:+.4f})", lower > 0
    return text if real or not verdict else f"{text}: no gain"


def _shown(value: float | None, form: str) -> str:
    return "null" if value is None else format(value, form)
