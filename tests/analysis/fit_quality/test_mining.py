from __future__ import annotations

import io
from dataclasses import replace

import polars as pl
import pytest
from simulated_run import context_of, trained

from meta_models.analysis.fit_quality.mining import Mining
from meta_models.analysis.framework.outcome import Status
from meta_models.analysis.plots.sheets import Drawing, draw
from meta_models.result import MiningRecord


def records(last: float, *, kept: int) -> tuple[MiningRecord, ...]:
    values = (0.7, last)
    return tuple(
        MiningRecord(number, fold, 40 * number, 3 * number, 0.1 if number else None, value, value - 0.1, number == kept)
        for number, value in enumerate(values)
        for fold in (-1, 0, 1)
    )


def test_it_is_not_applicable_where_nothing_was_mined() -> None:
    assert Mining().run(context_of(trained())).status is Status.NOT_APPLICABLE


def test_progress_is_a_table_and_a_plot() -> None:
    context = context_of(replace(trained(), mining=records(0.8, kept=1)))
    outcome = Mining().run(context)
    assert outcome.status is Status.PASSED
    table = pl.read_csv(io.BytesIO(context.writer.files["mining.csv"]))
    assert table.height == 6
    assert table.filter((pl.col("round") == 1) & (pl.col("fold") == -1))["mean"][0] == pytest.approx(0.75)
    drawn = draw(Drawing(outcome.code, outcome.sheets))
    assert drawn["performance_plots/mining.png"].startswith(b"\x89PNG")


def test_a_round_that_lowers_average_precision_is_said() -> None:
    outcome = Mining().run(context_of(replace(trained(), mining=records(0.6, kept=0))))
    assert outcome.status is Status.FINDING
    assert "did not raise" in outcome.findings[0].text


def test_members_of_an_ensemble_are_told_apart() -> None:
    mined = tuple(replace(record, member=member) for member in (0, 1) for record in records(0.8 - member / 2, kept=1))
    context = context_of(replace(trained(), mining=mined))
    outcome = Mining().run(context)
    assert outcome.status is Status.FINDING  # the mean of both falls from 0.65 to 0.5
    table = pl.read_csv(io.BytesIO(context.writer.files["mining.csv"]))
    assert table["member"].to_list() == [0] * 6 + [1] * 6
