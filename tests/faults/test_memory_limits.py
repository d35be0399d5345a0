"""A machine, or a share of one, that is smaller than the work: refused before a row of features is read."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import SINGLE, manifest, start

#: Less than Python with the libraries and any table takes.
SMALL = 300_000_000
GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def group() -> Iterator[Path]:
    """A memory group of version 1 below this process's own, with a limit."""
    own = next((line.split(":")[2] for line in Path("/proc/self/cgroup").read_text().split() if ":memory:" in line), "")
    folder = GROUPS / own.lstrip("/") / f"meta-models-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("no memory group of version 1 can be made here")
    (folder / "memory.limit_in_bytes").write_text(str(SMALL))
    yield folder
    folder.rmdir()


def require_refused(process: subprocess.Popen[str], out: Path) -> None:
    output, _ = process.communicate()
    assert process.returncode == 71, output
    assert "memory budget" in output
    assert "Traceback" not in output
    assert manifest(out).get("state", "failed") == "failed"
    assert not (out / "units").exists()


def test_a_limit_of_the_process(demo_table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(
        ["--dataset", demo_table, "--out-dir", out, *SINGLE],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_RSS, (SMALL, SMALL)),
    )
    require_refused(process, out)


def test_a_limit_of_a_group(demo_table: Path, tmp_path: Path, group: Path) -> None:
    out = tmp_path / "out"
    process = start(
        ["--dataset", demo_table, "--out-dir", out, *SINGLE],
        preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),
    )
    require_refused(process, out)
