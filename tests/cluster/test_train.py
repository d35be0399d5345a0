"""``train --distributed``: the same files as those of a run on one machine, also after an interrupt."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tables import make_frame, write_table
from window_tables import window_frame, write_windows

from meta_models.cli import main
from meta_models.errors import ExitCode

pytest.importorskip("distributed", reason="needs the extra [distributed]")

#: Files that hold dates, durations, measured peaks, hosts or paths.
_VARIABLE = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
_OPTIONS = [
    "--n-estimators", "8", "--n-folds", "3", "--analyses", "base-vs-meta", "--bootstrap-samples", "20", "--threads", "2"
]  # fmt: skip
WAYS = {
    "batches": ["--train-all-genes", "--max-genes-per-batch", "8", "--rounds", "fixed"],
    "two learners": ["--learners", "xgboost", "logistic", "--rounds", "early-stopping"],
}


def hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in _VARIABLE and not p.name.startswith("."))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"), make_frame(n_genes=24), files=2)


@pytest.fixture(scope="module")
def here(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Hashes of the files of runs on this machine."""
    found = {}
    for way, options in WAYS.items():
        out = tmp_path_factory.mktemp("here") / "run"
        assert main(["train", "--dataset", str(table), "--out-dir", str(out), *_OPTIONS, *options]) == ExitCode.DONE
        found[way] = hashes(out)
    return found


def command(table: Path, out: Path, scheduler_file: Path, way: str) -> list[str]:
    where = ["--distributed", f"file:{scheduler_file}", "--out-dir", str(out)]
    return ["train", "--dataset", str(table), *_OPTIONS, *WAYS[way], *where]


@pytest.mark.parametrize("way", WAYS)
def test_a_cluster_makes_the_same_files(
    table: Path, here: dict[str, dict[str, str]], scheduler_file: Path, tmp_path: Path, way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)  # the workers have another working folder
    out = Path("run")
    assert main(command(table, out, scheduler_file, way)) == ExitCode.DONE
    assert hashes(out) == here[way]
    manifest = json.loads((out / "run_manifest.json").read_text())
    plan = manifest["lines"]["plan"]
    assert sum(line.startswith("Worker tcp://127.0.0.1:") for line in plan) == 2
    assert all(record["seconds"] is not None for record in manifest["units"].values())
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.neural
def test_learners_of_windows_too(scheduler_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")
    table = write_windows(tmp_path / "rows", window_frame(genes=24))
    net = ["--learner", "tcn", "--tcn.epochs", "2", "--tcn.channels", "4", "--tcn.blocks", "2", "--tcn.batch", "512"]
    given = ["train", "--dataset", str(table), *net, "--n-folds", "2", "--screening-min-genes", "4"]
    given += ["--analyses", "base-vs-meta", "--bootstrap-samples", "20", "--threads", "1"]
    assert main([*given, "--out-dir", str(tmp_path / "here")]) == ExitCode.DONE
    there = [*given, "--out-dir", str(tmp_path / "there"), "--distributed", f"file:{scheduler_file}"]
    assert main(there) == ExitCode.DONE
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")


def test_an_interrupted_run_is_resumed(
    table: Path, here: dict[str, dict[str, str]], scheduler_file: Path, tmp_path: Path
) -> None:
    arguments = command(table, tmp_path / "run", scheduler_file, "batches")
    path = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    with subprocess.Popen(
        [sys.executable, "-m", "meta_models", *arguments, "--verbose"], env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        assert run.stderr is not None
        assert any("batches, 2 at a time" in line for line in iter(run.stdout.readline, ""))
        run.send_signal(signal.SIGINT)
        errors = run.stderr.read()
        run.stdout.read()
    assert run.returncode == ExitCode.SIGINT
    assert errors == "interrupted (goes on from here with --resume)\n"
    assert main([*arguments, "--resume"]) == ExitCode.DONE
    assert hashes(tmp_path / "run") == here["batches"]


def test_the_plan_shows_the_workers(table: Path, scheduler_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--distributed", f"file:{scheduler_file}", "--dry-run"]
    assert main(["train", "--dataset", str(table), *_OPTIONS, *where]) == ExitCode.DONE
    workers = json.loads(capsys.readouterr().out)["workers"]
    assert len(workers) == 2
    assert all(worker["room_bytes"] > 0 and worker["threads"] >= 1 for worker in workers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--distributed", "slurm"], "must be local:N (N at least 1), tcp://HOST:PORT, tls://HOST:PORT or file:PATH"),
        (["--distributed", "local:0"], "must be local:N"),
        (["--distributed", "local:1", "--plan-only"], "plan_only and distributed exclude one another"),
        (["--distributed", "FILE", "--strategy", "external_memory"], "--distributed needs a strategy with units"),
        (["--plan-only", "--strategy", "external_memory"], "--plan-only needs a strategy with units"),
    ],
)
def test_what_is_refused(
    table: Path, scheduler_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str],
    message: str,
) -> None:  # fmt: skip
    given = [option.replace("FILE", f"file:{scheduler_file}") for option in options]
    run = ["train", "--dataset", str(table), "--out-dir", str(tmp_path / "run"), *_OPTIONS, *given]
    assert main(run) == ExitCode.USAGE
    assert message in capsys.readouterr().err
