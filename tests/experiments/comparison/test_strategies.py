"""What each strategy took, also where a comparison goes on; the folder that is written to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tables import make_frame

from meta_models.cli import main
from meta_models.config import TrainingConfig
from meta_models.experiments import launch
from meta_models.experiments.comparison.differences import Difference
from meta_models.experiments.comparison.strategies import Cost, compare_strategies, summary_lines
from meta_models.run_folder import RunManifest, RunState

STRATEGIES = ("single_model", "batch_ensemble")
FIGURES = ("wall_seconds", "training_seconds", "training_seconds_per_100k_rows", "peak_bytes")
TRAIN = {"n_estimators": 3, "n_folds": 2, "max_genes_per_batch": 8, "bootstrap_samples": 5, "analyses": ("features",)}


def in_this_process(options: list[str]) -> int:
    return main(["train", *options])


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "exit_code", in_this_process)


def compare(folder: Path, table: Path, **options: Any) -> list[dict[str, Any]]:
    config = TrainingConfig.from_mapping({**TRAIN, "dataset": str(table), "out_dir": folder, **options})
    assert compare_strategies(config) == 0
    return recorded(folder)


def recorded(folder: Path) -> list[dict[str, Any]]:
    costs: list[dict[str, Any]] = json.loads((folder / "strategy_comparison.json").read_text())["costs"]
    assert [cost["strategy"] for cost in costs] == list(STRATEGIES)
    return costs


def figures(costs: list[dict[str, Any]]) -> list[list[float | None]]:
    return [[cost[name] for name in FIGURES] for cost in costs]


def line_of(cost: dict[str, Any]) -> str:
    """What the terminal shows of it."""
    nothing = Difference("table", "log_loss", "all", *[None] * 5, 0, "no rows", *[None] * 4)
    return list(summary_lines([nothing], [Cost(**cost)]))[-1]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("table") / "table.csv"
    make_frame(n_genes=16).write_csv(file)
    return file


@pytest.fixture(scope="module")
def compared(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison of a text table."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(launch, "exit_code", in_this_process)
        compare(folder, table)
    return folder


@pytest.fixture
def copied(compared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(compared, tmp_path / "copied")


def test_a_comparison_that_reused_nothing_has_all_figures(compared: Path) -> None:
    for cost, strategy in zip(recorded(compared), STRATEGIES, strict=True):
        assert 0 < cost["training_seconds"] < cost["wall_seconds"]
        assert cost["training_seconds_per_100k_rows"] == pytest.approx(cost["training_seconds"] / (16 * 30) * 1e5)
        assert cost["reason"] is None
        manifest = RunManifest.read(compared / strategy)
        assert manifest is not None
        assert cost["peak_bytes"] == manifest.memory.measured


def test_nothing_of_a_text_table_is_left(compared: Path) -> None:
    assert not list(compared.rglob("*text*"))
    assert not [path for path in compared.iterdir() if path.name.startswith((".", "meta-models"))]


def test_what_a_finished_run_took_is_kept_however_often_it_is_resumed(copied: Path, table: Path) -> None:
    expected = figures(recorded(copied))
    shutil.rmtree(copied / "measured")
    for _ in range(2):
        assert figures(compare(copied, table, resume=True)) == expected


def test_a_run_that_reused_units_has_no_seconds_and_says_why(copied: Path, table: Path) -> None:
    shutil.rmtree(copied / "measured")
    stopped = RunManifest.read(copied / "single_model")
    assert stopped is not None
    stopped.model_copy(update={"state": RunState.INTERRUPTED}).write(copied / "single_model")
    expected = figures(recorded(copied))
    single, ensemble = compare(copied, table, resume=True)
    assert figures([single, ensemble]) == [[None] * len(FIGURES), expected[1]]
    n_units = len(stopped.units)
    assert single["reason"].startswith(f"the run reused {n_units} of {n_units} units")
    line = line_of(single)
    assert line.startswith(f"single_model: wall, training and peak null ({single['reason']}), model ")


def test_other_options_do_not_take_the_figures_of_these(copied: Path, table: Path) -> None:
    costs = compare(copied, table, resume=True, threads=1)
    assert figures(costs) == [[None] * len(FIGURES)] * 2
    assert all("other options" in cost["reason"] for cost in costs)


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("file", 2, "must be a folder"),
        ("file/below", 2, "must be a folder"),
        ("x" * 300, 2, "names of at most 255 bytes"),
    ],
)
def test_a_folder_that_cannot_be_made(
    name: str, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["compare-strategies", "--dataset", "demo", "--out-dir", str(tmp_path / name)]) == code
    assert words in capsys.readouterr().err


def test_a_finished_comparison_is_not_begun_again(
    compared: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare-strategies", "--dataset", str(table), "--out-dir", str(compared)]) == 2
    assert "Use --resume to go on with an earlier run, --overwrite to start it again" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "whom", "code"), [(signal.SIGTERM, os.kill, 143), (signal.SIGINT, os.killpg, 130)])
def test_a_comparison_that_is_told_to_end_ends_its_run_in_order(
    number: int, whom: Callable[[int, int], None], code: int, table: Path, tmp_path: Path
) -> None:
    options = ["--n-estimators", "100000", "--threads", "1", "--analyses", "features"]
    command = ["compare-strategies", "--dataset", str(table), "--out-dir", str(tmp_path), *options]
    with subprocess.Popen([sys.executable, "-m", "meta_models", *command], start_new_session=True) as process:
        late = time.monotonic() + 60
        while RunManifest.read(tmp_path / "single_model") is None:
            assert time.monotonic() < late
            time.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
        whom(process.pid, number)
        assert process.wait(20) == code
    _, alive = psutil.wait_procs(children, timeout=5)
    assert children
    assert not alive
    manifest = RunManifest.read(tmp_path / "single_model")
    assert manifest is not None
    assert manifest.state is RunState.INTERRUPTED
    assert not [path for path in (tmp_path / "single_model").iterdir() if path.name.startswith(".")]
