"""Units of a planned run, done by other processes, and collected: the same files as those of a plain run."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tables import make_frame, write_table

from meta_models.cli import main
from meta_models.errors import ExitCode
from meta_models.run_folder import RunFolder, UnitPlan, shared_lock

#: Files that hold dates, durations, measured peaks, hosts or paths.
_VARIABLE = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
_OPTIONS = [
    "--n-estimators", "8", "--n-folds", "3", "--analyses", "base-vs-meta", "--bootstrap-samples", "20", "--threads", "2"
]  # fmt: skip
WAYS = {
    "folds and targets, then the final fits": ["--rounds", "early-stopping"],
    "batches": ["--train-all-genes", "--max-genes-per-batch", "8", "--rounds", "fixed"],
    "two learners": ["--learners", "xgboost", "logistic"],
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text table: its Parquet form must outlive the command that planned."""
    path = tmp_path_factory.mktemp("table") / "table.csv"
    make_frame(n_genes=24).write_csv(path)
    return path


def hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in _VARIABLE and not p.name.startswith("."))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def state(folder: Path) -> str:
    return str(json.loads((folder / "run_manifest.json").read_text())["state"])


@pytest.mark.parametrize("way", WAYS)
def test_a_planned_run_equals_a_plain_one(
    table: Path, tmp_path: Path, way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(table.parent)
    options = ["train", "--dataset", table.name, *_OPTIONS, *WAYS[way], "--out-dir"]
    plain, planned = tmp_path / "plain", tmp_path / "planned"
    assert main([*options, str(plain)]) == ExitCode.DONE
    assert main([*options, str(planned), "--plan-only"]) == ExitCode.DONE
    assert state(planned) == "planned"
    assert not list(planned.glob("units/*"))
    capsys.readouterr()
    assert main(["unit", str(planned)]) == ExitCode.DONE
    names = capsys.readouterr().out.split()
    monkeypatch.chdir(tmp_path)
    assert main(["unit", "planned", names[0]]) == ExitCode.DONE
    assert main(["unit", str(planned), "1/2"]) == ExitCode.DONE  # the first is there already
    assert main(["unit", str(planned), "2/2"]) == ExitCode.DONE
    told = capsys.readouterr().out
    assert all(f"{name.rpartition('.')[2]}" in told for name in names)
    assert "finished earlier, same key, files verified" in told
    monkeypatch.chdir(table.parent)
    assert main([*options, str(planned), "--resume"]) == ExitCode.DONE
    assert hashes(planned) == hashes(plain)
    assert state(planned) == "complete"
    assert not (planned / ".plan").exists()
    records = json.loads((planned / "run_manifest.json").read_text())["units"]
    assert all(records[name]["reused"] for name in names)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planned run, of which nothing is done."""
    folder = tmp_path_factory.mktemp("planned")
    source = write_table(folder / "table", make_frame(n_genes=24))
    arguments = ["train", "--dataset", str(source), *_OPTIONS, "--out-dir", str(folder / "run"), "--plan-only"]
    assert main([*arguments, "--rounds", "early-stopping"]) == ExitCode.DONE
    return folder / "run"


def test_units_are_planned_again_once_others_depend_on_them(planned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unit", str(planned), "1/1"]) == ExitCode.DONE
    again = ["train", "--config", str(planned / "run_manifest.json"), "--out-dir", str(planned)]
    assert main([*again, "--resume", "--plan-only"]) == ExitCode.DONE
    assert "Planned 3 units" in capsys.readouterr().out
    assert list(UnitPlan.read(planned).units) == ["final-acceptor", "final-donor", "final-neither"]
    assert main(["unit", str(planned), "1/1"]) == ExitCode.DONE
    capsys.readouterr()
    assert main([*again, "--resume", "--plan-only"]) == ExitCode.DONE
    assert "Nothing is left to be done apart" in capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["unit", *arguments]) == ExitCode.USAGE
    return capsys.readouterr().err


def changed(plan: Path, **values: object) -> None:
    file = plan / ".plan/plan.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.fixture
def small_plan(tmp_path: Path) -> Path:
    """A plan of units that nobody can do."""
    (tmp_path / "run/.plan").mkdir(parents=True)
    plan = UnitPlan(tmp_path / "run/.plan")
    plan.add("", "echo", print, _Units(("a", "b", "c", "d", "e")))
    return tmp_path / "run"


class _Units:
    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts = parts

    def only(self, parts: tuple[str, ...]) -> _Units:
        return _Units(tuple(parts))

    def placed(self, threads: int, limit: int) -> _Units:
        return self


def test_what_is_refused(small_plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Found no plan in it" in refused(capsys, str(tmp_path), "1/2")
    for which in ("3/2", "0/2", "x/2", "fold-9-donor", "1/0"):
        assert "Planned are a, b, c, d and 1 more" in refused(capsys, str(small_plan), which)
    assert main(["unit", str(small_plan), "7/9"]) == ExitCode.DONE
    assert "fewer than places" in capsys.readouterr().out
    changed(small_plan, versions={"xgboost": "1.0.0"})
    assert "(not 1.0.0)" in refused(capsys, str(small_plan), "a")
    changed(small_plan, folder="/not/there")
    assert "was planned in /not/there" in refused(capsys, str(small_plan), "a")
    (small_plan / ".plan/plan.json").write_text("{}")
    assert "Found another content" in refused(capsys, str(small_plan), "a")


def test_a_work_file_that_was_altered_is_not_read(small_plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small_plan / ".plan/echo.pkl").write_bytes(pickle.dumps((print, "altered")))
    assert main(["unit", str(small_plan), "a"]) == ExitCode.INPUT
    assert "Found other content" in capsys.readouterr().err
    (small_plan / ".plan/echo.pkl").unlink()
    assert main(["unit", str(small_plan), "a"]) == ExitCode.INPUT


def killed(units: _Units) -> None:
    """Found again in the process of the unit, for this folder is on the path."""
    signal.raise_signal(signal.SIGKILL)


def starved(units: _Units) -> None:
    raise MemoryError("no room")


@pytest.mark.parametrize(("work", "code"), [(killed, ExitCode.UNITS_FAILED), (starved, ExitCode.MEMORY)])
def test_exit_codes_of_units_that_die(
    tmp_path: Path, work: Callable[[_Units], None], code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".plan").mkdir()
    UnitPlan(tmp_path / ".plan").add("", "dies", work, _Units(("dies",)))
    assert main(["unit", str(tmp_path), "dies"]) == code
    assert "dies" in capsys.readouterr().err


def test_units_work_side_by_side_and_no_run_beside_them(
    small_plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with shared_lock(small_plan), shared_lock(small_plan):
        assert main(["unit", str(small_plan), "9/9"]) == ExitCode.DONE
        table = write_table(tmp_path / "table", make_frame(n_genes=24))
        run = ["train", "--dataset", str(table), "--out-dir", str(small_plan), "--overwrite", *_OPTIONS]
        assert main(run) == ExitCode.USAGE
    assert "another process, or a unit, is running in it" in capsys.readouterr().err
    with RunFolder.open(tmp_path / "other") as folder:
        shutil.copytree(small_plan / ".plan", folder.path / ".plan")
        assert "is running in it" in refused(capsys, str(folder.path), "a")


def test_a_unit_that_is_told_to_end_takes_its_process_with_it(tmp_path: Path) -> None:
    (tmp_path / ".plan").mkdir()
    UnitPlan(tmp_path / ".plan").add("", "waits", waits, _Units(("waits",)))
    command = [sys.executable, "-m", "meta_models", "unit", str(tmp_path), "waits"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as unit:
        assert unit.stdout is not None
        assert unit.stdout.readline() == "Units: waits\n"
        child = int(unit.stdout.readline())
        unit.send_signal(signal.SIGTERM)
        assert unit.wait() == ExitCode.SIGTERM
    assert not Path(f"/proc/{child}").exists()


def waits(units: _Units) -> None:
    os.write(1, f"{os.getpid()}\n".encode())
    time.sleep(600)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
