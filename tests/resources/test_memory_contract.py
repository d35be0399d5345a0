"""The budget, from the command line to the exit code; each run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meta_models.dataset.demo import write_demo_table

SMALL = ("--n-estimators", "2", "--n-folds", "2", "--analyses", "genes", "--threads", "1")
MB_AT_START = "import meta_models.pipeline.run; from meta_models.resources import tree_pss; print(tree_pss())"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in table, 20 genes."""
    return write_demo_table(tmp_path_factory.mktemp("demo"), n_genes=20)


def train(table: Path, out: Path, *options: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command after the Python statements `before`."""
    argv = ["train", "--dataset", str(table), "--out-dir", str(out), *SMALL, *options]
    code = f"import sys\n{before}\nfrom meta_models.cli import main\nsys.exit(main({argv!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)


def manifest(out: Path) -> dict[str, object]:
    return json.loads((out / "run_manifest.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("strategy", ["single_model", "external_memory"])
def test_what_does_not_fit_stops_before_a_feature_is_read(table: Path, tmp_path: Path, strategy: str) -> None:
    never = (
        "from meta_models.dataset.reading.reader import Dataset\n"
        "def never(*_, **__): raise AssertionError('features were read')\n"
        "Dataset.iter_matrix = never\n"
        "import meta_models.training.memory as memory\n"
        "memory.PROCESS = 5 * 10**9"
    )
    run = train(table, tmp_path / "run", "--strategy", strategy, "--max-memory-gb", "4", before=never)
    assert run.returncode == 71, run.stderr
    assert "must fit into the memory budget of 4.00 GB" in run.stderr
    assert "--max-memory-gb" in run.stderr
    assert "Traceback" not in run.stderr
    found = manifest(tmp_path / "run")
    assert found["state"] == "failed"
    assert not found["artifacts"]


def test_what_outgrows_its_prediction_is_stopped_by_the_guard(table: Path, tmp_path: Path) -> None:
    held = int(subprocess.run([sys.executable, "-c", MB_AT_START], capture_output=True, text=True, check=True).stdout)
    grow = (
        "import numpy as np, meta_models.training.strategies.single_model as module\n"
        "module.SingleModelStrategy.predict_peak = lambda *_, **__: 1\n"
        "held, audit = [], module.audit_task\n"
        "def growing(task):\n"
        "    while True: held.append(np.ones(2**20))\n"
        "module.audit_task = growing"
    )
    budget = (held + 300_000_000) / 1e9
    options = ("--strategy", "single_model", "--max-memory-gb", f"{budget:.3f}")
    run = train(table, tmp_path / "run", *options, before=grow)
    assert run.returncode == 71, run.stderr
    assert "must stay within its memory budget" in run.stderr
    assert "Raise --max-memory-gb" in run.stderr
    found = manifest(tmp_path / "run")
    assert found["state"] == "failed"
    assert "memory budget" in str(found["error"])
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".tmp-")]


def test_a_strict_limit_binds_the_address_space(table: Path, tmp_path: Path) -> None:
    show = (
        "import atexit, resource\n"
        "from meta_models import pipeline\n"
        "def tell(when): print(when, resource.getrlimit(resource.RLIMIT_AS)[0], flush=True)\n"
        "run, pipeline._run = pipeline._run, lambda *given: (tell('LIMIT'), run(*given))[1]\n"
        "tell('BEFORE'); atexit.register(tell, 'AFTER')"
    )
    run = train(table, tmp_path / "run", "--strict-memory", "--max-memory-gb", "2", before=show)
    assert run.returncode == 0, run.stderr
    told = dict(line.split() for line in run.stdout.splitlines() if line.startswith(("LIMIT ", "BEFORE ", "AFTER ")))
    assert 2e9 < int(told["LIMIT"]) < 12e9
    assert told["AFTER"] == told["BEFORE"]


def test_the_measured_peak_stands_beside_the_predicted_one(table: Path, tmp_path: Path) -> None:
    run = train(table, tmp_path / "run", "--strategy", "external_memory")
    assert run.returncode == 0, run.stderr
    memory = manifest(tmp_path / "run")["memory"]
    assert isinstance(memory, dict)
    assert 0.6 < memory["predicted"] / memory["measured"] < 1.7
    assert f"{memory['measured'] / 1e9:.2f} GB" in (tmp_path / "run/training_summary.txt").read_text(encoding="utf-8")


def test_the_plan_shows_what_every_strategy_needs(table: Path) -> None:
    argv = ["train", "--dataset", str(table), "--dry-run", "--max-memory-gb", "0.4"]
    code = f"import sys\nfrom meta_models.cli import main\nsys.exit(main({argv!r}))"
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    if run.returncode == 71:  # no batch fits so small a budget either: then the message says so
        assert "--max-memory-gb" in run.stderr
        return
    plan = json.loads(run.stdout)
    assert set(plan["strategies"]) == {"single_model", "batch_ensemble", "external_memory"}
    for strategy in plan["strategies"].values():
        assert strategy["fits"] == (strategy["predicted_peak_bytes"] <= plan["memory_budget"]["bytes"])
