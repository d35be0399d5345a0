"""Runs in Weights & Biases: what it is told, by a stand-in at the seam; that nothing leaves the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import pytest
from finished_runs import make_oof, write_run

from meta_models.cli import main
from meta_models.experiments.tracking.tracked import tracked
from meta_models.finished_run import read_run
from meta_models.run_folder import RunFolder


class StandIn(ModuleType):
    """Takes what W&B takes, and keeps it."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.runs: list[dict[str, Any]] = []
        self.summary: dict[str, float] = {}
        self.files: dict[str, str] = {}
        self.ended = 0
        self.errors = SimpleNamespace(Error=type("Error", (Exception,), {}))
        self.fails = False

    def Settings(self, **settings: Any) -> dict[str, Any]:
        return settings

    def init(self, **options: Any) -> Self:
        if self.fails:
            raise self.errors.Error("the service did not start\nwith a long story")
        self.runs.append(options)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended += 1

    def Artifact(self, _name: str, **kind: str) -> Self:
        assert kind == {"type": "report"}
        return self

    def add_file(self, path: str, *, name: str) -> None:
        self.files[name] = path

    def log_artifact(self, _files: Any) -> None:
        assert self.files


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    for name in ("WANDB_MODE", "WANDB_SILENT", "DO_NOT_TRACK", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR",
                 "WANDB_ARTIFACT_DIR"):  # fmt: skip
        monkeypatch.setenv(name, "before")
    found = StandIn()
    monkeypatch.setitem(sys.modules, "wandb", found)
    return found


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path / "results" / "run", make_oof(10))


def test_a_run_is_recorded_offline_beside_its_folder(library: StandIn, run_dir: Path) -> None:
    assert main(["track", str(run_dir), "--to", "wandb", "--experiment", "tests"]) == 0
    told = tracked(read_run(run_dir))
    (options,) = library.runs
    assert (options["mode"], options["dir"], options["project"]) == ("offline", str(run_dir.parent), "tests")
    assert (options["id"], options["name"], options["config"]["n_folds"]) == (told.key, "run", "5")
    assert "data_sha256" in options["notes"]
    assert not options["save_code"]
    assert library.summary == dict(told.metrics)
    assert set(library.files) == set(told.artifacts)
    assert library.ended == 1
    assert os.environ["WANDB_MODE"] == "offline"
    for name in ("DATA", "CACHE", "CONFIG", "ARTIFACT"):
        assert Path(os.environ[f"WANDB_{name}_DIR"]).is_relative_to(run_dir.parent / "wandb")


def test_a_run_is_recorded_once_and_again_where_it_changed(
    library: StandIn, run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = ["--to", f"wandb:{tmp_path / 'tracker'}"]
    assert main(["track", str(run_dir), *to]) == 0
    assert main(["track", str(run_dir), *to]) == 0
    assert "already" in capsys.readouterr().out
    assert len(library.runs) == 1
    with RunFolder.open(run_dir, extend=True) as folder:
        folder.write_text("more.tsv", "more")
    assert main(["track", str(run_dir), *to]) == 0
    assert [options["id"] for options in library.runs] == [tracked(read_run(run_dir)).key] * 2


def test_a_tracker_that_fails_is_one_sentence(
    library: StandIn, run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library.fails = True
    assert main(["track", str(run_dir), "--to", "wandb"]) == 73
    message = capsys.readouterr().err
    assert "Found: the service did not start. The run itself is complete" in message
    assert message.count("\n") == 1
    (tmp_path / "file").write_text("no folder")
    assert main(["track", str(run_dir), "--to", f"wandb:{tmp_path / 'file'}"]) == 73
    assert not library.runs


def test_without_the_library_one_sentence_names_the_extra(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert main(["track", str(run_dir), "--to", "wandb"]) == 2
    assert (
        "The tracker wandb needs Weights & Biases. Not installed: wandb. Run pip install '.[wandb]'."
        in capsys.readouterr().err
    )
    assert main(["train", "--dataset", "demo", "--track", "wandb", "--out-dir", str(run_dir.parent / "new")]) == 2
    assert not (run_dir.parent / "new").exists()
