"""The leaderboard as table and as text."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from meta_models.analysis.performance.leaderboard import (
    copy_warnings,
    difference_lines,
    leaderboard_lines,
    standings_table,
    weights_table,
)
from meta_models.result_files import unmeasured
from meta_models.standings import Difference, LeaderboardRecord, Pair, Standing

FIRST = Standing("tcn", "member", 0.9, 0.8, 0.85, 0.7, 0.6, 0.65, 0.01, 0.75, 2_000_000, 12.5, 40_000.0)
BASE = Standing("spliceai", "base", 0.5, 0.4, 0.45, 0.3, 0.2, 0.25, None)
RECORD = LeaderboardRecord(
    "greedy", "tcn", (FIRST, BASE), 0.001, -0.002, 0.003, {1: {"tcn": 0.5}, 0: {"tcn": 1.0}}, {"knn": "not installed"}
)


class Result:
    """What of a result the lines read."""

    def __init__(self, leaderboard: LeaderboardRecord | None) -> None:
        self.leaderboard = leaderboard


def lines(record: LeaderboardRecord | None) -> str:
    return "\n".join(leaderboard_lines(Result(record)))  # type: ignore[arg-type]


def test_the_lines_show_the_weighted_figures_and_what_was_measured() -> None:
    text = lines(RECORD)
    assert "on rows weighted to all positions" in text
    assert "1. tcn: 0.7000 0.6000 0.6500 0.8500, log-loss 0.01000, weight 0.75, 12.5 s, 40,000 rows/s, 2.00 MB" in text
    assert "2. spliceai: 0.3000 0.2000 0.2500 0.4500" in text
    assert "+0.0010 AP (95 % -0.0020 to +0.0030): no gain" in text
    assert text.endswith("Saved: tcn")


def test_without_weights_the_figures_are_those_of_the_table() -> None:
    plain = replace(FIRST, weighted_donor=None, weighted_acceptor=None, weighted_mean=None)
    assert "1. tcn: 0.9000 0.8000 0.8500 0.8500" in lines(replace(RECORD, standings=(plain,)))


@pytest.mark.parametrize(("lower", "said"), [(0.0005, False), (0.0, True), (None, True)])
def test_there_is_a_gain_where_the_whole_interval_lies_above_0(lower: float | None, said: bool) -> None:
    assert ("no gain" in lines(replace(RECORD, lower=lower))) == said


def test_nothing_is_said_of_a_single_learner() -> None:
    assert lines(None) == ""


def test_a_student_is_told_with_its_speed_but_where_equal_runs_say_the_same() -> None:
    teacher = replace(FIRST, name="teacher", role="teacher", size_bytes=8_000_000, rows_per_second=10_000.0)
    pair = Pair("tcn", "teacher", Difference(-0.01, -0.02, -0.005))
    record = replace(RECORD, method="", standings=(FIRST, teacher), pairs=(pair,))
    assert difference_lines(record)[-1] == "tcn beside teacher: 0.25 of the size, 4 times as fast"
    said = difference_lines(record, measured=False)
    assert said[-1] == "tcn beside teacher: 0.25 of the size"
    assert said == difference_lines(unmeasured(record))


def test_a_copy_that_is_no_smaller_faster_or_as_good_is_warned_of() -> None:
    teacher = replace(FIRST, name="teacher", role="teacher", size_bytes=1_000_000, rows_per_second=80_000.0)
    pair = Pair("tcn", "teacher", Difference(-0.001, -0.02, 0.01), Difference(-0.02, -0.03, -0.01))
    record = replace(RECORD, method="", standings=(FIRST, teacher), pairs=(pair,))
    worse = "is WORSE than its teacher (-0.0200 AP (95 % -0.0300 to -0.0100))"
    larger = "The copy is NOT smaller than its teacher (2 times its size)"
    slower = "is NOT faster than its teacher (0.5 times its speed)"
    assert copy_warnings(record) == (f"{larger}, {slower}, {worse}.",)
    assert copy_warnings(record, measured=False) == (f"{larger}, {worse}.",) == copy_warnings(unmeasured(record))
    assert f"WARNING: {larger}" in lines(record)
    good = replace(teacher, size_bytes=3_000_000, rows_per_second=10_000.0)
    assert copy_warnings(replace(record, standings=(FIRST, good), pairs=(replace(pair, every=None),))) == ()


def test_tables() -> None:
    table = standings_table(unmeasured(RECORD))
    assert table["rank"].to_list() == [1, 2]
    kinds = [name.split("_")[0] for name in table.columns if name.endswith("_mean")]
    assert kinds == ["every", "weighted", "table"]
    assert table["seconds"].null_count() == table["rows_per_second"].null_count() == 2
    assert weights_table(RECORD).equals(pl.DataFrame({"fold": [0, 1], "tcn": [1.0, 0.5]}))
