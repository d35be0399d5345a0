"""The commands with learners of genes on a table whose column ``sequence`` holds the bases around each row."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from window_tables import WINDOW, window_frame, write_windows

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

from meta_models import api
from meta_models.cli import main
from meta_models.errors import InputError
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.inference.verify import verify_model
from meta_models.model import EnsembleMetaModel, FittedModel
from meta_models.persistence import dump_model, load_model
from meta_models.result import CALIBRATED, RAW, probability_columns
from meta_models.training.fitting.running import part_way

pytestmark = pytest.mark.neural
#: Files that hold dates, durations, measured peaks, hosts or paths.
_VARIABLE = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
_RUN = [
    "--n-folds", "2", "--bootstrap-samples", "20", "--threads", "1", "--screening-min-genes", "4",
    "--explained-positions", "4000", "--gradient-sites", "4",
]  # fmt: skip
_TINY = [
    "--tcn.epochs", "3", "--tcn.channels", "4", "--tcn.blocks", "3", "--tcn.kernel", "5", "--tcn.batch", "512",
    "--tcn.learning-rate", "0.02",
]  # fmt: skip
_FEW = ["--analyses", "base-vs-meta", "leaderboard"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_windows(tmp_path_factory.mktemp("table") / "rows", window_frame(genes=24))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Genes that are not trained on, with longer windows."""
    frame = window_frame(genes=8, seed=1, window=WINDOW + 6)
    return write_windows(tmp_path_factory.mktemp("others") / "rows", frame)


def train(dataset: Path, out: Path, *options: str) -> Path:
    assert main(["train", "--dataset", str(dataset), "--out-dir", str(out), *_RUN, *options]) == 0
    return out


@pytest.fixture(scope="module")
def run(table: Path, others: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    asked = ["--eval-dataset", str(others), "--oof-dataset", str(table), *_FEW, "gene-inputs", "shap", "importance"]
    return train(table, out, "--learner", "tcn", *_TINY, *asked)


def hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in _VARIABLE and not p.name.startswith("."))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def model_of(run: Path) -> FittedModel:
    return load_model_with_ensemble_support(run / "model_multiclass.pkl", verbose=False)


def refused(capsys: Any, code: int, *command: str) -> str:
    assert main(list(command)) == code
    return str(capsys.readouterr().err)


def test_rows_are_scored_by_the_model_that_never_saw_their_gene(run: Path, table: Path) -> None:
    oof, frame = pl.read_parquet(run / "oof_predictions.parquet"), pl.read_parquet(table / "*.parquet")
    for fold in (0, 1):
        here = (oof["fold"] == fold).to_numpy()
        model = load_model(run / "fold_models" / f"fold_{fold}.pkl")
        assert not set(model.info.genes) & set(frame.filter(pl.Series(here))["gene_id"])
        found, _ = model.predict_both(frame.filter(pl.Series(here)))
        told = oof.filter(pl.Series(here)).select(probability_columns(RAW)).to_numpy()
        np.testing.assert_allclose(found, told, atol=1e-5)


def test_other_tables_are_scored_and_explained(run: Path) -> None:
    summary = (run / "training_summary.txt").read_text()
    assert "tcn reads 29 bases around each row (column sequence), scores of main, scores of alt, 2 other columns" in (
        summary
    )
    assert "On the external table" in summary
    worth = pl.read_csv(run / "gene_inputs" / "tcn_ablation.csv")
    assert set(worth["inputs"]) == {"sequence", "scores:main", "scores:alt", "columns:other"}
    sites = pl.read_csv(run / "gene_inputs" / "tcn_attributions.csv")
    parts = sites.select("sequence", "scores:main", "scores:alt", "columns:other").sum_horizontal()
    gap = parts + sites["base_log_odds"] - sites["log_odds"]
    assert gap.abs().max() < 0.1
    outcomes = {found["code"]: found for found in json.loads((run / "analysis_outcomes.json").read_text())}
    assert outcomes["gene-inputs"]["status"] == "passed"
    assert outcomes["shap"]["status"] == "not applicable"
    assert "reads windows around rows" in outcomes["importance"]["reason"]


def test_a_table_and_a_frame_are_predicted_alike(run: Path, others: Path, tmp_path: Path) -> None:
    model, frame = str(run / "model_multiclass.pkl"), pl.read_parquet(others / "*.parquet")
    out = tmp_path / "out.parquet"
    command = ["predict", "--model", model, "--dataset", str(others), "--out", str(out), "--threads", "1"]
    assert main([*command, "--part-rows", "1000"]) == 0
    found = pl.read_parquet(out).select(probability_columns(CALIBRATED)).to_numpy()
    np.testing.assert_allclose(model_of(run).predict_proba(frame), found, atol=1e-6)
    np.testing.assert_allclose(model_of(run).predict_proba(frame.to_pandas()), found, atol=1e-6)
    evaluated = api.evaluate(run / "model_multiclass.pkl", frame, bootstrap_samples=10)
    assert evaluated.headline.sentence("its rows")


def test_a_file_is_sound_and_equal_when_written_again(run: Path) -> None:
    facts = verify_model(run / "model_multiclass.pkl", isolated=True)
    assert list(facts.learners) == ["tcn"]
    assert dump_model(model_of(run)) == (run / "model_multiclass.pkl").read_bytes()
    assert model_of(run).window == 29


def test_tables_without_windows_are_refused_by_the_model(run: Path, others: Path, tmp_path: Path, capsys: Any) -> None:
    frame = pl.read_parquet(others / "*.parquet")
    out, model = str(tmp_path / "x.parquet"), str(run / "model_multiclass.pkl")
    without = write_windows(tmp_path / "without", frame.drop("sequence"))
    short = write_windows(tmp_path / "short", frame.with_columns(pl.col("sequence").str.slice(10, 27)))
    for table, words in ((without, "reads a window of 29 bases around each row"), (short, "windows of 29 bases")):
        assert words in refused(capsys, 3, "predict", "--model", model, "--dataset", str(table), "--out", out)
        with pytest.raises(InputError, match=words):
            api.evaluate(run / "model_multiclass.pkl", table, bootstrap_samples=10)
    assert not Path(out).exists()


class Killed(BaseException):
    """As if the process had been killed."""


def test_a_run_that_was_killed_goes_on_from_its_last_epoch_to_the_same_bytes(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, kept = part_way._keep, []

    def counted(*args: Any) -> None:
        keep(*args)
        kept.append(args[1])
        if len(kept) == 5:
            raise Killed

    options = ["--learner", "tcn", *_TINY, *_FEW]
    undisturbed = train(table, tmp_path / "undisturbed", *options)
    monkeypatch.setattr(part_way, "_keep", counted)
    with pytest.raises(Killed):
        train(table, tmp_path / "run", *options)
    train(table, tmp_path / "run", *options, "--resume")
    assert len(kept) == 9  # three fits of three epochs: none was run twice
    assert hashes(tmp_path / "run") == hashes(undisturbed)


def test_rows_and_windows_are_combined_in_one_file(table: Path, others: Path, tmp_path: Path) -> None:
    run = train(
        table, tmp_path / "run", "--learners", "xgboost", "tcn", "--combine", "stacking", "--keep-combination",
        "--xgboost.n-estimators", "8", "--oof-dataset", str(table), *_TINY, *_FEW,
    )  # fmt: skip
    model = model_of(run)
    assert isinstance(model, EnsembleMetaModel)
    assert sorted(single.learner for single in model.singles) == ["tcn", "xgboost"]
    assert model.predict_proba(pl.read_parquet(others / "*.parquet")).shape == (96, 3)
    board = pl.read_csv(run / "leaderboard.tsv", separator="\t")
    assert {"tcn", "xgboost", "combined (stacking)"} <= set(board["name"])


def test_a_plan_tells_what_windows_cost_and_writes_nothing(table: Path, capsys: Any) -> None:
    command = ["train", "--dataset", str(table), "--dry-run", "--learner", "tcn", "--threads", "1", *_TINY]
    assert main(command) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["dataset"]["window"] == WINDOW
    assert plan["dataset"]["gene_tracks"] == 6
    assert (plan["dataset"]["gene_positions"], plan["dataset"]["gene_inner"]) == (288 * WINDOW, 288)
    assert set(plan["learners"]["tcn"]) == {"predicted_cpu_seconds", "predicted_peak_bytes"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mine-negatives", "{table}"], "without the bases around them"),
        (["--max-features", "auto"], "all columns that screening keeps"),
        (["--variants", "base"], "all columns that screening keeps"),
        (["--init-from", "{table}"], "other built folders"),
        (["--tcn.ends"], "does not know the ends of its gene"),
        (["--oof-dataset", "{without}"], "tcn reads whole genes"),
        (["--oof-dataset", "{short}"], "windows of 41 bases"),
        (["--strategy", "batch_ensemble"], "needs no batches"),
    ],
)
def test_what_windows_do_not_go_with_is_refused(
    table: Path, tmp_path: Path, capsys: Any, options: list[str], words: str
) -> None:
    frame = pl.read_parquet(table / "*.parquet")
    places = {
        "table": table,
        "without": write_windows(tmp_path / "without", frame.drop("sequence")),
        "short": write_windows(tmp_path / "short", frame.with_columns(pl.col("sequence").str.slice(5, 31))),
    }
    given = [option.format(**places) for option in options]
    code = 3 if "{short}" in options else 2
    assert words in refused(capsys, code, "train", "--dataset", str(table), "--dry-run", "--learner", "tcn", *given)


def test_a_table_without_windows_is_refused_with_both_ways_in(table: Path, tmp_path: Path, capsys: Any) -> None:
    frame = pl.read_parquet(table / "*.parquet").drop("sequence")
    without = str(write_windows(tmp_path / "without", frame))
    told = refused(capsys, 2, "train", "--dataset", without, "--dry-run", "--learner", "tcn")
    out = tmp_path / "run"
    assert told == refused(capsys, 2, "train", "--dataset", without, "--out-dir", str(out), "--learner", "tcn")
    assert not out.exists()
    assert "windows over neighbouring rows of a sampled table learn how it was sampled" in told
    assert "has genes/, or a table whose column 'sequence'" in told


def test_a_search_needs_genes(table: Path, tmp_path: Path, capsys: Any) -> None:
    told = refused(capsys, 2, "tune", "--dataset", str(table), "--out-dir", str(tmp_path / "out"), "--learner", "tcn")
    assert "tcn reads whole genes" in told
