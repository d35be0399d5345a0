"""What is known of workers, and refused, before anything is started."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import errands
import pytest

from meta_models.cluster.farm import WORKER_BYTES, DaskFarm, dask_farm
from meta_models.cluster.in_worker import WorkerFacts, probe, unlike
from meta_models.errors import MemoryBudgetError, UsageError
from meta_models.resources import memory_budget
from meta_models.run_folder import library_versions

GB = 10**9
FACTS = WorkerFacts("node1", 1, 8, tuple(range(8)), 16 * GB, "control group a", {})


def farm(*workers: WorkerFacts, **options: Any) -> DaskFarm:
    return DaskFarm(None, {f"tcp://{n}": worker for n, worker in enumerate(workers)}, None, here=False, **options)


def test_workers_that_share_a_limit_share_its_memory() -> None:
    alone, pair = replace(FACTS, host="node2"), replace(FACTS, memory_source="physical memory")
    found = farm(alone, pair, pair)
    assert found.slots == 3
    assert [found.room(address) for address in found.workers] == [
        int(0.9 * 16 * GB) - WORKER_BYTES, int(0.9 * 8 * GB) - WORKER_BYTES, int(0.9 * 8 * GB) - WORKER_BYTES
    ]  # fmt: skip
    assert found.limit == int(0.9 * 8 * GB) - WORKER_BYTES
    assert found.threads == 4
    assert replace(found, asked_threads=3).threads == 3
    assert farm(replace(FACTS, slots=2)).threads == 4
    assert farm(FACTS, replace(FACTS, cpus=tuple(range(8, 16)))).threads == 8  # tasks of a batch system, say
    assert [found.shares(jobs) for jobs in (1, 2, 18)] == [1, 2, 3]


def test_a_unit_must_fit_into_every_worker() -> None:
    found = farm(FACTS, replace(FACTS, host="small", memory=2 * GB))
    found.require(GB)
    with pytest.raises(MemoryBudgetError, match=r"A unit takes 3.00 GB.*tcp://1 on small .*room for each 1.58 GB"):
        found.require(3 * GB)


def test_a_cluster_tells_of_its_workers(scheduler_file: Path, tmp_path: Path) -> None:
    with dask_farm(f"file:{scheduler_file}", exchange=tmp_path, threads=2, budget=GB) as found:
        assert found.slots == 2
        assert found.lines()[0] == f"Cluster: 2 units at a time, threads of each {found.threads}"
        assert all(entry["versions"] == library_versions() for entry in found.to_dict())
        assert {worker.memory for worker in found.workers.values()} == {memory_budget().bytes}
        found.require_shared([Path(__file__)])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["probe", "probe-0", "probe-1"]
        with found.executor(errands.echo, threads=1) as units:
            units.start("unit", errands.Task(tmp_path / "told", tmp_path / "go"))
            (ended,) = units.ended()
        assert (ended.unwrap().threads, ended.unwrap().limit) == (found.threads, found.limit)


def test_other_versions_are_refused(scheduler_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**library_versions(), "xgboost": "1.0.0"}
    monkeypatch.setattr("meta_models.cluster.farm.library_versions", lambda: other)
    with (
        pytest.raises(UsageError, match=r"same libraries.*xgboost \d.*\(not 1\.0\.0\)"),
        dask_farm(f"file:{scheduler_file}", exchange=tmp_path, threads=None, budget=GB),
    ):
        pass


def test_a_folder_or_table_that_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "probe").write_text("word")
    table = tmp_path / "table.parquet"
    table.write_bytes(b"12")
    assert probe(tmp_path, "word", 0, tmp_path, [(table, 2)]) == ""
    assert probe(tmp_path, "word", 0, tmp_path, [(table, 3)]) == f"{table} is another file"
    gone = tmp_path / "gone.parquet"
    assert probe(tmp_path, "word", 0, tmp_path, [(gone, 3)]).startswith(f"{gone} cannot be read: ")
    assert "the working folder of the command" in probe(tmp_path, "word", 0, tmp_path / "none", [])
    monkeypatch.setattr("meta_models.cluster.in_worker.wait_for", lambda look, folder: look())
    assert "another folder" in probe(tmp_path, "other word", 0, tmp_path, [])
    assert "another folder" in probe(tmp_path / "none", "word", 0, tmp_path, [])


class _Stranger:
    """A cluster whose worker sees other files."""

    def run(self, work: Any, folder: Path, *_: Any, workers: list[str]) -> dict[str, str]:
        return {workers[0]: f"{folder} is not there, or another folder"}


def test_workers_that_do_not_share_are_named(tmp_path: Path) -> None:
    found = replace(farm(FACTS), client=_Stranger(), exchange=tmp_path)
    with pytest.raises(UsageError, match=r"must share the run folder.*tcp://0 on node1: .* is not there"):
        found.require_shared([])


def test_a_dry_run_looks_at_the_tables(tmp_path: Path) -> None:
    (table := tmp_path / "table").write_text("12")

    def run(work: Any, home: Path, sizes: Any) -> dict[str, str]:
        assert (work, home, sizes) == (unlike, Path.cwd(), [(table, 2)])
        return {"tcp://0": unlike(home, sizes), "tcp://1": unlike(home, [(table, 3)])}

    workers = {f"tcp://{n}": WorkerFacts(f"host-{n}", 1, 1, (0,), 10**9, "physical memory", {}) for n in (0, 1)}
    farm = DaskFarm(SimpleNamespace(run=run), workers, None, here=False)
    with pytest.raises(UsageError, match=r"Found: tcp://1 on host-1: \S+table is another file\. Put them"):
        farm.require_shared([table])


def test_a_worker_that_cannot_answer(monkeypatch: pytest.MonkeyPatch, scheduler_file: Path, tmp_path: Path) -> None:
    monkeypatch.setattr("meta_models.cluster.farm.facts", _raises)
    with (
        pytest.raises(UsageError, match=r"must have meta_models installed.*ModuleNotFoundError: No module"),
        dask_farm(f"file:{scheduler_file}", exchange=tmp_path, threads=None, budget=GB),
    ):
        pass


def _raises() -> None:
    raise ModuleNotFoundError(f"No module, says {os.getpid()}")
