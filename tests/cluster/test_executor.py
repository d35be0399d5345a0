"""Units on a cluster: how they end, and what is left of them when somebody dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import errands
import psutil
import pytest
from clusters import cluster_of, dask, distributed

from meta_models.cluster import worker_watch
from meta_models.cluster.executor import DaskExecutor
from meta_models.errors import InputError, UnitsFailed
from meta_models.workers import Died, Ended


def executor(client: Any, folder: Path, work: Callable[[Any], Any]) -> DaskExecutor:
    return DaskExecutor(client, folder, work, threads=3, limit=10**9)


def ended(client: Any, folder: Path, work: Callable[[Any], Any]) -> Ended[Any, Any]:
    with executor(client, folder, work) as units:
        units.start("unit-0", errands.Task(folder / "told", folder / "go"))
        (found,) = units.ended()
    return found


def gone(*pids: int) -> bool:
    """Whether the processes end within some seconds."""
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return not psutil.wait_procs(processes, timeout=20)[1]


def test_a_unit_is_a_child_of_a_worker_and_its_files_go(client: Any, tmp_path: Path) -> None:
    task = errands.Task.within(tmp_path)
    with executor(client, tmp_path, errands.wait_at_gate) as units:
        units.start("unit-0", task)
        own, worker = task.pids()
        assert psutil.Process(own).parent() == psutil.Process(worker)
        assert units.ended(timeout=0) == []
        assert len(units) == 1
        task.let_go()
        (found,) = units.ended()
        assert found.unwrap() == "done"
        assert len(units) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["go", "told"]
    placed = ended(client, tmp_path, errands.echo).unwrap()
    assert (placed.threads, placed.limit) == (3, 10**9)


def test_ways_to_end(client: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Found none"):
        ended(client, tmp_path, errands.refuse).unwrap()
    assert ended(client, tmp_path, errands.die).death == "its process was killed by SIGKILL"
    with pytest.raises(UnitsFailed, match=r"ZeroDivisionError in errands\.py"):
        assert ended(client, tmp_path, errands.divide).death
    assert str(ended(client, tmp_path, errands.eat).death).startswith("out of memory: The process tree reached")


def test_a_unit_whose_worker_is_killed_begins_again_elsewhere(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    for level in ("info", "warning"):
        monkeypatch.setattr(worker_watch.logger, level, lambda text, *values: told.append(text % values))
    task = errands.Task.within(tmp_path)
    with executor(client, tmp_path, errands.wait_at_gate) as units:
        units.start("unit-0", task)
        own, worker = task.pids()
        os.kill(worker, signal.SIGKILL)
        again, other = task.pids()
        assert units.ended(timeout=1.5) == []  # within which the workers are looked at
        lost, come = (re.search(rf"The worker (\S+) {word}", "\n".join(told)) for word in ("is gone", "has come"))
        assert lost is not None
        assert come is not None
        assert lost[1] != come[1]
        assert gone(own)
        assert {own, worker}.isdisjoint({again, other})
        task.let_go()
        (found,) = units.ended()
        assert found.unwrap() == "done"


def test_a_unit_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        cluster_of(1) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        found = ended(client, tmp_path, errands.kill_worker)
    assert isinstance(found.error, Died)
    assert found.death == "its workers died, one after another: perhaps of it"


def test_what_is_cancelled_leaves_no_process(client: Any, tmp_path: Path) -> None:
    task = errands.Task.within(tmp_path)
    with executor(client, tmp_path, errands.wait_at_gate) as units:
        units.start("unit-0", task)
        own, worker = task.pids()
    assert gone(own)
    assert psutil.pid_exists(worker)


DRIVER = """
    import sys
    import distributed, errands
    from pathlib import Path
    from meta_models.cluster.executor import DaskExecutor
    if __name__ == "__main__":
        folder = Path(sys.argv[2])
        client = distributed.Client(sys.argv[1])
        units = DaskExecutor(client, folder, errands.wait_at_gate, threads=1, limit=0)
        units.start("unit", errands.Task(folder / "told", folder / "go"))
        units.ended()
"""


def test_what_a_killed_driver_began_ends(cluster: Any, tmp_path: Path) -> None:
    task, script = errands.Task.within(tmp_path), tmp_path / "driver.py"
    script.write_text(textwrap.dedent(DRIVER))
    command = [sys.executable, str(script), cluster.scheduler_address, str(tmp_path)]
    path = os.pathsep.join([path or str(Path.cwd()) for path in sys.path])
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}) as driver:
        own, _ = task.pids()
        driver.kill()
    assert gone(own)


SCHEDULER = """
    import sys
    from clusters import cluster_of
    if __name__ == "__main__":
        with cluster_of(1) as cluster:
            print(cluster.scheduler_address, flush=True)
            sys.stdin.read()
"""


def test_a_scheduler_that_is_killed(tmp_path: Path) -> None:
    task, script = errands.Task.within(tmp_path), tmp_path / "scheduler.py"
    script.write_text(textwrap.dedent(SCHEDULER))
    path = os.pathsep.join([path or str(Path.cwd()) for path in sys.path])
    quick = {"distributed.comm.timeouts.connect": "1s", "distributed.comm.retry.count": 0}
    with (
        dask.config.set(quick),
        subprocess.Popen(
            [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        ) as scheduler,
    ):  # fmt: skip
        assert scheduler.stdout is not None
        with (
            distributed.Client(scheduler.stdout.readline().strip(), set_as_default=False) as client,
            executor(client, tmp_path, errands.wait_at_gate) as units,
        ):
            units.start("unit-0", task)
            own, _ = task.pids()
            scheduler.kill()
            (found,) = units.ended()
            with pytest.raises(
                UnitsFailed, match=r"The scheduler tcp://\S+ must be there until unit-0 is done\. It is gone.*--resume"
            ):
                found.unwrap()
    assert gone(own)


def test_a_cluster_without_workers_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meta_models.cluster.worker_watch.NO_WORKER_SECONDS", 0.1)
    with (
        cluster_of(0) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        pytest.raises(UnitsFailed, match=r"No worker is left for 0 s\. Start workers.*--resume"),
    ):
        ended(client, tmp_path, errands.echo)
