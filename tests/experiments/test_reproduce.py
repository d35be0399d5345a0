"""A finished run trained again: which files are equal, what is refused before anything is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.experiments.reproduce import compare_artifacts, differences_from
from meta_models.run_folder import ArtifactRecord, RunManifest, describe_environment

OPTIONS = ["--n-estimators", "3", "--n-folds", "2", "--bootstrap-samples", "5", "--analyses", "features"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"), make_frame(n_genes=16))


@pytest.fixture(scope="module")
def run_dir(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out_dir = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--dataset", str(table), "--out-dir", str(out_dir), *OPTIONS]) == 0
    return out_dir


def statuses(out_dir: Path) -> dict[str, str]:
    frame = pl.read_csv(out_dir / "reproduction.tsv", separator="\t")
    return dict(zip(frame["file"], frame["status"], strict=True))


def test_the_same_run_gives_the_same_files(run_dir: Path, tmp_path: Path) -> None:
    assert main(["reproduce", str(run_dir), "--out-dir", str(tmp_path / "again")]) == 0
    found = statuses(tmp_path / "again")
    assert found.pop("report.html") == found.pop("training_summary.txt") == "different as expected"
    assert set(found.values()) == {"equal"}
    assert {"model_multiclass.pkl", "oof_predictions.parquet", "training_result.json", "requirements.lock"} <= set(
        found
    )
    manifest = RunManifest.read(tmp_path / "again")
    assert manifest is not None
    assert "reproduction.tsv" in manifest.artifacts


def test_a_run_that_comes_out_otherwise_ends_with_5_and_names_the_files(
    run_dir: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(run_dir, tmp_path / "run")
    manifest = RunManifest.read(run)
    assert manifest is not None
    manifest.model_copy(update={"config": {**manifest.config, "seed": 1}}).write(run)  # not what it was made with
    assert main(["reproduce", str(run), "--out-dir", str(tmp_path / "again")]) == 5
    assert "fold_models/fold_0.pkl" in capsys.readouterr().err
    assert statuses(tmp_path / "again")["model_multiclass.pkl"] == "different"


def test_a_table_that_was_moved_under_another_name(run_dir: Path, table: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(table, tmp_path / "moved")
    assert main(["reproduce", str(run_dir), "--out-dir", str(tmp_path / "again"), "--dataset", str(moved)]) == 0
    assert statuses(tmp_path / "again")["model_card.md"] == "different as expected"


def test_a_run_that_was_altered_is_refused(run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = shutil.copytree(run_dir, tmp_path / "run")
    with (run / "leakage_screening.csv").open("a") as file:
        file.write("one more line\n")
    assert main(["reproduce", str(run), "--out-dir", str(tmp_path / "again")]) == 3
    assert "leakage_screening.csv must be as the run wrote it" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_another_table_is_refused_before_anything_is_trained(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_table(tmp_path / "other", make_frame(n_genes=16, seed=1))
    arguments = ["reproduce", str(run_dir), "--out-dir", str(tmp_path / "again"), "--dataset", str(other)]
    assert main(arguments) == 3
    assert "must be the one that the run was trained on" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_a_folder_in_use_is_refused(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (run_dir, run_dir / "again", run_dir.parent):
        assert main(["reproduce", str(run_dir), "--out-dir", str(folder)]) == 2
        assert "must lie apart from what is read" in capsys.readouterr().err
    assert not (run_dir / "again").exists()


def test_a_folder_that_is_not_empty_is_refused_with_what_reproduce_can_do(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["reproduce", str(run_dir), "--out-dir", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.err.endswith("must be empty or absent. Found in it: mine.txt. Choose another --out-dir.\n")
    assert said.out == ""


def test_files_are_compared_by_their_hashes() -> None:
    first = {name: ArtifactRecord(sha256=name) for name in ("a", "b", "c", "report.html")}
    again = {"a": ArtifactRecord(sha256="a"), "b": ArtifactRecord(sha256="x"), "d": ArtifactRecord(sha256="d")}
    found = compare_artifacts(first, again)
    assert found.rows() == [
        ("a", "equal", "a", "a"),
        ("b", "different", "b", "x"),
        ("c", "missing", "c", None),
        ("d", "added", None, "d"),
        ("report.html", "different as expected", "report.html", None),
    ]


def test_other_packages_and_machines_are_said() -> None:
    here = describe_environment(threads=1, device="cpu")
    assert differences_from(here, None) == []
    packages = {**here.packages, "numpy": "0.1", "gone": "1.0"}
    there = here.model_copy(update={"packages": packages, "cpu": "another one"})
    cpu, found = differences_from(there, None)
    assert cpu == f"The run was made with another cpu: another one, here {here.cpu}."
    assert f"numpy 0.1 (here {here.packages['numpy']})" in found
    assert "gone 1.0 (here absent)" in found
    assert "no record" in differences_from(None, None)[0]
