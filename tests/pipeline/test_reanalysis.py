"""The analysis of a finished run, repeated and extended by the command."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.training.fitting.running import run_jobs as boosters

#: Files that hold dates, durations, measured peaks, hosts or paths, and those of units.
VARYING = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
OPTIONS = [
    "--n-estimators", "8", "--n-folds", "3", "--bootstrap-samples", "20", "--shap-rows", "60", "--threads", "1",
    "--permutation-rows", "90", "--analyses", "features", "base-vs-meta", "sites", "shap", "overfitting",
]  # fmt: skip


def hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in VARYING and not p.name.startswith("."))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def manifest(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "run_manifest.json").read_text())
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"), make_frame(n_genes=40), files=2)


@pytest.fixture(scope="module")
def finished(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--dataset", str(table), "--out-dir", str(out), *OPTIONS]) == 0
    return out


@pytest.fixture
def run_dir(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished run; training its model again is an error."""
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    monkeypatch.setattr(boosters, "train_jobs", None)
    return copy


def analyse(*arguments: object) -> int:
    return main(["analyse", *map(str, arguments)])


def test_the_artifacts_equal_those_of_the_run(run_dir: Path, finished: Path) -> None:
    before = hashes(finished)
    assert analyse(run_dir) == 0
    assert hashes(run_dir) == before
    found = manifest(run_dir)
    assert found["state"] == "complete"
    assert found["started"] == manifest(finished)["started"]
    assert set(found["artifacts"]) == set(manifest(finished)["artifacts"])  # type: ignore[call-overload]
    assert len(found["analysed"]) == 1  # type: ignore[arg-type]
    assert "analysed again" in (run_dir / "report.html").read_text()


def test_another_folder_gets_the_same_artifacts_and_the_run_stays(run_dir: Path, tmp_path: Path) -> None:
    before, other = hashes(run_dir), tmp_path / "other"
    assert analyse(run_dir, "--out-dir", other) == 0
    assert hashes(run_dir) == before
    assert manifest(run_dir)["analysed"] == []
    found = hashes(other)
    assert {name: before[name] for name in found} == found
    assert {"base_vs_meta_performance.tsv", "shap_analysis/shap_values_donor.parquet"} <= set(found)
    assert "model_multiclass.pkl" not in found


def test_analyses_can_be_added(run_dir: Path, finished: Path) -> None:
    before = hashes(finished)
    assert analyse(run_dir, "--analyses", "shuffled-labels", "bins") == 0
    after = hashes(run_dir)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"analysis_outcomes.json"}
    assert "overfitting_analysis/shuffled_labels.csv" in after
    outcomes = {o["code"]: o["status"] for o in json.loads((run_dir / "analysis_outcomes.json").read_text())}
    assert outcomes["base-vs-meta"] in ("passed", "finding")
    assert outcomes["shuffled-labels"] == "passed"
    assert outcomes["group-ablation"] == "skipped"
    assert "shuffled-labels" in manifest(run_dir)["config"]["analyses"]  # type: ignore[index]
    assert "Trained again as one model, out of fold on the same folds" in (run_dir / "report.html").read_text()


def test_a_moved_table_is_found_and_another_refused(
    run_dir: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hashes(run_dir)
    other = write_table(tmp_path / "other", make_frame(n_genes=40, seed=1), files=2)
    assert analyse(run_dir, "--dataset", other) == 3
    assert "the one that the run was trained on" in capsys.readouterr().err
    assert manifest(run_dir)["state"] == "complete"
    moved = tmp_path / "moved"
    shutil.copytree(table, moved)
    assert analyse(run_dir, "--dataset", moved, "--out-dir", tmp_path / "out") == 0
    assert hashes(run_dir) == before


@pytest.mark.parametrize("name", ["oof_predictions.parquet", "model_multiclass.pkl", "training_result.json"])
def test_an_altered_run_is_refused_and_left_alone(name: str, run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = run_dir / name
    data = file.read_bytes()
    file.write_bytes(data.replace(b"0", b"1", 1) if name.endswith("json") else data[:-40] + bytes(40))
    before = hashes(run_dir)
    assert analyse(run_dir) in (2, 3)
    assert name in capsys.readouterr().err
    assert hashes(run_dir) == before
    assert manifest(run_dir)["state"] == "complete"


def test_a_folder_without_a_run_and_wrong_options_are_refused(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyse(tmp_path / "nowhere") == 2
    assert "must be the folder of a run" in capsys.readouterr().err
    assert analyse(run_dir, "--analyses", "astrology") == 2
    assert "astrology" in capsys.readouterr().err
    limits = tmp_path / "targets.yaml"
    limits.write_text("- {metric: luck, at_least: 1}\n")
    assert analyse(run_dir, "--targets", limits) == 2
    assert manifest(run_dir)["state"] == "complete"


def test_a_missed_target_ends_with_5_here_and_a_bad_file_before_training(
    run_dir: Path, table: Path, tmp_path: Path
) -> None:
    limits = tmp_path / "targets.yaml"
    limits.write_text("- {metric: average_precision, at_least: 1.01}\n")
    assert analyse(run_dir, "--targets", limits, "--out-dir", tmp_path / "out") == 5
    assert pl.read_csv(tmp_path / "out/bins_and_targets/targets.tsv", separator="\t").height == 1
    limits.write_text("- {metric: luck, at_least: 1}\n")
    out = tmp_path / "never"
    assert main(["train", "--dataset", str(table), "--out-dir", str(out), "--targets", str(limits), *OPTIONS]) == 2
    assert not out.exists()


def test_another_folder_holds_what_its_report_names(run_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert analyse(run_dir, "--out-dir", other) == 0
    for name in ("leakage_screening.csv", "global_excluded_features.txt", "screened_genes.txt"):
        assert (other / name).read_bytes() == (run_dir / name).read_bytes()
    genes = (run_dir / "screened_genes.txt").read_text().split()
    oof = pl.read_parquet(run_dir / "oof_predictions.parquet")
    assert set(genes) <= set(oof.filter("screened")["gene_id"])
    assert f"Screening looked at {len(genes)} genes" in (other / "training_summary.txt").read_text()


def test_limits_whose_file_is_gone_are_left_out(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = tmp_path / "targets.yaml"
    limits.write_text("- {metric: average_precision, at_least: 0.0}\n")
    assert analyse(run_dir, "--targets", limits) == 0
    limits.unlink()
    assert analyse(run_dir, "--targets", limits) == 2
    capsys.readouterr()
    assert analyse(run_dir, "--out-dir", tmp_path / "out") == 0
    assert f"{limits} is not there" in "".join(capsys.readouterr())
    outcomes = {o["code"]: o["status"] for o in json.loads((tmp_path / "out/analysis_outcomes.json").read_text())}
    assert outcomes["targets"] in ("not applicable", "skipped")


def test_the_memory_budget_holds_here_too(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = hashes(run_dir)
    assert analyse(run_dir, "--max-memory-gb", "0.01") == 71
    assert "must stay within its memory budget of 0.01 GB" in capsys.readouterr().err
    assert hashes(run_dir) == before
    assert manifest(run_dir)["state"] == "failed"
    assert analyse(run_dir, "--max-memory-gb", "16") == 0
    assert hashes(run_dir) == before
