"""The command with the batch ensemble: what it prints, resuming after a kill, comparing strategies."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.experiments.comparison.strategies import compare_scores, verdict
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support

#: Files that hold dates, durations, measured peaks, hosts or paths.
_VARIABLE = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
_OPTIONS = [
    "--train-all-genes", "--max-genes-per-batch", "12", "--n-estimators", "10", "--rounds", "fixed", "--n-folds", "3",
    "--analyses", "ensemble", "base-vs-meta", "overfitting", "--bootstrap-samples", "50", "--threads", "2",
]  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 genes in 3 files."""
    return write_table(tmp_path_factory.mktemp("table"), make_frame(n_genes=36), files=3)


def command(table: Path, out_dir: Path, *more: str) -> list[str]:
    return ["train", "--dataset", str(table), "--out-dir", str(out_dir), *_OPTIONS, *more]


def started(table: Path, out_dir: Path, *more: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(p or str(Path.cwd()) for p in sys.path)
    module = "meta_models.training.run_gene_cv_sigmoid"
    arguments = [sys.executable, "-m", module, *command(table, out_dir, *more)[1:]]
    return subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)


def hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in _VARIABLE and not p.name.startswith("."))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def run_dir(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    out_dir = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert main(command(table, out_dir)) == 0
    return out_dir


def test_the_plan_shows_the_batches(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dataset", str(table), "--dry-run", *_OPTIONS]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["chosen"] == "batch_ensemble"
    assert plan["reason"] == "forced by --train-all-genes"
    assert [unit["name"] for unit in plan["units"]] == ["batch-00", "batch-01", "batch-02"]
    assert sum(unit["genes"] for unit in plan["units"]) == 36
    assert all(min(unit["class_counts"].values()) > 0 < unit["predicted_peak_bytes"] for unit in plan["units"])


def test_artifacts_and_summary(run_dir: Path) -> None:
    model = load_model_with_ensemble_support(run_dir / "model_multiclass_all_genes.pkl")
    assert model.n_members == 3
    summary = (run_dir / "training_summary.txt").read_text()
    for line in (
        "Ensemble Batches: 3 (mean)",
        "Average Batch Accuracy:",
        "Ensemble CV Accuracy:",
        "FEATURE CONSISTENCY",
    ):
        assert line in summary
    folds = pl.read_csv(run_dir / "ensemble_cv_results.csv").filter(pl.col("fold") != "pooled")
    assert folds["members_used"].to_list() == [2] * 3
    assert folds["genes"].sum() == 36
    assert {"meta_average_precision_donor", "base_main_average_precision_donor"} <= set(folds.columns)
    batches = pl.read_csv(run_dir / "ensemble_batches.csv")
    assert batches["rows"].sum() == 36 * 30
    gaps = pl.read_csv(run_dir / "overfitting_analysis/batches_and_ensemble.csv")
    assert gaps["model"].to_list() == [*batches["unit"], "ensemble"]
    manifest = json.loads((run_dir / "run_manifest.json").read_text())
    assert all(manifest["units"][name]["seconds"] > 0 for name in ("batch-00", "batch-02-final-donor"))


@pytest.mark.slow
@pytest.mark.parametrize("units", [1, 6])
def test_a_run_that_is_killed_and_resumed_equals_an_undisturbed_one(
    table: Path, run_dir: Path, tmp_path: Path, units: int
) -> None:
    out_dir = tmp_path / "killed"
    with started(table, out_dir) as process:
        try:
            while len(list(out_dir.glob("units/[!.]*/unit.json"))) < units:
                assert process.poll() is None
                time.sleep(0.005)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    done = {path.parent.name for path in out_dir.glob("units/[!.]*/unit.json")}
    assert main(command(table, out_dir, "--resume")) == 0
    assert hashes(out_dir) == hashes(run_dir)
    records = json.loads((out_dir / "run_manifest.json").read_text())["units"]
    assert {name for name, record in records.items() if record["reused"]} >= done
    assert all("finished earlier" in records[name]["reason"] for name in done)


def test_fitted_combinations_refuse_out_of_batch(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--ensemble-method", "stacking", "--ensemble-cv", "out-of-batch"]
    assert main(command(table, tmp_path / "run", *options)) == 2
    assert "no row has a prediction of its own member" in capsys.readouterr().err


def test_too_many_genes_for_one_model_choose_the_ensemble(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dataset", str(table), "--dry-run", "--max-single-genes", "35"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["chosen"] == "batch_ensemble"
    assert plan["reason"] == "36 genes, more than --max-single-genes 35"


def test_differences_of_strategies_are_paired() -> None:
    frame = make_frame(n_genes=40)
    scores = {f"calibrated_{name}": frame[f"{name}_score"] for name in ("neither", "donor", "acceptor")}
    labels = frame["splice_type"].replace_strict({"neither": 0, "donor": 1, "acceptor": 2}, return_dtype=pl.UInt8)
    oof = pl.DataFrame(
        {
            "gene_id": frame["gene_id"],
            "family": frame["gene_id"],
            "label": labels,
            "weight": [1.0] * frame.height,
            "fold": [0] * frame.height,
            **scores,
        }
    )
    same = compare_scores(oof, oof, samples=50, seed=0)
    assert [(d.population, d.metric, d.target) for d in same] == [
        ("table", "average_precision", "mean"),
        ("table", "average_precision", "donor"),
        ("table", "average_precision", "acceptor"),
        ("table", "log_loss", "all"),
    ]
    assert all(d.difference == d.lower == d.upper == 0 for d in same)
    blunt = oof.with_columns(pl.lit(1 / 3).alias(name) for name in scores)
    worse = compare_scores(oof, blunt, samples=50, seed=0)
    assert all(d.upper is not None and d.upper < 0 for d in worse[:3])
    assert worse[0].b == pytest.approx((worse[1].b + worse[2].b) / 2)
    assert worse[3].lower is not None
    assert worse[3].lower > 0
    assert verdict(worse[0]) == "The single model is better than the ensemble."
    assert verdict(compare_scores(blunt, oof, samples=50, seed=0)[0]) == "The ensemble is better than the single model."
    assert verdict(same[0]).startswith("Neither strategy is shown to be better")
    assert verdict(replace(same[0], lower=None, reason="no sites")).endswith("cannot be told: no sites.")


def test_strategies_are_not_compared_by_what_a_heavy_row_decides() -> None:
    labels = np.arange(400) % 20
    scores = np.eye(3)[np.where(labels > 2, 0, labels)] * 0.9 + 0.05
    oof = pl.DataFrame({"gene_id": [f"g{k // 20}" for k in range(400)], "label": np.where(labels > 2, 0, labels)})
    columns = {name: scores[:, k] for k, name in enumerate(("neither", "donor", "acceptor"))}
    oof = oof.with_columns(
        pl.col("gene_id").alias("family"),
        pl.lit(0).alias("fold"),
        pl.when(pl.int_range(pl.len()) == 5).then(9000.0).otherwise(1.0).alias("weight"),
        **{f"calibrated_{name}": values for name, values in columns.items()},
    )
    sites = pl.when(pl.col("weight") > 1)
    unlucky = oof.with_columns(calibrated_donor=sites.then(0.99).otherwise(pl.col("calibrated_donor")))
    found = {(d.population, d.target): d for d in compare_scores(oof, unlucky, samples=20, seed=0)}
    genomic = found["genomic", "mean"]
    assert (genomic.a, genomic.b, genomic.difference, genomic.lower) == (None,) * 4
    assert "donor: a few heavy rows decide" in str(genomic.reason)
    assert "a few heavy rows decide" in verdict(genomic)
    assert found["genomic", "acceptor"].difference == 0
    assert found["table", "mean"].difference is not None


def test_comparing_strategies_has_no_option_for_one_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compare-strategies", "--help"])
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert "--max-genes-per-batch" in options
    assert not {"--strategy", "--train-all-genes", "--dry-run", "--max-features", "--targets"} & options


def test_comparing_strategies_refuses_what_one_of_them_has_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("max_features: auto\n")
    arguments = ["--dataset", "demo", "--config", str(file), "--out-dir", str(tmp_path / "out")]
    assert main(["compare-strategies", *arguments]) == 2
    assert "--max-features is not for both strategies" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_compare_strategies(table: Path, tmp_path: Path) -> None:
    options = ["--max-genes-per-batch", "20", "--n-estimators", "8", "--n-folds", "3", "--bootstrap-samples", "50"]
    arguments = ["compare-strategies", "--dataset", str(table), "--out-dir", str(tmp_path), "--analyses", "ensemble"]
    assert main([*arguments, *options]) == 0
    record = json.loads((tmp_path / "strategy_comparison.json").read_text())
    assert [cost["strategy"] for cost in record["costs"]] == ["single_model", "batch_ensemble"]
    for cost in record["costs"]:
        assert 0 < cost["training_seconds"] < cost["wall_seconds"]
        assert cost["peak_bytes"] > 0 < cost["seconds_per_100k_rows"]
        assert cost["training_seconds_per_100k_rows"] == pytest.approx(cost["training_seconds"] / (36 * 30) * 1e5)
    differences = pl.read_csv(tmp_path / "strategy_comparison.tsv", separator="\t")
    assert differences["metric"].unique().sort().to_list() == ["average_precision", "log_loss"]


@pytest.mark.real_data
@pytest.mark.slow
def test_both_ways_to_score_agree_on_worm(real_data: Path, tmp_path: Path) -> None:
    """Three batches, few rounds: the intervals of the two honest scores overlap."""
    found = {}
    for cv in ("out-of-batch", "refit"):
        out_dir = tmp_path / cv
        options = ["--train-all-genes", "--max-genes-per-batch", "300", "--ensemble-cv", cv, "--n-estimators", "25"]
        arguments = ["--learning-rate", "0.3", "--n-folds", "3", "--analyses", "ensemble", "--bootstrap-samples", "200"]
        dataset = str(real_data / "worm" / "master")
        assert main(["train", "--dataset", dataset, "--out-dir", str(out_dir), *options, *arguments]) == 0
        found[cv] = pl.read_parquet(out_dir / "oof_predictions.parquet")
    differences = compare_scores(found["refit"], found["out-of-batch"], samples=200, seed=0)
    for d in differences:
        assert None not in (d.a_lower, d.a_upper, d.b_lower, d.b_upper), d.reason
        assert max(d.a_lower, d.b_lower) <= min(d.a_upper, d.b_upper), d
        assert d.a is not None
        assert d.a > 0.8 or d.metric == "log_loss"
