"""Connecting to a cluster, and having one of one's own."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from clusters import cluster_of, dask, distributed

from meta_models.cluster.connection import connected, require_cluster
from meta_models.errors import UsageError


def test_a_cluster_of_ones_own_listens_on_the_loopback_and_keeps_strangers_out() -> None:
    before, others = dict(os.environ), set(psutil.Process().children(recursive=True))
    with connected("local:1") as client:
        assert len(client.nthreads()) == 1
        assert set(client.run(signal.getsignal, signal.SIGINT).values()) == {signal.SIG_IGN}
        assert {logging.getLogger(f"distributed.{name}").level for name in ("client", "scheduler")} == {
            logging.CRITICAL
        }
        assert {name: value for name, value in os.environ.items() if name in before} == before
        me = psutil.Process()
        found = [
            c for p in (me, *me.children(recursive=True)) for c in p.net_connections("tcp") if c.status == "LISTEN"
        ]
        assert found
        assert {connection.laddr.ip for connection in found} == {"127.0.0.1"}
        address = client.scheduler.address
        assert address.startswith("tls://")
        stranger = distributed.Security.temporary()
        with pytest.raises(OSError, match=r"Timed out|certificate"):
            distributed.Client(address, security=stranger, timeout="3s", set_as_default=False)
        begun = set(me.children(recursive=True)) - others
        children = [p for p in begun if "resource_tracker" not in " ".join(p.cmdline())]
    assert not psutil.wait_procs(children, timeout=20)[1]


def test_tls() -> None:
    security = distributed.Security.temporary()
    files = {"distributed.comm.tls.ca-file": security.tls_ca_file}
    for part in ("cert", "key"):
        files[f"distributed.comm.tls.client.{part}"] = getattr(security, f"tls_client_{part}")
    with (
        cluster_of(1, security=security, protocol="tls://") as cluster,
        dask.config.set(files),
        connected(cluster.scheduler_address) as client,
    ):
        assert client.submit(os.getpid).result() != os.getpid()


def test_more_workers_than_the_machine_has_use_for() -> None:
    most = 2 * len(os.sched_getaffinity(0))
    with pytest.raises(UsageError, match=f"must be at most local:{most}"), connected(f"local:{most + 1}"):
        pass


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meta_models.cluster.connection.CONNECT_SECONDS", 0.5)
    where = "tcp://127.0.0.1:1"
    with pytest.raises(UsageError, match=f"--distributed {where} must lead to a Dask scheduler"), connected(where):
        pass


def test_no_keys() -> None:
    said = r"tls://127\.0\.0\.1:1 needs certificates .*distributed\.comm\.tls.*Found none\. Name them"
    with pytest.raises(UsageError, match=said), connected("tls://127.0.0.1:1"):
        pass
    parts = ("ca-file", "client.cert", "client.key")
    with (
        dask.config.set({f"distributed.comm.tls.{part}": "/none.pem" for part in parts}),
        pytest.raises(UsageError, match=r"needs certificates .*Found .*No such file"),
    ):
        require_cluster("tls://127.0.0.1:1")


def test_a_client_that_cannot_connect_is_not_left_to_the_garbage_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may close it while another client starts, and both would wait."""
    left_open: list[str] = []

    def collected(client: Any) -> None:
        if client.status not in ("closed", "newly-created"):
            left_open.append(client.status)
            client.close()

    monkeypatch.setattr("meta_models.cluster.connection._require_keys", lambda *_: None)
    monkeypatch.setattr(distributed.Client, "__del__", collected)
    with pytest.raises(UsageError, match="must lead to a Dask scheduler"), connected("tls://127.0.0.1:1"):
        pass
    gc.collect()
    assert not left_open


def test_scheduler_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheduler_file: Path) -> None:
    monkeypatch.setattr("meta_models.cluster.connection.CONNECT_SECONDS", 0.5)
    with connected(f"file:{scheduler_file}") as client:
        assert len(client.nthreads()) >= 1
    bad = tmp_path / "bad.json"
    bad.write_text("[]")
    for name in (bad, tmp_path / "none.json"):
        with pytest.raises(UsageError, match="must be the file of a Dask scheduler"), connected(f"file:{name}"):
            pass


def test_a_worker_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meta_models.cluster.connection.WORKER_SECONDS", 0.2)
    with (
        cluster_of(0) as cluster,
        pytest.raises(UsageError, match="must have a worker"),
        connected(cluster.scheduler_address),
    ):
        pass


def test_addresses_that_are_open_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []  # clusters of this process silence handlers such as pytest's
    monkeypatch.setattr("meta_models.cluster.connection.logger.warning", lambda text, *names: told.append(text % names))
    monkeypatch.setattr("meta_models.cluster.connection.CONNECT_SECONDS", 0.2)
    for address in ("tcp://192.0.2.1:8786", "tls://192.0.2.1:8786", "tcp://127.0.0.1:1"):
        with pytest.raises(UsageError), connected(address):
            pass
    assert told == ["tcp://192.0.2.1:8786 is neither encrypted nor authenticated: whoever reaches it runs code as you"]


def test_dask_is_loaded_only_where_it_is_asked_for() -> None:
    code = "import sys, meta_models.pipeline; sys.exit('distributed' in sys.modules or 'dask' in sys.modules)"
    path = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=True)


def test_without_dask(monkeypatch: pytest.MonkeyPatch, cluster: Any) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"needs the extra \[distributed\]"), connected("local:1"):
        pass
