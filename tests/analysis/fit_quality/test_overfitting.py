from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from simulated_run import context_of

from meta_models.analysis.comparison.strata import with_strata
from meta_models.analysis.errors.bins import ErrorBins, bin_table, spread_table
from meta_models.analysis.fit_quality.overfitting import Overfitting, curve_table, gap_table, risen_loss
from meta_models.analysis.framework.base import AnalysisContext
from meta_models.config import TrainingConfig
from meta_models.metrics import log_loss
from meta_models.result import FitRecord, TrainingResult
from meta_models.schema import SpliceClass


def test_the_gap_is_taken_at_the_chosen_round() -> None:
    record = FitRecord(0, 0, SpliceClass.DONOR, 2, (0.5, 0.3, 0.1), (0.6, 0.5, 0.9))
    row = gap_table([record]).row(0, named=True)
    assert (row["train_loss"], row["held_out_loss"]) == (0.3, 0.5)
    assert row["gap"] == pytest.approx(0.2)
    assert curve_table([record])["held_out_loss"].to_list() == [0.6, 0.5, 0.9]
    alone = gap_table([FitRecord(-1, 0, SpliceClass.DONOR, 2, (0.5, 0.3), ())]).row(0, named=True)
    assert alone["held_out_loss"] is None
    assert alone["gap"] is None


def test_losses_on_held_out_rows_may_be_known_after_some_rounds_only() -> None:
    record = FitRecord(-1, 2, SpliceClass.DONOR, 4, (0.5, 0.3, 0.2, 0.1), (0.6, 0.4), (2, 4))
    assert curve_table([record])["held_out_loss"].to_list() == [None, 0.6, None, 0.4]
    assert gap_table([record])["gap"].to_list() == [pytest.approx(0.3)]


def test_held_out_loss_has_risen_where_it_ends_above_its_lowest_and_not_where_it_lies_above_training() -> None:
    def fit(fold: int, *held_out: float, rounds: int = 3) -> FitRecord:
        return FitRecord(fold, 0, SpliceClass.DONOR, rounds, (0.1, 0.01, 0.001), held_out)

    assert risen_loss([fit(0, 0.6, 0.5, 0.5), fit(1, 0.4, 0.3, 0.2)]) == 1
    assert risen_loss([fit(0, 0.6, 0.4, 0.5), fit(1, 0.4, 0.3, 0.2)]) == pytest.approx(0.7 / 0.6)
    assert risen_loss([fit(0, 0.6, 0.4, 0.5, rounds=2)]) == 1  # the third round was not taken
    assert risen_loss([fit(-1, 0.6, 0.4, 0.5)]) is None  # of the final model nothing is held out
    assert risen_loss([FitRecord(0, 0, SpliceClass.DONOR, 2, (0.5, 0.3), ())]) is None


def test_rounds_that_did_harm_are_a_finding(result: TrainingResult) -> None:
    harmed = [replace(fit, held_out_curve=(0.1, *[0.3] * (fit.rounds - 1))) for fit in result.fits]
    outcome = Overfitting().run(context_of(replace(result, fits=tuple(harmed))))
    assert outcome.status.value == "finding"
    assert "held-out loss ends at 3.00 times its lowest" in outcome.findings[0].text


def limited(result: TrainingResult, rounds: str) -> TrainingConfig:
    section = result.config.section.model_copy(update={"n_estimators": 12})
    return result.config.model_copy(update={"sections": {"xgboost": section}, "rounds": rounds})


def test_early_stopping_that_never_struck_is_a_finding(result: TrainingResult) -> None:
    quiet = Overfitting().run(context_of(result))
    assert quiet.status.value == "passed"
    config = limited(result, "early-stopping")
    outcome = Overfitting().run(context_of(replace(result, config=config)))
    assert outcome.status.value == "finding"
    assert "9 of 9 fits of folds used all 12 rounds" in outcome.findings[0].text
    fixed = limited(result, "fixed")
    assert Overfitting().run(context_of(replace(result, config=fixed))).status.value == "passed"


def test_bins_add_up_to_the_table(context: AnalysisContext) -> None:
    scores = context.scores
    codes = np.arange(len(scores.labels)) % 4
    codes[codes == 3] = 1
    table = bin_table(scores, scores.headline, codes, ["a", "b", "c", "empty"])
    assert table["rows"].sum() == len(scores.labels)
    assert table["share_of_errors_meta"].sum() == pytest.approx(1)
    total = log_loss(scores.labels, scores.calibrated, scores.headline.weights).value
    parts = table.head(3)
    assert (parts["log_loss_meta"] * parts["positions"]).sum() / parts["positions"].sum() == pytest.approx(total)
    empty = table.row(3, named=True)
    assert empty["log_loss_meta"] is None
    assert empty["ap_donor_meta"] is None


def test_spread_is_of_weighted_quantiles(context: AnalysisContext) -> None:
    table = spread_table(context.scores, context.scores.headline)
    assert (table["q05"] <= table["q50"]).all()
    assert (table["q50"] <= table["q95"]).all()


def test_a_missing_position_leaves_the_bins_of_the_other_genes(result: TrainingResult) -> None:
    known = pl.when(pl.int_range(pl.len()) > 0).then(pl.col("position"))
    features = tuple(f for f in result.features if f.name != "gene_length")
    outcome = ErrorBins().run(
        context_of(replace(result, features=features, oof=result.oof.with_columns(position=known)))
    )
    names = outcome.tables[1].frame["bin"].to_list()
    assert len(names) > 1
    assert not any("nan" in name for name in names)


def test_a_score_on_an_edge_is_above_it(result: TrainingResult) -> None:
    scores = pl.lit(0.01, pl.Float32)
    oof = result.oof.with_columns(donor_score=scores, acceptor_score=scores, neither_score=pl.lit(0.98, pl.Float32))
    table = ErrorBins().run(context_of(replace(result, oof=oof))).tables[0].frame
    assert set(table.filter(pl.col("rows") > 0)["bin"]) == {"0.01 to 0.05"}


@pytest.mark.parametrize("dropped", [(), ("gene_length",), ("gene_length", "position")])
def test_gene_length_comes_from_what_there_is(result: TrainingResult, dropped: tuple[str, ...]) -> None:
    if "gene_length" in dropped:
        result = replace(result, features=tuple(f for f in result.features if f.name != "gene_length"))
    if "position" in dropped:
        result = replace(result, oof=result.oof.drop("position"))
    outcome = ErrorBins().run(context_of(result))
    names = outcome.tables[1].frame["bin"][0]
    assert names.endswith({0: " nt", 1: "nt spanned by rows", 2: " rows"}[len(dropped)])


def test_strata_are_subsets_that_complete_one_another(context: AnalysisContext) -> None:
    frame, strata = with_strata(context.result, context.rows)
    sizes = {name: frame.filter(expression).height for name, expression in strata.items()}
    assert sizes["base-train chromosomes"] + sizes["other chromosomes"] == frame.height
    assert sizes["gene type lncRNA"] + sizes["gene type protein_coding"] == frame.height
    assert sum(size for name, size in sizes.items() if name.startswith("main base")) == frame.height
    assert sum(size for name, size in sizes.items() if name.startswith("GC ")) == frame.height
    assert sum(size for name, size in sizes.items() if "gene end" in name) == frame.height
    assert all(sizes.values())


def test_rows_whose_value_is_not_known_are_in_no_stratum_of_it(context: AnalysisContext) -> None:
    def with_gaps(index: np.ndarray, names: Sequence[str]) -> np.ndarray:
        values = read_rows(index, names).copy()
        values[:7] = np.nan
        return values

    read_rows = context.rows.read_rows
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(context.rows, "read_rows", with_gaps)
        frame, strata = with_strata(context.result, context.rows)
    for word in ("GC ", "gene end"):
        inside = [frame.filter(expression).height for name, expression in strata.items() if word in name]
        assert len(inside) > 1
        assert sum(inside) == frame.height - 7
