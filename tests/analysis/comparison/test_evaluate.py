from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from meta_models.analysis.comparison.evaluate import (
    best_base_overall,
    choose_best_base,
    comparing_processes,
    evaluate,
    fold_metrics,
    standard_strata,
)
from meta_models.analysis.comparison.table import (
    BEST_BASE,
    GENOMIC,
    LOGISTIC_COMBINER,
    MEAN_COMBINER,
    TABLE,
    EvaluationRow,
    EvaluationTable,
)
from meta_models.errors import InputError
from meta_models.metrics import average_precision, mean_site_ap
from meta_models.result import CALIBRATED, RAW, probability_columns
from meta_models.schema import LABEL, LABEL_VALUES, MAIN_BASE, BaseModel, base_models

OTHER = BaseModel("other")
BASES = (MAIN_BASE, OTHER)


def probabilities(labels: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    logits = rng.normal(size=(len(labels), 3)) + strength * np.eye(3)[labels]
    p = np.exp(logits)
    return p / p.sum(1, keepdims=True)


def oof(
    seed: int = 0, *, main: float = 1.0, other: float = 1.5, meta: float = 2.5, genes: int = 60, rows: int = 30
) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    gene = np.repeat(np.arange(genes), rows)
    labels = rng.choice(3, len(gene), p=[0.8, 0.1, 0.1])
    columns = {
        "gene_id": [f"g{g:03d}" for g in gene],
        "family": [f"f{g // 2:03d}" for g in gene],
        "chrom": [f"chr{g % 3 + 1}" for g in gene],
        "label": labels.astype(np.uint8),
        "fold": ((gene // 2) % 5).astype(np.int16),
        "weight": np.where(labels == 0, rng.choice([1.0, 4.0], len(gene)), 1.0).astype(np.float32),
        "screened": gene < genes // 10,
    }
    for names, strength in (
        (MAIN_BASE.columns, main),
        (OTHER.columns, other),
        (probability_columns(RAW), meta),
        (probability_columns(CALIBRATED), meta),
    ):
        p = probabilities(labels, strength, rng).astype(np.float32)
        columns |= {name: p[:, k] for k, name in enumerate(names)}
    return pl.DataFrame(columns)


def run(frame: pl.DataFrame, **options) -> EvaluationTable:
    settings = {"weighting": "sampling_weight", "bootstrap_samples": 100, "seed": 0} | options
    return evaluate(frame, settings.pop("bases", BASES), **settings)


def one(table: EvaluationTable, **values: str) -> EvaluationRow:
    rows = table.select(**values)
    assert len(rows) == 1, values
    return rows[0]


def test_figures_are_those_of_the_metrics() -> None:
    frame = oof()
    table = run(frame)
    labels, weight = frame["label"].to_numpy(), frame["weight"].to_numpy()
    for population, w in ((TABLE, None), (GENOMIC, weight)):
        for target, k in (("donor", 1), ("acceptor", 2)):
            row = one(
                table,
                population=population,
                stratum="all",
                base_model="main",
                target=target,
                metric="average_precision",
            )
            base = average_precision(labels == k, frame[MAIN_BASE.columns[k]].to_numpy(), w).value
            meta = average_precision(labels == k, frame[f"calibrated_{target}"].to_numpy(), w).value
            assert (row.base, row.meta) == (pytest.approx(base), pytest.approx(meta))
            assert row.difference == pytest.approx(meta - base)
            assert row.lower < row.difference < row.upper
            assert row.base_lower < row.base < row.base_upper
            assert (row.families, row.rows) == (30, frame.height)
            assert (row.difference_design_error is None) == (population == TABLE)


def test_the_mean_is_the_mean_of_donor_and_acceptor() -> None:
    table = run(oof())
    picks = {
        t: one(table, population=TABLE, stratum="all", base_model="other", target=t, metric="top_k_accuracy")
        for t in ("donor", "acceptor", "mean")
    }
    assert picks["mean"].meta == pytest.approx((picks["donor"].meta + picks["acceptor"].meta) / 2)


def test_headline_takes_the_best_base_and_the_genomic_population() -> None:
    headline = run(oof()).headline
    assert headline.population == GENOMIC
    assert headline.chosen == {"other": 5}
    assert headline.row.base > headline.main.base
    assert headline.beats is True
    assert headline.sentence().startswith("The meta-model beats the best base model.")
    unweighted = run(oof(), weighting="none").headline
    assert unweighted.population == TABLE
    assert unweighted.row == unweighted.table


def test_it_says_first_that_the_meta_model_does_not_beat_the_base() -> None:
    worse = run(oof(meta=0.5)).headline
    assert worse.beats is False
    assert worse.sentence().startswith("The meta-model does NOT beat the best base model: it is worse.")
    frame = oof().with_columns(pl.col(OTHER.columns[k]).alias(n) for k, n in enumerate(probability_columns(CALIBRATED)))
    same = run(frame).headline
    assert same.beats is False
    assert "the interval of the difference includes 0" in same.sentence()


def test_the_best_base_is_chosen_on_other_folds_and_is_one_where_they_disagree() -> None:
    frame = oof(other=1.0, main=1.2)
    labels, first = frame["label"].to_numpy(), (frame["fold"] == 0).to_numpy()
    perfect = np.eye(3)[labels]
    frame = frame.with_columns(
        pl.Series(name, np.where(first, perfect[:, k], frame[name].to_numpy() * 0.1)).cast(pl.Float32)
        for k, name in enumerate(OTHER.columns)
    )
    rest = frame.filter(pl.col("fold") != 0)
    assert best_base_overall(rest, BASES, weighting="none") == "main"
    everywhere = best_base_overall(frame, BASES, weighting="none")
    assert choose_best_base(frame, BASES, weighting="none") == dict.fromkeys(range(5), everywhere)
    table = run(frame, best_base={0: "main", 1: "other", 2: "main", 3: "main", 4: "main"})
    mixed = np.where(
        (frame["fold"] == 1).to_numpy()[:, None], frame.select(OTHER.columns), frame.select(MAIN_BASE.columns)
    )
    assert table.headline.row.base == pytest.approx(mean_site_ap(labels, mixed, frame["weight"].to_numpy()))
    assert table.headline.best_base_text == "main in 4 folds, other in 1 folds"


def test_strata() -> None:
    frame = oof()
    strata = standard_strata(frame, ("1", "chr2"))
    assert list(strata) == [
        "all", "base-train chromosomes", "other chromosomes", "screened genes", "genes not screened",
    ]  # fmt: skip
    table = run(frame, strata=strata | {"nothing": pl.col("family") == "absent"})
    rows = {
        name: one(table, population=TABLE, stratum=name, base_model="main", target="mean", metric="average_precision")
        for name in (*strata, "nothing")
    }
    assert rows["base-train chromosomes"].rows == frame.filter(pl.col("chrom") != "chr3").height
    assert rows["screened genes"].rows + rows["genes not screened"].rows == frame.height
    assert rows["screened genes"].families == 3
    assert "only 3 families" in rows["screened genes"].note
    assert rows["nothing"].meta is None
    assert rows["nothing"].meta_reason == "no positives with a weight above 0"
    assert rows["nothing"].lower is None
    assert list(standard_strata(frame.drop("screened", "chrom"), ("1",))) == ["all"]


def test_a_class_that_is_absent_is_null_everywhere_with_a_reason() -> None:
    frame = oof().filter(pl.col("label") != 2)
    table = run(frame)
    row = one(table, population=TABLE, stratum="all", base_model="main", target="acceptor", metric="average_precision")
    assert (row.base, row.meta, row.difference) == (None, None, None)
    assert row.meta_reason == "no positives with a weight above 0"
    donor = one(table, population=TABLE, stratum="all", base_model="main", target="donor", metric="average_precision")
    assert donor.meta is not None
    assert table.headline.beats is None
    assert "cannot be told" in table.headline.sentence()
    assert not table.select(base_model=LOGISTIC_COMBINER)
    for found in table.rows:
        assert (found.meta is None) == (found.meta_reason is not None)
        assert (found.base is None) == (found.base_reason is not None)


def test_one_family_has_figures_but_no_interval() -> None:
    frame = oof(genes=1, rows=200).with_columns(fold=pl.lit(-1, pl.Int16))
    table = run(frame, weighting="none")
    row = table.headline.row
    assert row.difference is not None
    assert row.lower is None
    assert row.note == "no interval: an interval needs at least 2 families with sites, found 1"
    assert table.headline.beats is None


def test_a_few_heavy_rows_make_the_genomic_figure_null_not_a_number() -> None:
    frame = oof(meta=6.0)
    heavy = pl.int_range(pl.len()) == frame["label"].to_list().index(0)
    names = probability_columns(CALIBRATED)
    frame = frame.with_columns(
        pl.when(heavy).then(5000.0).otherwise(1.0).cast(pl.Float32).alias("weight"),
        *(
            pl.when(heavy).then(value).otherwise(pl.col(name)).cast(pl.Float32).alias(name)
            for name, value in zip(names, (0.0, 1.0, 0.0), strict=True)
        ),
    )
    table = run(frame)
    row = table.headline.row
    assert row.meta is None
    assert "a few heavy rows decide: 1.0 effective" in row.meta_reason
    assert "cannot be told" in table.headline.sentence()
    assert table.headline.table.meta is not None
    acceptor = one(
        table, population=GENOMIC, stratum="all", base_model="main", target="acceptor", metric="average_precision"
    )
    assert acceptor.meta is not None


def test_trivial_combiners_are_opponents_and_are_named_where_they_win() -> None:
    table = run(oof(main=1.5, other=1.5, meta=0.8))
    names = [row.base_model for row in table.headline.combiners]
    assert names == [MEAN_COMBINER, LOGISTIC_COMBINER]
    best = max(
        table.select(metric="average_precision", target="mean", stratum="all", base_model="main"), key=lambda r: r.base
    )
    assert all(row.base > best.base for row in table.headline.combiners if row.population == best.population)
    assert "A trivial combiner, the logistic combiner, is better than the meta-model" in table.headline.sentence()
    assert not run(oof(), bases=(MAIN_BASE,)).headline.combiners


def test_the_logistic_combiner_is_cross_fitted() -> None:
    """A random label rule for each fold: a combiner that saw its own fold would be above chance."""
    rng = np.random.default_rng(0)
    frame = oof(main=0.0, other=0.0, genes=10, rows=60)
    labels = rng.choice(3, frame.height, p=[0.6, 0.2, 0.2]).astype(np.uint8)
    frame = frame.with_columns(pl.Series("label", labels), fold=pl.int_range(pl.len()).cast(pl.Int16) % 5)
    table = run(frame, weighting="none")
    row = one(table, population=TABLE, stratum="all", base_model=LOGISTIC_COMBINER, target="mean", metric="roc_auc")
    assert row.base < 0.56


def test_external_table_uses_what_was_chosen_and_fitted_out_of_fold() -> None:
    training, external = oof(0), oof(1).with_columns(fold=pl.lit(-1, pl.Int16)).drop("screened")
    best = best_base_overall(training, BASES, weighting="sampling_weight")
    assert best == "other"
    table = run(external, best_base=best, combiner_frame=training)
    assert table.headline.chosen == {"other": 1}
    assert [row.base_model for row in table.headline.combiners] == [MEAN_COMBINER, LOGISTIC_COMBINER]
    assert [row.base_model for row in run(external, best_base=best).headline.combiners] == [MEAN_COMBINER]


def test_combiner_rows_are_thinned_with_little_change_and_the_table_says_so() -> None:
    frame = oof(genes=200)
    told = {row.note for row in run(frame, combiner_rows=2500, bootstrap_samples=2).headline.combiners}
    assert told == {"", "logistic combiner: fitted on 2,500 rows (--combiner-rows): all sites, others drawn"}
    figures = [
        one(
            run(frame, combiner_rows=rows, bootstrap_samples=2),
            population=GENOMIC, stratum="all", base_model=LOGISTIC_COMBINER, target="mean", metric="average_precision",
        ).base
        for rows in (2500, 10**9)
    ]  # fmt: skip
    assert figures[0] != figures[1]
    assert figures[0] == pytest.approx(figures[1], abs=0.02)


def test_order_of_rows_and_threads_change_nothing() -> None:
    frame = oof()
    table = run(frame)
    again = run(frame, threads=3)
    assert table == again
    shuffled = run(frame.sample(fraction=1.0, shuffle=True, seed=3))
    for a, b in zip(table.rows, shuffled.rows, strict=True):
        if a.base_model == LOGISTIC_COMBINER:
            continue
        assert (a.metric, a.target, a.base_model) == (b.metric, b.target, b.base_model)
        assert a.meta == pytest.approx(b.meta)
        assert a.lower == pytest.approx(b.lower)


def test_frame_and_json_hold_every_row_and_no_nan() -> None:
    table = run(oof())
    frame = table.to_frame()
    assert frame.height == len(table.rows)
    assert frame["base"].is_nan().sum() == 0
    assert not frame.select(
        pl.struct("population", "stratum", "base_model", "target", "metric").is_duplicated().any()
    ).item()
    values = json.loads(json.dumps(table.to_json(), allow_nan=False))
    assert values["headline"]["beats_best_base"] is True
    assert len(values["rows"]) == len(table.rows)
    assert table.select(base_model=BEST_BASE, stratum="all", metric="average_precision", target="mean")


def test_rows_that_stand_for_themselves_may_be_called_otherwise_everywhere() -> None:
    table = run(oof(), weighting="none")
    called = table.called("every position")
    assert {row.population for row in called.rows} == {"every position"}
    assert (called.headline.population, called.headline.row.population) == ("every position", "every position")
    assert called.called("every position") == called
    assert [row.meta for row in called.rows] == [row.meta for row in table.rows]


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), -0.25])
def test_bad_scores_are_an_input_error(bad: float | None) -> None:
    frame = oof().with_columns(
        pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(bad, pl.Float32)).otherwise("donor_score").alias("donor_score")
    )
    with pytest.raises(InputError, match=r"1 other values .* in column donor_score"):
        run(frame)


def test_fold_metrics() -> None:
    frame = oof()
    table = fold_metrics(frame, BASES, weighting="sampling_weight")
    assert table["population"].to_list() == [TABLE] * 6 + [GENOMIC] * 6
    assert table["fold"].to_list() == ["0", "1", "2", "3", "4", "pooled"] * 2
    assert table["genes"].to_list()[:6] == [12, 12, 12, 12, 12, 60]
    part = frame.filter(pl.col("fold") == 2)
    expected = average_precision(part["label"].to_numpy() == 1, part["calibrated_donor"].to_numpy()).value
    row = table.row(2, named=True)
    assert row["meta_average_precision_donor"] == pytest.approx(expected)
    assert {"meta_log_loss", "base_main_macro_f1", "base_other_average_precision_mean"} <= set(table.columns)
    assert row["meta_false_positives_per_megabase_at_recall_95_donor"] is None
    assert all("per_megabase" in note or "make no megabase" in note for note in row["notes"].split("; "))
    assert table.row(8, named=True)["meta_false_positives_per_megabase_at_recall_95_donor"] is not None
    assert set(fold_metrics(frame, BASES, weighting="none")["population"]) == {TABLE}


def test_rows_that_stand_for_themselves_make_a_megabase() -> None:
    """A table of every position has weights, too: all of them are 1."""
    frame = oof().with_columns(weight=pl.lit(1.0))
    metric = "false_positives_per_megabase_at_recall_95"
    for row in run(frame, weighting="sampling_weight").select(metric=metric, target="donor", stratum="all"):
        assert row.meta is not None, row.meta_reason
    folds = fold_metrics(frame, BASES, weighting="sampling_weight")
    assert folds[f"meta_{metric}_donor"].null_count() == 0


def test_fold_metrics_are_null_with_a_reason() -> None:
    frame = oof().filter((pl.col("fold") != 1) | (pl.col("label") != 1))
    row = fold_metrics(frame, BASES, weighting="none").row(1, named=True)
    assert row["meta_average_precision_donor"] is None
    assert row["donor_sites"] == 0
    assert "meta_average_precision_donor" in row["notes"]
    assert "no positives with a weight above 0" in row["notes"]
    assert "no donor rows" in row["notes"]


DATA = os.environ.get("META_MODELS_DATA")


@pytest.mark.real_data
@pytest.mark.skipif(not DATA, reason="META_MODELS_DATA is unset")
@pytest.mark.parametrize(
    ("table", "on_table", "on_all_positions"), [("worm", 0.726, 0.674), ("human_chr1", 0.949, 0.946)]
)
def test_main_base_model_on_real_tables(table: str, on_table: float, on_all_positions: float) -> None:
    """Known figures: mean AP on the table, and on every position of the same genes (weights estimate it)."""
    frame = pl.read_parquet(sorted((Path(DATA or "") / table / "master").glob("*.parquet")))
    label = frame[LABEL].fill_null("").replace_strict(LABEL_VALUES, return_dtype=pl.UInt8)
    bases = base_models(frame.columns)
    frame = frame.select(
        "gene_id",
        pl.col("gene_family").alias("family"),
        label.alias("label"),
        pl.lit(-1, pl.Int16).alias("fold"),
        pl.col("sampling_weight").alias("weight"),
        *(column for base in bases for column in base.columns),
        *(pl.col(MAIN_BASE.columns[k]).alias(name) for k, name in enumerate(probability_columns(CALIBRATED))),
    )
    found = run(frame, bases=bases, best_base="main", bootstrap_samples=200)
    assert found.headline.table.base == pytest.approx(on_table, abs=6e-4)
    assert found.headline.row.base == pytest.approx(on_all_positions, abs=3e-3)
    assert found.headline.row.difference == 0.0
    assert found.headline.beats is False


def test_the_combiner_of_an_external_table_is_fitted_with_the_weights_of_its_own_rows() -> None:
    training, external = oof(0), oof(1).with_columns(fold=pl.lit(-1, pl.Int16)).drop("screened")
    of = {"population": TABLE, "stratum": "all", "base_model": LOGISTIC_COMBINER, "target": "all", "metric": "log_loss"}
    options = {"best_base": "other", "bootstrap_samples": 2, "combiner_frame": training}
    weighted, plain, both = (
        one(run(external, weighting=ours, combiner_weighting=its, **options), **of).base
        for ours, its in (("none", "sampling_weight"), ("none", "none"), ("sampling_weight", "sampling_weight"))
    )
    assert weighted != plain
    assert weighted == both


def test_chromosomes_that_the_base_model_knew_stand_in_the_headline() -> None:
    frame = oof()
    table = run(frame, strata=standard_strata(frame, ("chr1",)))
    known, other = table.headline.strata
    assert (known.stratum, other.stratum) == ("base-train chromosomes", "other chromosomes")
    assert known == one(
        table, population=GENOMIC, stratum="base-train chromosomes", base_model="best base", target="mean",
        metric="average_precision",
    )  # fmt: skip
    sentence = table.headline.sentence()
    assert f"weighted, base-train chromosomes: meta-model {known.meta:.4f}" in sentence
    assert f"weighted, other chromosomes: meta-model {other.meta:.4f}" in sentence
    assert EvaluationTable.from_json(table.to_json()).headline == table.headline
    everywhere = run(frame, strata=standard_strata(frame, ("chr1", "chr2", "chr3"))).headline
    assert [row.stratum for row in everywhere.strata] == ["base-train chromosomes"]
    assert everywhere.sentence().endswith("All rows are of base-train chromosomes.")
    assert run(frame).headline.strata == ()


def test_as_many_strata_are_compared_at_a_time_as_there_is_memory_for() -> None:
    assert comparing_processes(16, 1000, None) == 16
    assert comparing_processes(16, 1000, 10**9) == 16
    assert comparing_processes(16, 3_600_000, 4 * 10**9) == 2
    assert comparing_processes(16, 3_600_000, 24 * 10**9) == 6
    assert comparing_processes(1, 3_600_000, 4 * 10**9) == 1
