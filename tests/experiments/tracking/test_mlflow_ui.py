"""Runs in the pages of a full MLflow, which the extra does not install: a test before a release.

META_MODELS_MLFLOW names its command: ``python3 -m venv full && full/bin/pip install mlflow``, then ``full/bin/mlflow``.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from finished_runs import make_oof, write_run

from meta_models.analysis.comparison.evaluate import evaluate
from meta_models.cli import main
from meta_models.run_folder import RunFolder
from meta_models.schema import MAIN_BASE

pytestmark = [pytest.mark.tracking, pytest.mark.slow]
_STARTS_WITHIN = 120.0


def asked(address: str, body: dict[str, Any] | None = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return bytes(answer.read())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Address of ``mlflow ui`` over a store that knows one run."""
    command = os.environ.get("META_MODELS_MLFLOW")
    if command is None:
        pytest.skip("META_MODELS_MLFLOW names no command of a full MLflow")
    pytest.importorskip("sqlalchemy", reason="the extra [tracking] is not installed")
    oof = make_oof()
    path = write_run(tmp_path / "run", oof)
    with RunFolder.open(path, extend=True) as folder:
        evaluation = evaluate(oof, [MAIN_BASE], weighting="none", bootstrap_samples=20, seed=0)
        folder.write_json("meta_evaluation_summary.json", evaluation.to_json())
    assert main(["track", str(path), "--experiment", "tests"]) == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    words = [command, "ui", "--backend-store-uri", store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    try:
        yield answering(f"http://127.0.0.1:{port}", process)
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def answering(address: str, process: subprocess.Popen[bytes]) -> str:
    last = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < last and process.poll() is None:
        try:
            asked(f"{address}/health")
        except urllib.error.URLError:
            time.sleep(0.2)
        else:
            return address
    pytest.fail("mlflow ui did not start")


def test_the_page_opens_and_the_run_is_there(server: str) -> None:
    assert b"<title>MLflow</title>" in asked(server)
    experiments = json.loads(asked(f"{server}/api/2.0/mlflow/experiments/search", {"max_results": 10}))["experiments"]
    (number,) = [one["experiment_id"] for one in experiments if one["name"] == "tests"]
    (run,) = json.loads(asked(f"{server}/api/2.0/mlflow/runs/search", {"experiment_ids": [number]}))["runs"]
    metrics = {one["key"]: one["value"] for one in run["data"]["metrics"]}
    assert run["info"]["run_name"] == "run"
    name = "oof/table/average_precision/mean"
    assert metrics[f"{name}/difference"] == pytest.approx(metrics[f"{name}/meta"] - metrics[f"{name}/base"])
    listed = json.loads(asked(f"{server}/ajax-api/2.0/mlflow/artifacts/list?run_id={run['info']['run_id']}"))
    assert "report.html" in {file["path"] for file in listed["files"]}
