"""``meta-models tune`` as a user meets it: a small search, one that is killed, noise, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from build_places import make_place
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.experiments import launch
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.run_folder import RunManifest, RunState
from meta_models.search import command

pytest.importorskip("optuna", reason="needs the extra 'search': Optuna is absent")

QUICK = ["--n-folds", "3", "--xgboost.n-estimators", "8", "--bootstrap-samples", "20", "--threads", "1",
         "--screening-min-genes", "5", "--analyses", "base-vs-meta"]  # fmt: skip


def in_this_process(options: list[str]) -> int:
    return main(["train", *options])


@pytest.fixture(autouse=True)
def _no_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for one search the winner is not trained again, which takes as long as all else."""
    monkeypatch.setattr(command, "launched", lambda *_, **__: None)


def tune(table: Path, out: Path, *more: object) -> int:
    return main(["tune", "--dataset", str(table), "--out-dir", str(out), *QUICK, *map(str, more)])


def record(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "search.json").read_text())
    return found


def hashes(folder: Path) -> dict[str, str]:
    varying = {"run_manifest.json", "search.html"}
    files = [p for p in folder.glob("*") if p.is_file() and p.name not in varying and not p.name.startswith(".")]
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table") / "table", make_frame(40, 20))


@pytest.fixture(scope="module")
def searched(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search with two learners."""
    out = tmp_path_factory.mktemp("search") / "out"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(launch, "exit_code", in_this_process)
        assert tune(table, out, "--learner", "xgboost", "logistic", "--trials", 8) == 0
    return out


def test_a_search_leaves_its_trials_two_figures_and_the_winner(searched: Path) -> None:
    found, trials = record(searched), pl.read_csv(searched / "trials.csv")
    assert trials.height == 8
    assert trials["learner"].to_list()[:2] == ["xgboost", "logistic"]
    best = trials.filter(state="complete").sort("value", descending=True, maintain_order=True)
    assert found["winner"]["trial"] == best["trial"][0]
    assert found["search"]["value"] == best["value"][0]
    assert found["search"]["genes"] + found["kept_out"]["genes"] == 40
    headline = found["kept_out"]["differences"][0]
    assert headline["b"] is not None
    assert headline["b"] != found["search"]["value"]
    kept_out = (searched / "kept_out_genes.txt").read_text().split()
    assert len(kept_out) == found["kept_out"]["genes"]
    for name in ("search.html", "search_summary.txt", "search_history.png", "kept_out_evaluation.tsv"):
        assert (searched / name).stat().st_size > 100, name
    kept = pl.read_csv(searched / "kept_out_comparison.tsv", separator="\t")
    assert (kept["start"][0], kept["winner"][0]) == (headline["a"], headline["b"])
    text = (searched / "search_summary.txt").read_text()
    assert "8 trials" in text
    assert f"{found['search']['value']:.4f}" in text
    assert f"{headline['b']:.4f}" in text
    page = (searched / "search.html").read_text()
    assert "Which options of logistic matter is not shown: only penalty was searched." in page
    assert "Which options of xgboost matter is not shown: that takes 10 complete trials, and there " in page
    assert not (searched / "search_importance.png").exists()


def test_the_winner_is_trained_on_all_genes_and_its_report_says_how_it_was_chosen(searched: Path) -> None:
    found, winner = record(searched), searched / "winner"
    manifest = RunManifest.read(winner)
    assert manifest is not None
    assert manifest.state is RunState.COMPLETE
    assert manifest.config["learners"] == [found["winner"]["learner"]]
    assert manifest.config["sections"][found["winner"]["learner"]] == found["options"]
    assert pl.read_parquet(winner / "oof_predictions.parquet")["gene_id"].n_unique() == 40
    assert "chosen among 8 trials" in " ".join((winner / "training_summary.txt").read_text().split())
    assert "chosen among 8 trials" in (winner / "report.html").read_text()
    assert load_model_with_ensemble_support(winner / "model_multiclass.pkl")
    chosen = (searched / "chosen.yaml").read_text()
    assert chosen.startswith(f"learner: {found['winner']['learner']}\n")


def test_the_genes_kept_out_change_nothing_of_the_search(searched: Path, table: Path, tmp_path: Path) -> None:
    """Other labels and features there: the same trials, the same winner, another figure."""
    genes = (searched / "kept_out_genes.txt").read_text().split()
    frame = pl.read_parquet(table / "part_0.parquet")
    drawn = np.random.default_rng(0).permutation(frame.height)
    other = pl.col("gene_id").is_in(genes)
    noise = [pl.when(other).then(frame[c].gather(drawn)).otherwise(c).alias(c) for c in ("feature_0", "feature_1")]
    changed = write_table(tmp_path / "table", frame.with_columns(noise))
    assert tune(changed, tmp_path / "out", "--learner", "xgboost", "logistic", "--trials", 8) == 0
    assert (tmp_path / "out" / "trials.csv").read_bytes() == (searched / "trials.csv").read_bytes()
    assert record(tmp_path / "out")["kept_out"]["differences"] != record(searched)["kept_out"]["differences"]


def test_the_same_search_gives_the_same_files_also_where_it_goes_on_with_more_trials(
    searched: Path, table: Path, tmp_path: Path
) -> None:
    both = ["--learner", "xgboost", "logistic"]
    assert tune(table, tmp_path / "out", *both, "--trials", 3) == 0
    assert tune(table, tmp_path / "out", *both, "--trials", 8) == 2  # a folder that is not empty
    assert tune(table, tmp_path / "out", *both, "--trials", 8, "--resume") == 0
    assert hashes(tmp_path / "out") == {k: v for k, v in hashes(searched).items() if k != "winner.config.json"}


def test_a_search_goes_on_with_its_own_options_alone(
    searched: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else one could draw seeds until the figure is good, and lose what was found before."""
    out = shutil.copytree(searched, tmp_path / "out")
    before = hashes(out)
    both = ["--learner", "xgboost", "logistic", "--resume"]
    assert tune(table, out, *both, "--trials", 8, "--seed", 5) == 2
    assert "Found --seed 5 (was 0). Give another --out-dir, or --overwrite" in capsys.readouterr().err
    assert tune(table, out, *both, "--trials", 3) == 2
    assert "Found --trials 3 (was 8)" in capsys.readouterr().err
    assert hashes(out) == before
    manifest = RunManifest.read(out)
    assert manifest is not None
    assert manifest.state is RunState.COMPLETE


def test_a_search_that_is_killed_goes_on_to_the_same_trials(searched: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    both = ["--learner", "xgboost", "logistic", "--trials", "8", "--resume"]
    started = [sys.executable, "-m", "meta_models", "tune", "--dataset", str(table), "--out-dir", str(out)]
    for units in (4, 12):  # killed after so many folds
        with subprocess.Popen([*started, *QUICK, *both], stdout=subprocess.DEVNULL, start_new_session=True) as process:
            deadline = time.monotonic() + 120
            while len(list(out.glob("units/*/*/unit.json"))) < units and time.monotonic() < deadline:
                time.sleep(0.01)
                assert process.poll() is None, "it ended before it was killed"
            os.killpg(process.pid, signal.SIGKILL)
    assert not (out / "search.json").exists()
    assert tune(table, out, *both) == 0
    assert (out / "trials.csv").read_bytes() == (searched / "trials.csv").read_bytes()


def test_noise_is_above_chance_in_the_search_alone_and_the_report_says_so(tmp_path: Path) -> None:
    frame = make_frame(40, 30, seed=3)
    shuffled = frame["splice_type"].sample(fraction=1, shuffle=True, seed=1)
    table = write_table(tmp_path / "table", frame.with_columns(splice_type=shuffled))
    assert tune(table, tmp_path / "out", "--trials", 16, "--pruning") == 0
    found = record(tmp_path / "out")
    own, kept_out = found["search"], found["kept_out"]
    assert own["value"] > own["chance"]["mean"]
    assert kept_out["differences"][0]["b"] < kept_out["chance"]["upper"]
    assert kept_out["above_chance"] is False
    for name in ("search_summary.txt", "search.html"):
        assert "NOT above chance" in (tmp_path / "out" / name).read_text()
    assert "luckiest of 16 trials" in " ".join((tmp_path / "out" / "search_summary.txt").read_text().split())


def test_genes_of_a_built_folder_are_kept_out_at_every_position(tmp_path: Path) -> None:
    built = make_place(tmp_path / "made").build(tmp_path / "built")
    assert tune(built, tmp_path / "out", "--trials", 3) == 0
    found = record(tmp_path / "out")["kept_out"]
    assert found["where"].startswith("on every position of all ")
    assert {difference["population"] for difference in found["differences"]} == {"every position"}
    tables = [
        pl.read_csv(tmp_path / "out" / f"kept_out_{name}.tsv", separator="\t") for name in ("comparison", "evaluation")
    ]
    assert [set(table["population"]) for table in tables] == [{"every position"}] * 2
    evaluation = json.loads((tmp_path / "out" / "kept_out_evaluation.json").read_text())
    assert evaluation["headline"]["population"] == "every position"
    kept_out = set((tmp_path / "out" / "kept_out_genes.txt").read_text().split())
    per_gene = pl.read_csv(tmp_path / "out" / "kept_out_evaluation_per_gene.tsv", separator="\t")
    assert set(per_gene["gene_id"]) <= kept_out


@pytest.mark.neural
def test_a_learner_of_genes_beside_one_of_rows(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")
    built = make_place(tmp_path / "made").build(tmp_path / "built")
    tiny = ["--tcn.kernel", "3", "--tcn.crop", "128", "--tcn.channels", "4", "--tcn.epochs", "2"]
    space = tmp_path / "space.yaml"
    space.write_text("tcn: {blocks: [2, 3], learning_rate: {low: 0.01, high: 0.02}}\n")
    assert tune(built, tmp_path / "out", "--learner", "tcn", "xgboost", "--trials", 3, "--space", space, *tiny) == 0
    trials = pl.read_csv(tmp_path / "out" / "trials.csv")
    assert set(trials["learner"]) == {"tcn", "xgboost"}
    assert trials["value"].null_count() == trials["reason"].count() == 0
    kept_out = record(tmp_path / "out")["kept_out"]
    assert kept_out["where"].startswith("on every position of all ")
    assert kept_out["differences"][0]["b"] > 0.3


def test_a_learner_of_genes_needs_them(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")
    assert tune(table, tmp_path / "out", "--learner", "tcn", "xgboost") == 2
    assert "tcn reads whole genes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_searches_in_one_folder(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from meta_models.run_folder.lock import FolderLock

    out = tmp_path / "out"
    out.mkdir()
    lock = FolderLock(out)
    lock.acquire()
    try:
        assert tune(table, out) == 2
    finally:
        lock.release()
    assert "must not be in use" in capsys.readouterr().err


def test_without_the_library_or_a_folder_nothing_is_written(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["tune", "--dataset", str(table)]) == 2
    assert "--out-dir must name the folder of the search" in capsys.readouterr().err
    assert main(["tune", "--out-dir", str(tmp_path / "out")]) == 2
    assert "--dataset must name the table" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert tune(table, tmp_path / "out") == 2
    assert "'.[search]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
