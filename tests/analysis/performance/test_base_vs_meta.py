"""What the comparison says of the table that its figures are of."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from simulated_run import context_of, reweighted, trained, unrendered

from meta_models.analysis.performance.base_vs_meta import BaseVersusMeta
from meta_models.result import TrainingResult

CHOSEN = "negatives were left out"


def warnings_of(result: TrainingResult) -> list[str]:
    with unrendered():
        outcome = BaseVersusMeta().run(context_of(result))
    return [note.text for note in outcome.findings if note.level == "warning"]


def mostly_negatives(result: TrainingResult) -> TrainingResult:
    """Only three sites of each class left."""
    kept = result.oof.filter((pl.col("label") == 0) | (pl.int_range(pl.len()).over("label") < 3))
    return replace(result, oof=kept)


@pytest.mark.parametrize(
    ("weighting", "thin", "warned"),
    [("none", False, True), ("sampling_weight", False, False), ("none", True, False)],
)
def test_rows_without_weights_that_cannot_be_all_positions_are_told(weighting: str, thin: bool, warned: bool) -> None:
    result = reweighted(trained(), weighting)
    result = mostly_negatives(result) if thin else result
    assert any(CHOSEN in text for text in warnings_of(result)) == warned


@pytest.mark.parametrize("rows", [100, 10**6])
def test_rows_that_the_logistic_combiner_is_not_fitted_on_are_told(rows: int) -> None:
    result = trained()
    result = replace(result, config=result.config.model_copy(update={"combiner_rows": rows}))
    with unrendered():
        outcome = BaseVersusMeta().run(context_of(result))
    assert ("The logistic combiner is fitted on 100 rows (--combiner-rows)" in outcome.reason) == (rows == 100)


@pytest.mark.parametrize(("samples", "said"), [(1, "1 resample is"), (39, "39 resamples are"), (40, None)])
def test_resamples_too_few_for_an_interval_are_told(samples: int, said: str | None) -> None:
    result = trained()
    result = replace(result, config=result.config.model_copy(update={"bootstrap_samples": samples}))
    told = [text for text in warnings_of(result) if "too few for a 95 %" in text]
    assert [text.partition(" too few")[0] for text in told] == ([] if said is None else [said])
