"""The command with several learners: combination, leaderboard, what fails, what is reused, equal runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.errors import UsageError
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.learners.classical.logistic import Logistic
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Fitted, Prepared, Resources, TrainingRows
from meta_models.metrics import mean_site_ap
from meta_models.model import EnsembleMetaModel, SingleModel
from meta_models.result import CALIBRATED, probability_columns

#: Files that hold dates, durations, measured peaks, hosts or paths.
_VARIABLE = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
_OPTIONS = [
    "--n-estimators", "10", "--n-folds", "3", "--analyses", "leaderboard", "base-vs-meta", "shap", "--shap-rows", "50",
    "--bootstrap-samples", "50", "--threads", "1",
]  # fmt: skip
_TWO = ["--learners", "xgboost", "logistic"]


class Failing(Logistic):
    """A learner that cannot be fitted."""

    name = "failing"

    def prepare(self, rows: TrainingRows, config: Any, resources: Resources) -> AbstractContextManager[Prepared]:
        raise UsageError("This learner must be installed", "It is not", "Install it")


class Unlucky(Logistic):
    """A learner whose fits fail, as its library says."""

    name = "unlucky"

    def failures(self) -> tuple[type[Exception], ...]:
        return (FloatingPointError,)

    @contextmanager
    def prepare(self, rows: TrainingRows, config: Any, resources: Resources) -> Iterator[Prepared]:
        with super().prepare(rows, config, resources) as prepared:
            yield NoFit(prepared)


class NoFit(Prepared):
    """Rows that nothing can be fitted to."""

    def __init__(self, rows: Prepared) -> None:
        self.rows = rows

    def fit(self, job: FitJob, *_: object, threads: int) -> Fitted:
        raise FloatingPointError("the loss is not finite")


class Mended(Logistic):
    """The same when it can be fitted."""

    name = "failing"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 genes."""
    return write_table(tmp_path_factory.mktemp("table"), make_frame(n_genes=36), files=2)


def command(table: Path, out_dir: Path, *more: str) -> list[str]:
    return ["train", "--dataset", str(table), "--out-dir", str(out_dir), *_OPTIONS, *more]


@pytest.fixture(scope="module")
def kept(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose combination is kept."""
    out_dir = tmp_path_factory.mktemp("runs") / "kept"
    assert main(command(table, out_dir, *_TWO, "--combine", "stacking", "--keep-combination")) == 0
    return out_dir


def leaderboard(run: Path) -> pl.DataFrame:
    return pl.read_csv(run / "leaderboard.tsv", separator="\t")


def hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in _VARIABLE and not p.name.startswith("."))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_one_file_holds_members_their_calibrators_and_the_combination(kept: Path, table: Path) -> None:
    model = load_model_with_ensemble_support(kept / "model_multiclass.pkl")
    assert isinstance(model, EnsembleMetaModel)
    assert [single.learner for single in model.singles] == ["xgboost", "logistic"]
    assert model.combination.kind == "stacking"
    rows = pl.read_parquet(table / "*.parquet").select(model.feature_names).head(50)
    matrix = rows.cast(pl.Float32).to_numpy()
    combined = model.combination(np.stack([member.probabilities_of(matrix) for member in model.members]))
    assert all(member.calibrators is not None for member in model.members)
    np.testing.assert_allclose(model.predict_proba(rows), combined, rtol=1e-9)


def test_the_leaderboard_shows_each_part_beside_the_whole(kept: Path) -> None:
    board = leaderboard(kept)
    assert sorted(board["name"]) == sorted(["combined (stacking)", "logistic", "main", "xgboost"])
    assert board["rank"].to_list() == [1, 2, 3, 4]
    ranked = board["table_mean" if board["weighted_mean"].null_count() else "weighted_mean"].to_list()
    assert ranked == sorted(ranked, reverse=True)
    oof = pl.read_parquet(kept / "oof_predictions.parquet")
    whole = board.row(by_predicate=pl.col("role") == "combination", named=True)
    probabilities = oof.select(probability_columns(CALIBRATED)).to_numpy()
    assert whole["table_mean"] == pytest.approx(mean_site_ap(oof["label"].to_numpy(), probabilities), abs=1e-6)
    assert whole["size_bytes"] == (kept / "model_multiclass.pkl").stat().st_size
    assert not {"seconds", "rows_per_second"} & set(board.columns)
    assert pl.read_csv(kept / "combination_weights.tsv", separator="\t")["fold"].to_list() == [0, 1, 2]
    for text in ((kept / "training_summary.txt").read_text(), (kept / "report.html").read_text()):
        assert "Combined minus the best member" in text
    assert "rows/s" in (kept / "training_summary.txt").read_text()


def test_a_combination_without_gain_gives_way_to_its_best_member(kept: Path, table: Path, tmp_path: Path) -> None:
    """The units of the run are reused, whatever way of combining is asked for."""
    out_dir = tmp_path / "run"
    assert main(command(table, out_dir, *_TWO, "--combine", "weighted")) == 0
    stored = json.loads((out_dir / "training_result.json").read_text())["leaderboard"]
    model = load_model_with_ensemble_support(out_dir / "model_multiclass.pkl")
    if stored["lower"] > 0:
        assert stored["saved"] == "combined (weighted)"
        assert isinstance(model, EnsembleMetaModel)
    else:
        assert isinstance(model, SingleModel)
        assert stored["saved"] == model.learner
        assert "No gain; saved is" in " ".join((out_dir / "training_summary.txt").read_text().split())
        assert len(json.loads((out_dir / "training_result.json").read_text())["fold_models"]) == 3
    assert main(command(table, out_dir, *_TWO, "--combine", "best", "--resume")) == 0
    units = json.loads((out_dir / "run_manifest.json").read_text())["units"]
    assert {name.split(".")[0] for name in units} == {"xgboost", "logistic"}
    assert all(unit["reused"] for unit in units.values())
    best = load_model_with_ensemble_support(out_dir / "model_multiclass.pkl")
    board = leaderboard(out_dir).filter(role="member")
    assert best.singles[0].learner == board["name"][0]
    assert {file.name for file in out_dir.glob("fits_*")} == {"fits_xgboost.json", "fits_logistic.json"}  # of both


def test_equal_runs_give_equal_files(kept: Path, table: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert main(command(table, again, *_TWO, "--combine", "stacking", "--keep-combination")) == 0
    assert hashes(again) == hashes(kept)


def test_a_learner_that_fails_does_not_cost_the_others(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LEARNERS.with_learner(Failing()):
        out_dir = tmp_path / "run"
        assert main(command(table, out_dir, *_TWO, "failing", "--combine", "voting", "--keep-combination")) == 4
    assert "failing (This learner must be installed" in " ".join(capsys.readouterr().err.split())
    model = load_model_with_ensemble_support(out_dir / "model_multiclass.pkl")
    assert [single.learner for single in model.singles] == ["xgboost", "logistic"]
    assert "INCOMPLETE COMBINATION" in (out_dir / "training_summary.txt").read_text()
    with LEARNERS.with_learner(Mended()):
        more = [*_TWO, "failing", "--combine", "voting", "--keep-combination", "--resume"]
        assert main(command(table, out_dir, *more)) == 0
    units = json.loads((out_dir / "run_manifest.json").read_text())["units"]
    assert {name.split(".")[0]: unit["reused"] for name, unit in units.items()} == {
        "xgboost": True, "logistic": True, "failing": False,
    }  # fmt: skip
    assert set(leaderboard(out_dir).filter(role="member")["name"]) == {"xgboost", "logistic", "failing"}


def test_a_fit_that_fails_does_not_cost_the_others(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LEARNERS.with_learner(Unlucky()):
        out_dir = tmp_path / "run"
        assert main(command(table, out_dir, *_TWO, "unlucky", "--combine", "voting", "--keep-combination")) == 4
        said = " ".join(capsys.readouterr().err.split())
        assert "unlucky (unlucky must be able to fit" in said
        assert "FloatingPointError: the loss is not finite." in said
        assert main(["train", "--dataset", str(table), "--learner", "unlucky", "--out-dir", str(tmp_path / "one")]) == 4
    model = load_model_with_ensemble_support(out_dir / "model_multiclass.pkl")
    assert [single.learner for single in model.singles] == ["xgboost", "logistic"]


def test_no_learner_left(table: Path, tmp_path: Path) -> None:
    first, second = Failing(), Failing()
    second.name = "failing_too"  # type: ignore[misc]
    with LEARNERS.with_learner(first), LEARNERS.with_learner(second):
        options = ["--dataset", str(table), "--out-dir", str(tmp_path / "run"), "--learners", "failing", "failing_too"]
        assert main(["train", *options]) == 4
    assert not (tmp_path / "run" / "model_multiclass.pkl").exists()


def test_batches_within_learners(table: Path, tmp_path: Path) -> None:
    """An ensemble of ensembles, in one file."""
    more = [*_TWO, "--combine", "voting", "--keep-combination", "--train-all-genes", "--max-genes-per-batch", "12"]
    assert main(command(table, tmp_path / "run", *more)) == 0
    model = load_model_with_ensemble_support(tmp_path / "run" / "model_multiclass_all_genes.pkl")
    assert isinstance(model, EnsembleMetaModel)
    assert [member.n_members for member in model.members] == [3, 3]
    assert model.depth == 2
    assert len(model.info.genes) == 36


def test_the_plan_names_the_learners(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dataset", str(table), "--dry-run", *_TWO]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert set(plan["learners"]) == {"xgboost", "logistic"}
    alone = max(learner["predicted_peak_bytes"] for learner in plan["learners"].values())
    assert plan["strategies"][plan["chosen"]]["predicted_peak_bytes"] > alone


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--learners", "xgboost", "xgboost"], "named once each"),
        (["--variants", "base,base"], "groups joined by +, each once"),
        (["--variants", "base,base++all"], "groups joined by +, each once"),
        (
            ["--variants", "base,base+signal"],
            "features that the table has, joined by +: base (3), k-mer (1), other (4); or all. Found signal",
        ),
    ],
)
def test_what_cannot_be_asked_for(
    table: Path, tmp_path: Path, more: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(table, tmp_path / "run", *more)) == 2
    assert reason in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run" / "model_multiclass.pkl").exists()


def test_variants_and_learners_each_read_their_own_features(table: Path, tmp_path: Path) -> None:
    """What screening and ``--max-features`` leave of them; one file holds all, and columns that nobody reads need not
    be there.
    """
    out_dir = tmp_path / "run"
    more = [*_TWO, "--variants", "base,base+other", "--max-features", "5", "--combine", "voting", "--keep-combination"]
    assert main(command(table, out_dir, *more)) == 0
    model = load_model_with_ensemble_support(out_dir / "model_multiclass.pkl")
    names = ["xgboost base", "xgboost base+other", "logistic base", "logistic base+other"]
    assert model.info.provenance["members"] == names
    base = {"donor_score", "acceptor_score", "neither_score"}
    assert set(model.singles[0].feature_names) == set(model.singles[2].feature_names) == base
    assert base < set(model.singles[1].feature_names)
    assert not [name for name in model.feature_names if "mer_" in name]
    rows = pl.read_parquet(table / "*.parquet").select(*sorted(model.feature_names)).head(40)
    members = [single.predict_proba(rows) for single in model.singles]
    odds = np.mean([np.log(p) - np.log1p(-p) for p in np.clip(members, 1e-7, 1 - 1e-7)], axis=0)
    votes = 1 / (1 + np.exp(-odds))
    np.testing.assert_allclose(model.predict_proba(rows), votes / votes.sum(axis=1, keepdims=True), rtol=1e-6)
    pairs = pl.read_csv(out_dir / "member_differences.tsv", separator="\t")
    assert pairs.height == 10  # four members and the whole
    board = {row["name"]: row["table_mean"] for row in leaderboard(out_dir).to_dicts()}
    for row in pairs.to_dicts():
        assert row["difference"] == pytest.approx(board[row["one"]] - board[row["other"]], abs=1e-9)
        assert row["lower"] <= row["upper"]
    stored = json.loads((out_dir / "training_result.json").read_text())
    assert {r["name"] for r in stored["features"] if r["excluded"] is None} == set(model.feature_names)


def test_of_variants_the_best_alone_is_saved(table: Path, tmp_path: Path) -> None:
    out_dir = tmp_path / "run"
    more = ["--variants", "base", "all", "--combine", "best", "--oof-dataset", str(table)]
    assert main(command(table, out_dir, *more)) == 0
    board = leaderboard(out_dir)
    model = load_model_with_ensemble_support(out_dir / "model_multiclass.pkl")
    assert isinstance(model, SingleModel)
    saved = json.loads((out_dir / "training_result.json").read_text())["leaderboard"]["saved"]
    assert (len(model.feature_names) == 3) == (saved == "base")
    for row in board.to_dicts():
        assert row["every_mean"] == pytest.approx(row["table_mean"], abs=1e-6)
    assert board["every_log_loss"].null_count() == 0


def test_a_single_learner_stands_beside_the_base_models(table: Path, tmp_path: Path, capsys: Any) -> None:
    out_dir = tmp_path / "run"
    assert main(command(table, out_dir, "--oof-dataset", str(table))) == 0
    board = leaderboard(out_dir)
    assert board["name"].to_list() == ["xgboost", "main"]
    assert board["every_mean"].to_list() == pytest.approx(board["table_mean"].to_list(), abs=1e-6)
    assert not (out_dir / "combination_weights.tsv").exists()
    said = capsys.readouterr().out
    assert "Leaderboard (AP of donor, acceptor, mean on every position" in said
    assert "Combined minus" not in said
