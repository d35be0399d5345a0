"""A training run in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from tables import make_frame, write_table

from meta_models.run_folder import RunManifest, RunState


def test_a_run_ends_with_the_command_that_started_it(tmp_path: Path) -> None:
    """Also where that is killed; it would write on, and keep the folder from the next command."""
    table = write_table(tmp_path / "table", make_frame(30, 20))
    program = (
        "from pathlib import Path\n"
        "from meta_models.experiments.launch import launch_run\n"
        f"launch_run('it', {{'dataset': {str(table)!r}, 'xgboost': {{'n_estimators': 3000}}}}, Path('run'))\n"
    )
    path = os.pathsep.join(p or str(Path.cwd()) for p in sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
        stdout=subprocess.DEVNULL,
    ) as parent:  # fmt: skip
        deadline = time.monotonic() + 120
        while not (tmp_path / "run" / "leakage_screening.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
            assert parent.poll() is None, "it ended before it was killed"
        children = psutil.Process(parent.pid).children(recursive=True)
        os.kill(parent.pid, signal.SIGKILL)
    assert children
    assert not psutil.wait_procs(children, timeout=20)[1]
    manifest = RunManifest.read(tmp_path / "run")
    assert manifest is not None
    assert manifest.state is RunState.RUNNING
    assert manifest.argv[:3] == ("meta-models", "train", "--config")
