"""Processes that are started anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from meta_models.errors import ExitCode, InputError, MemoryBudgetError, UnitsFailed
from meta_models.workers import Ended, fresh


def run(work: object, *arguments: object) -> list[Ended[object, object]]:
    ended = []
    with fresh(work, threads=1) as pool:  # type: ignore[arg-type]
        for number, argument in enumerate(arguments):
            pool.start(f"unit-{number}", argument)
        while len(pool):
            ended += list(pool.ended())
    return ended


def test_a_unit_gives_back_its_value_and_units_run_side_by_side() -> None:
    ended = run(os.path.basename, "/a/b", "/a/c")
    assert {e.argument: e.value for e in ended} == {"/a/b": "b", "/a/c": "c"}
    assert all(e.death is None for e in ended)


def test_a_unit_is_another_process_with_few_threads() -> None:
    assert run(os.getenv, "POLARS_MAX_THREADS")[0].value == "1"
    assert run(os.getpgid, 0)[0].value == os.getpgid(0)


@pytest.mark.parametrize(
    ("code", "death"),
    [
        (ExitCode.MEMORY, "out of memory: unit-0 reached its memory limit"),
        (3, "its process ended with code 3"),
    ],
)
def test_a_unit_that_ends_itself(code: int, death: str) -> None:
    (ended,) = run(os._exit, int(code))
    assert ended.value is None
    assert ended.death == death


def test_a_unit_that_is_killed() -> None:
    (ended,) = run(signal.raise_signal, signal.SIGKILL)
    assert ended.death == "its process was killed by SIGKILL"


def test_a_kill_for_memory_is_told_from_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter((4, 5))
    monkeypatch.setattr("meta_models.workers.processes.oom_kill_count", lambda: next(counts))
    (ended,) = run(signal.raise_signal, signal.SIGKILL)
    assert ended.death == "out of memory: The kernel killed unit-0 for memory"


def raised(kind: str) -> None:
    """Raised in a unit; found again there because this folder is on the path."""
    if kind == "input":
        raise InputError("A table is needed", "Found none", "Give one")
    if kind == "memory":
        raise MemoryBudgetError("It must fit", "The process tree reached 9 GB", "Buy more")
    if kind == "bug":
        raise ZeroDivisionError("nobody thought of it")
    raise MemoryError("cannot allocate")


def test_errors_of_a_unit() -> None:
    (refused,) = run(raised, "input")
    assert isinstance(refused.error, InputError)
    with pytest.raises(InputError, match="Found none"):
        assert refused.death
    assert run(raised, "memory")[0].death == "out of memory: The process tree reached 9 GB"
    assert run(raised, "other")[0].death == "out of memory: An allocation failed in unit-0: cannot allocate"


def test_a_fault_of_the_program_is_no_death_and_says_where_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    (ended,) = run(raised, "bug")
    with pytest.raises(UnitsFailed, match=r"ZeroDivisionError in test_fresh.py, line \d+: nobody thought of it"):
        assert ended.death
    assert "Traceback" in capfd.readouterr().err


def test_the_working_folder_of_a_process(tmp_path: Path) -> None:
    with fresh(os.path.abspath, threads=1, folder=tmp_path) as pool:
        pool.start("unit", "table.parquet")
        (ended,) = pool.ended()
    assert ended.unwrap() == str(tmp_path / "table.parquet")


def test_units_are_killed_when_the_pool_is_left() -> None:
    others = {child.pid for child in psutil.Process().children()}
    with fresh(time.sleep, threads=1) as pool:
        pool.start("sleeper", 60)
        pids = {child.pid for child in psutil.Process().children()} - others
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_units_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import time
        from meta_models.workers import fresh
        with fresh(time.sleep, threads=1) as pool:
            pool.start("sleeper", 600)
            print("started", flush=True)
            list(pool.ended())
        """
    )
    file = tmp_path / "run.py"
    file.write_text(script)
    path = os.pathsep.join(p or str(Path.cwd()) for p in sys.path)
    parent = subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"started\n"
        children = psutil.Process(parent.pid).children()
        assert len(children) == 1
        parent.kill()
        parent.wait()
    psutil.wait_procs(children, timeout=20)
    assert not children[0].is_running()
