"""The command that fits a student: what it takes over from the teacher's run, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.config import TrainingConfig
from meta_models.experiments.distil import student_config
from meta_models.experiments.options import DistilConfig
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.model import SingleModel

_OPTIONS = ["--n-folds", "3", "--analyses", "leaderboard", "--bootstrap-samples", "20", "--threads", "1"]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    table = write_table(folder / "table", make_frame(n_genes=24))
    more = ["--learners", "xgboost", "logistic", "--combine", "voting", "--keep-combination", "--n-estimators", "6"]
    options = ["--dataset", str(table), "--out-dir", str(folder / "run"), "--oof-dataset", str(table)]
    assert main(["train", *options, *_OPTIONS, *more]) == 0
    return folder / "run"


def test_the_students_folder_is_that_of_a_run(teacher: Path, tmp_path: Path) -> None:
    out = tmp_path / "student"
    assert main(["distil", str(teacher), "--learner", "xgboost", "--n-estimators", "4", "--out-dir", str(out)]) == 0
    model = load_model_with_ensemble_support(out / "model_multiclass.pkl")
    assert isinstance(model, SingleModel)
    board = pl.read_csv(out / "leaderboard.tsv", separator="\t")
    assert sorted(board["role"]) == ["base", "member", "teacher"]
    of_teacher = pl.read_csv(teacher / "leaderboard.tsv", separator="\t").filter(role="combination")
    row = board.row(by_predicate=pl.col("role") == "teacher", named=True)
    assert row["table_mean"] == pytest.approx(of_teacher["table_mean"].item())
    assert row["every_mean"] == pytest.approx(of_teacher["every_mean"].item(), abs=1e-6)
    pair = pl.read_csv(out / "member_differences.tsv", separator="\t")
    assert pair["every_difference"].item() == pytest.approx(pair["difference"].item(), abs=1e-6)
    summary = " ".join((out / "training_summary.txt").read_text().split())
    assert "xgboost beside teacher (combined (voting)):" in summary
    assert not list(out.rglob("copies*"))
    assert (
        main(["distil", str(teacher), "--learner", "xgboost", "--n-estimators", "4", "--out-dir", str(out), "--resume"])
        == 0
    )
    units = json.loads((out / "run_manifest.json").read_text())["units"]
    assert all(unit["reused"] for unit in units.values())


def test_what_is_not_given_is_as_in_the_run(tmp_path: Path) -> None:
    run = TrainingConfig(
        dataset="my_table", n_folds=4, learners=("xgboost", "sgd"), variants=("base", "all"), train_all_genes=True,
        out_dir=tmp_path / "old", max_features=5, seed=7,
    )  # fmt: skip
    options = DistilConfig.from_mapping({"learners": ["logistic"], "out_dir": tmp_path / "new"})
    config = student_config(tmp_path / "old", run.model_dump(mode="json"), options)
    assert (config.n_folds, config.seed, config.dataset) == (4, 7, "my_table")
    assert (config.learners, config.variants, config.max_features) == (("logistic",), (), None)
    assert (config.teacher, config.out_dir, config.strategy) == (tmp_path / "old", tmp_path / "new", "single_model")
    assert not config.train_all_genes


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--learner", "tcn"], "learner of rows"),
        (["--learner", "nothing"], "nothing"),
        (["--learner", "xgboost", "sgd"], "at most 1 item"),
    ],
)
def test_what_cannot_be_a_student(
    teacher: Path, tmp_path: Path, more: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["distil", str(teacher), *more, "--out-dir", str(tmp_path / "student")]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "student" / "model_multiclass.pkl").exists()


def test_a_folder_without_a_run_is_no_teacher(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distil", str(tmp_path), "--out-dir", str(tmp_path / "student")]) == 2
    assert "run_manifest.json" in capsys.readouterr().err


def test_another_table_or_an_altered_teacher_is_refused_before_anything_is_made(
    teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, out = write_table(tmp_path / "other", make_frame(n_genes=24, seed=9)), tmp_path / "student"
    assert main(["distil", str(teacher), "--dataset", str(other), "--out-dir", str(out)]) == 3
    assert "must be the one that the run was trained on" in capsys.readouterr().err
    altered = shutil.copytree(teacher, tmp_path / "altered")
    with (altered / "oof_predictions.parquet").open("ab") as file:
        file.write(b"x")
    assert main(["distil", str(altered), "--out-dir", str(out)]) == 3
    assert "oof_predictions.parquet must be as the run wrote it" in capsys.readouterr().err
    assert not out.exists()
