"""``--strategy distributed`` on a cluster: the model of one process, and what happens where a worker is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import errands
import numpy as np
import polars as pl
import pytest
import shard_faults
from tables import make_frame, write_table
from training_tasks import make_task

from meta_models.cli import main
from meta_models.cluster.executor import DaskExecutor
from meta_models.cluster.farm import dask_farm
from meta_models.errors import ExitCode, UnitsFailed
from meta_models.result import probability_columns
from meta_models.training.distributed import run
from meta_models.training.strategies import STRATEGIES

pytest.importorskip("distributed", reason="needs the extra [distributed]")

_OPTIONS = ["--n-estimators", "6", "--n-folds", "2", "--analyses", "base-vs-meta", "--bootstrap-samples", "20"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"), make_frame(n_genes=24), files=2)


def test_a_cluster_trains_the_model_of_one_process(
    table: Path, scheduler_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = {
        "here": ["--row-draws", "row-number"],
        "there": ["--strategy", "distributed", "--distributed", f"file:{scheduler_file}"],
    }
    for name, options in ways.items():
        command = ["train", "--dataset", str(table), "--out-dir", str(tmp_path / name), *_OPTIONS, *options]
        assert main(command) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "Shard 2 of 2: 360 rows, predicted peak of its worker 0." in printed
    assert "got rank" not in printed
    columns = probability_columns("calibrated")
    one, other = (pl.read_parquet(tmp_path / name / "oof_predictions.parquet").select(columns) for name in ways)
    np.testing.assert_allclose(one.to_numpy(), other.to_numpy(), atol=1e-5)
    manifest = json.loads((tmp_path / "there" / "run_manifest.json").read_text())
    assert all(unit["seconds"] is not None for unit in manifest["units"].values())
    assert not [path for path in (tmp_path / "there").iterdir() if path.name.startswith(".")]

    assert main([*command, "--dry-run"]) == ExitCode.DONE
    plan = json.loads(capsys.readouterr().out)
    assert [unit["rows"] for unit in plan["units"]] == [360, 360]
    assert all(unit["predicted_peak_bytes"] < plan["workers"][0]["room_bytes"] for unit in plan["units"])


def test_a_shard_whose_worker_is_killed_is_built_again_elsewhere(
    scheduler_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[int, int] = {}
    monkeypatch.setattr(run, "_tell", lambda ended: told.update({ended.value.number: ended.value.sessions}))
    task = make_task(tmp_path, make_frame(n_genes=16), "distributed", rounds="fixed", n_estimators=6)
    here = STRATEGIES["single_model"].train(
        make_task(tmp_path / "here", make_frame(n_genes=16), rounds="fixed", n_estimators=6, row_draws="row-number")
    )
    monkeypatch.setattr(run, "hold_shard", shard_faults.worker_killed_once)
    (exchange := tmp_path / "exchange").mkdir()
    with dask_farm(f"file:{scheduler_file}", exchange=exchange, threads=1, budget=task.budget) as farm:
        there = STRATEGIES["distributed"].train(replace(task, farm=farm))
    assert told == {0: 2, 1: 1}  # the shard of the other worker was not built again
    columns = probability_columns("raw")
    scores = [result.oof.select(columns).to_numpy() for result in (there, here)]
    np.testing.assert_allclose(*scores, atol=1e-6)


class _OneWorker:
    """A client of a cluster that has lost a worker; nothing ends there."""

    status = "running"
    scheduler = SimpleNamespace(address="tcp://0")

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": {"tcp://0": {"nthreads": 1}}}

    def submit(self, *_: Any, key: str, **__: Any) -> _OneWorker:
        return _OneWorker()

    def add_done_callback(self, _: Any) -> None:
        pass

    def cancel(self, futures: list[Any], *, force: bool) -> None:
        assert len(futures) == 2


def test_a_worker_that_does_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meta_models.cluster.worker_watch.NO_WORKER_SECONDS", 0.0)
    for module in ("executor", "worker_watch"):
        monkeypatch.setattr(f"meta_models.cluster.{module}.LOOK_SECONDS", 0.01)
    units = DaskExecutor(_OneWorker(), tmp_path, errands.echo, threads=1, limit=1, together=True)
    for name in ("shard-1", "shard-2"):
        units.start(name, errands.Task(tmp_path / "told", tmp_path / "go"))
    message = r"2 units must run at a time\. Workers are left for 1 of 2 units for 0 s\..*--resume"
    with units, pytest.raises(UnitsFailed, match=message):
        units.ended()
