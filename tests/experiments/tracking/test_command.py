"""Finished runs in a tracker: what it is told, once; stores that fail."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from finished_runs import make_oof, write_run

from meta_models.analysis.comparison.evaluate import evaluate
from meta_models.cli import main
from meta_models.errors import UsageError, WriteError
from meta_models.experiments.tracking import command as tracking
from meta_models.experiments.tracking.tracked import TrackedRun, tracked
from meta_models.finished_run import read_run
from meta_models.run_folder import RunFolder
from meta_models.schema import MAIN_BASE


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    oof = make_oof()
    path = write_run(tmp_path_factory.mktemp("results") / "run", oof)
    evaluation = evaluate(oof, [MAIN_BASE], weighting="none", bootstrap_samples=20, seed=0)
    with RunFolder.open(path, extend=True) as folder:
        folder.write_json("meta_evaluation_summary.json", evaluation.to_json())
        folder.write_text("plots/figure.png", "a picture")
        folder.write_text("tables/table.tsv", "a\tb\n")
    return path


def test_a_tracker_is_told_options_figures_with_intervals_and_where_they_are_from(run_dir: Path) -> None:
    found = tracked(read_run(run_dir))
    assert found.params["n_folds"] == "5"
    assert found.params["dataset"] == "data/table"
    assert "out_dir" not in found.params  # it has no value
    name = "oof/table/average_precision/mean"
    assert found.metrics[f"{name}/meta_lower"] < found.metrics[f"{name}/meta"] < found.metrics[f"{name}/meta_upper"]
    difference = found.metrics[f"{name}/difference"]
    assert found.metrics[f"{name}/difference_lower"] < difference < found.metrics[f"{name}/difference_upper"]
    assert difference == pytest.approx(found.metrics[f"{name}/meta"] - found.metrics[f"{name}/base"])
    assert found.metrics["seconds/training"] == 2.0
    assert found.artifacts[0] == "run_manifest.json"
    assert {"model_multiclass.pkl", "report.html", "tables/table.tsv"} <= set(found.artifacts)
    assert not {"plots/figure.png", "oof_predictions.parquet"} & set(found.artifacts)
    assert set(found.tags) >= {"data_sha256", "model_sha256", "strategy", "version.numpy"}


def test_a_run_keeps_its_key_wherever_it_lies_and_whatever_is_added(run_dir: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    subprocess.run(["cp", "-r", str(run_dir), str(moved)], check=True)
    one, two = tracked(read_run(run_dir)), tracked(read_run(moved))
    assert (one.key, one.content) == (two.key, two.content)
    with RunFolder.open(moved, extend=True) as folder:
        folder.write_text("more.tsv", "more")
    later = tracked(read_run(moved))
    assert later.key == one.key
    assert later.content != one.content


def test_an_unknown_tracker_is_refused(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", str(run_dir), "--to", "comet"]) == 2
    assert "Take one of mlflow, wandb" in capsys.readouterr().err


def test_without_the_library_the_extra_is_named(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy.exc", None)
    with pytest.raises(UsageError, match=r"Run pip install '\.\[tracking\]'"):
        tracking.make_exporter("mlflow", "e", run_dir.parent)


def test_a_server_that_is_not_there_is_waited_for_shortly_and_said(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow", reason="the extra [tracking] is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra [tracking] is not installed")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nobody listens there once it is closed
    began = time.monotonic()
    assert main(["track", str(run_dir), "--to", f"mlflow:http://127.0.0.1:{port}"]) == 73
    assert time.monotonic() - began < 30
    said = capsys.readouterr()
    assert f"Waiting for http://127.0.0.1:{port} to answer, as long as MLFLOW_HTTP_REQUEST_MAX_RETRIES says" in said.out
    assert "must answer and be writable. Found: Connection refused. The run itself" in said.err
    assert said.err.count("\n") == 1
    assert set(os.environ) & {"MLFLOW_HTTP_REQUEST_TIMEOUT"} == set()  # the user's environment stays


def test_a_database_that_cannot_be_opened_is_said_at_once(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow", reason="the extra [tracking] is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra [tracking] is not installed")
    (tmp_path / "store.db").mkdir()  # opened by nobody, not by root either
    began = time.monotonic()
    assert main(["track", str(run_dir), "--to", f"mlflow:{tmp_path / 'store.db'}"]) == 73
    assert time.monotonic() - began < 30  # MLflow itself would try for 100 s
    said = capsys.readouterr().err
    assert "must answer and be writable. Found: unable to open database file. The run itself is complete" in said
    assert said.count("\n") == 1
    (tmp_path / "file").touch()
    assert main(["track", str(run_dir), "--to", f"mlflow:{tmp_path / 'file' / 'store.db'}"]) == 73
    assert f"Found: {tmp_path / 'file'}: File exists. The run" in capsys.readouterr().err


def test_a_run_is_complete_though_its_database_cannot_be_opened(
    run_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("mlflow", reason="the extra [tracking] is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra [tracking] is not installed")
    began = time.monotonic()
    with caplog.at_level("WARNING"), tracking.tracked_afterwards(f"mlflow:{tmp_path}", run_dir):
        pass
    assert time.monotonic() - began < 30
    assert "The run is complete, but it was not recorded: The tracking store" in caplog.text


def test_the_library_of_a_database_is_named(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="the extra [tracking] is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra [tracking] is not installed")
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    exporter = tracking.make_exporter("mlflow:postgresql+psycopg2://nobody@127.0.0.1:1/x", "e", run_dir.parent)
    with pytest.raises(UsageError, match=r"A store in postgresql needs its library\. Not installed: psycopg2"):
        exporter.export(tracked(read_run(run_dir)))


class Broken:
    """A tracker whose disk is full."""

    def export(self, run: TrackedRun) -> str:
        raise WriteError("The store must be writable", "It is full")


class Kept:
    """A tracker that keeps names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def export(self, run: TrackedRun) -> str:
        self.names.append(run.name)
        return "kept"


def test_a_tracker_that_fails_never_costs_the_run(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracking, "TRACKERS", {"broken": lambda *_: Broken()})
    with caplog.at_level("WARNING"), tracking.tracked_afterwards("broken", run_dir):
        pass
    assert "it was not recorded: The store must be writable. It is full." in caplog.text


def test_a_run_that_fails_is_not_recorded_and_one_that_misses_a_target_is(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meta_models.errors import InputError, TargetMissed

    kept = Kept()
    monkeypatch.setattr(tracking, "TRACKERS", {"kept": lambda *_: kept})
    with pytest.raises(InputError), tracking.tracked_afterwards("kept", run_dir):
        raise InputError("no table")
    assert kept.names == []
    with pytest.raises(TargetMissed), tracking.tracked_afterwards("kept", run_dir):
        raise TargetMissed("missed")
    assert kept.names == ["run"]


def test_an_unknown_tracker_is_refused_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dataset", "demo", "--out-dir", str(tmp_path / "out"), "--track", "nothing"]) == 2
    assert "--track must name a tracker" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def store(run_dir: Path) -> tuple[Path, Any]:
    """A store beside the run folder that knows the run, and a client of it."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    mlflow = pytest.importorskip("mlflow", reason="the extra [tracking] is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra [tracking] is not installed")
    assert main(["track", str(run_dir), "--experiment", "tests"]) == 0
    database = run_dir.parent / "mlflow.db"
    return database, mlflow.MlflowClient(tracking_uri=f"sqlite:///{database}")


@pytest.mark.tracking
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestMlflow:
    """Against MLflow itself."""

    def recorded(self, client: Any) -> list[Any]:
        experiment = client.get_experiment_by_name("tests")
        return list(client.search_runs([experiment.experiment_id]))

    def test_everything_is_there(self, store: tuple[Path, Any], run_dir: Path) -> None:
        database, client = store
        (run,) = self.recorded(client)
        told = tracked(read_run(run_dir))
        assert run.info.status == "FINISHED"
        assert run.info.run_name == "run"
        assert run.data.params == dict(told.params)
        assert run.data.metrics == pytest.approx(dict(told.metrics))
        assert run.data.tags["data_sha256"] == told.tags["data_sha256"]
        (dataset,) = run.inputs.dataset_inputs
        assert (dataset.dataset.name, dataset.dataset.digest) == ("data/table", told.dataset_digest)
        artifacts = database.parent / "mlflow_artifacts" / run.info.run_id / "artifacts"
        files = {str(path.relative_to(artifacts)) for path in artifacts.rglob("*") if path.is_file()}
        assert files == set(told.artifacts)
        assert (artifacts / "model_multiclass.pkl").read_bytes() == (run_dir / "model_multiclass.pkl").read_bytes()

    def test_nothing_is_left_in_the_working_directory(self, store: tuple[Path, Any]) -> None:
        assert not Path("mlruns").exists()
        assert {path.name for path in store[0].parent.iterdir()} == {"run", "mlflow.db", "mlflow_artifacts"}

    def test_the_same_run_is_not_recorded_twice(
        self, store: tuple[Path, Any], run_dir: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["track", str(run_dir), "--experiment", "tests"]) == 0
        assert "already" in capsys.readouterr().out
        assert len(self.recorded(store[1])) == 1

    def test_a_recording_that_was_cut_short_is_completed(self, store: tuple[Path, Any], run_dir: Path) -> None:
        client = store[1]
        (run,) = self.recorded(client)
        client.delete_tag(run.info.run_id, "meta_models.content")
        client.delete_tag(run.info.run_id, "strategy")
        assert main(["track", str(run_dir), "--experiment", "tests"]) == 0
        (again,) = self.recorded(client)
        assert again.info.run_id == run.info.run_id
        assert again.data.tags["strategy"] == "single_model"

    def test_a_read_only_store_is_one_sentence_and_the_run_stays(
        self, store: tuple[Path, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write_run(tmp_path / "other", make_oof())
        before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
        address = f"mlflow:sqlite:///file:{store[0]}?mode=ro&uri=true"
        assert main(["track", str(path), "--experiment", "tests", "--to", address]) == 73
        message = capsys.readouterr().err
        assert message.startswith("error: The tracking store sqlite:///file:")
        assert "readonly" in message
        assert "The run itself is complete" in message
        assert message.count("\n") == 1
        assert before == {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}

    def test_a_file_that_is_no_store(self, store: tuple[Path, Any], run_dir: Path, tmp_path: Path) -> None:
        (tmp_path / "text.db").write_text("no database, " * 100)
        assert main(["track", str(run_dir), "--to", f"mlflow:{tmp_path / 'text.db'}"]) == 73


@pytest.mark.parametrize("address", ["file:runs", "sqlite:a.db", "a?b/c.db", "a%41/c.db"])
def test_names_that_mlflow_reads_otherwise_are_refused(
    address: str, run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["track", str(run_dir), "--to", f"mlflow:{address}"]) == 2
    assert "--to mlflow:ADDRESS must be a URI with ://, or the path of a file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
