"""Mining, thinning and the evaluation on whole genes, by the command's configuration."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from mining_tables import all_positions, sampled
from tables import write_table

from meta_models.config import TrainingConfig
from meta_models.errors import InputError
from meta_models.pipeline.run import run_training


def config(folder: Path, **options: object) -> TrainingConfig:
    full = all_positions(n_genes=60, rows=40).with_columns(sampling_weight=pl.lit(1.0))
    source, table = write_table(folder / "full", full), write_table(folder / "table", sampled(full))
    given = {
        "dataset": str(table), "out_dir": folder / "run", "oof_dataset": str(source), "mine_negatives": str(source),
        "n_estimators": 4, "n_folds": 3, "threads": 1, "bootstrap_samples": 20, "analyses": ("mining",),
        "mined_per_site": 0.5, **options,
    }  # fmt: skip
    return TrainingConfig.from_mapping(given)


def test_a_run_that_mines_reports_whole_genes(tmp_path: Path) -> None:
    run_training(config(tmp_path))
    run = tmp_path / "run"
    table = pl.read_csv(run / "mining.csv")
    assert set(table["round"]) == {0, 1}
    genes = pl.read_csv(run / "oof_dataset_evaluation_per_gene.tsv", separator="\t")
    assert genes["rows"].to_list() == [40] * 60
    evaluation = json.loads((run / "oof_dataset_evaluation.json").read_text())
    summary = (run / "training_summary.txt").read_text()
    assert summary.splitlines()[3].startswith("On every position of the training genes, out of fold:")
    shown = f"{evaluation['headline']['best_base']['meta']:.4f}"
    assert shown in " ".join(summary.split("Warnings")[0].split())
    assert not list(run.rglob("mined-*.parquet"))


def test_every_position_can_be_trained_on_thinned(tmp_path: Path) -> None:
    options = {
        "dataset": str(tmp_path / "full"),
        "thin_negatives": 0.3,
        "thin_below": 0.4,
        "mine_negatives": None,
        "mined_per_site": 5,
    }
    run_training(config(tmp_path, **options))
    oof = pl.read_parquet(tmp_path / "run" / "oof_predictions.parquet")
    assert oof.height < 60 * 40
    assert oof["weight"].max() == pytest.approx(1 / 0.3)
    assert "were drawn" in (tmp_path / "run" / "training_summary.txt").read_text()


def test_the_batch_ensemble_mines_and_is_evaluated_on_whole_genes(tmp_path: Path) -> None:
    run_training(config(tmp_path, train_all_genes=True, max_genes_per_batch=30))
    run = tmp_path / "run"
    table = pl.read_csv(run / "mining.csv")
    assert set(table["member"]) == {0, 1}
    genes = pl.read_csv(run / "oof_dataset_evaluation_per_gene.tsv", separator="\t")
    assert genes["rows"].to_list() == [40] * 60
    assert not list(run.rglob("mined-*.parquet"))


def test_each_of_several_learners_mines_for_itself(tmp_path: Path) -> None:
    options = {"learners": ("xgboost", "logistic"), "combine": "voting", "keep_combination": True}
    run_training(config(tmp_path, **options, analyses=("mining", "leaderboard")))
    run = tmp_path / "run"
    assert set(pl.read_csv(run / "mining.csv")["member"]) == {0, 1}
    board = pl.read_csv(run / "leaderboard.tsv", separator="\t")
    assert board["every_mean"].to_list() == sorted(board["every_mean"], reverse=True)
    evaluation = json.loads((run / "oof_dataset_evaluation.json").read_text())
    whole = board.row(by_predicate=pl.col("role") == "combination", named=True)
    assert whole["every_mean"] == pytest.approx(evaluation["headline"]["best_base"]["meta"], abs=1e-5)
    assert not list(run.rglob("mined-*.parquet"))


def test_a_pool_with_a_gap_in_a_base_score_is_told_of_as_that(tmp_path: Path) -> None:
    options = config(tmp_path)
    full = pl.read_parquet(tmp_path / "full").with_columns(
        pl.col(f"{name}_score").alias(f"alt_{name}_score") for name in ("neither", "donor", "acceptor")
    )
    gap = pl.when(pl.int_range(pl.len()) > 0).then(pl.col("alt_donor_score")).alias("alt_donor_score")
    table, pool = (
        write_table(tmp_path / "with-alt", sampled(full)),
        write_table(tmp_path / "gap", full.with_columns(gap)),
    )
    given = {"dataset": str(table), "mine_negatives": str(pool), "oof_dataset": None}
    with pytest.raises(InputError, match=r"every base score .* 'alt_donor_score' has 1 missing value"):
        run_training(TrainingConfig.from_mapping({**options.model_dump(), **given}))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_pool_without_a_gene_is_refused_before_anything_is_trained(tmp_path: Path, dry_run: bool) -> None:
    options = config(tmp_path)
    full = pl.read_parquet(tmp_path / "full")
    pool = write_table(tmp_path / "part", full.filter(pl.col("gene_id") != full["gene_id"][0]))
    given = {"mine_negatives": str(pool), "oof_dataset": None, "dry_run": dry_run}
    with pytest.raises(InputError, match="lacks 1 of 60 genes"):
        run_training(TrainingConfig.from_mapping({**options.model_dump(), **given}))
    assert not (tmp_path / "run").exists()
