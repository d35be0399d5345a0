"""A connection to a Dask cluster, or one of this machine's own for the time of a run."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from meta_models.errors import UsageError
from meta_models.run_folder.visibility import wait_for
from meta_models.wording import counted

logger = logging.getLogger(__name__)
#: Seconds to wait for a scheduler, and for the first worker.
CONNECT_SECONDS = 30.0
WORKER_SECONDS = 60.0
#: What Dask raises where there is no scheduler, or an address leads nowhere.
_CANNOT_CONNECT = (OSError, TimeoutError, ValueError, TypeError)
#: Most workers of this machine for each of its CPUs.
_PER_CPU = 2


def require_library() -> Any:
    """The library, imported.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        return import_module("distributed")
    except ImportError as error:
        raise UsageError(
            "--distributed needs the extra [distributed]", f"{error}", "pip install '.[distributed]'"
        ) from error


@contextmanager
def connected(where: str) -> Iterator[Any]:
    """A client of the cluster `where`, as ``--distributed`` has it.

    Raises
    ------
    UsageError
        If there is no scheduler, or it has no worker within a minute.
    """
    require_cluster(where)
    distributed = require_library()
    _silence()
    kind, _, rest = where.partition(":")
    if kind == "local":
        with _own(distributed, int(rest)) as client:
            yield client
        return
    address = _address_in(Path(rest)) if kind == "file" else where
    if address.startswith("tcp:") and not address.startswith(("tcp://127.", "tcp://localhost")):
        logger.warning("%s is neither encrypted nor authenticated: whoever reaches it runs code as you", address)
    with _client(distributed, where, address) as client:
        _require_worker(client, where, 1)
        yield client


def require_cluster(where: str | None) -> None:
    """See what can be seen of ``--distributed`` before anything is read; None is no cluster.

    Raises
    ------
    UsageError
        If the library is not installed, this machine has too few CPUs for workers of its own, or keys are missing.
    """
    if where is None:
        return
    distributed = require_library()
    if where.startswith("local:"):
        _require_cpus(int(where.removeprefix("local:")))
    if where.startswith("tls:"):
        _require_keys(distributed, where)


def _silence() -> None:
    """Keep Dask from telling on its own what the errors of this package say; its loggers have levels of their own."""
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name == "distributed" or name.startswith("distributed."):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _require_keys(distributed: Any, where: str) -> None:
    """Refuse an encrypted address where Dask's configuration names no certificates, or none that can be read."""
    try:
        found = "none" if distributed.Security().get_connection_args("client").get("ssl_context") is None else ""
    except (OSError, ValueError) as error:
        found = f"{error}"
    if found:
        raise UsageError(
            f"--distributed {where} needs certificates in Dask's configuration (distributed.comm.tls)",
            f"Found {found}",
            "Name them there, or as DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..__CLIENT__CERT and ..__CLIENT__KEY",
        )


def _require_cpus(workers: int) -> None:
    """Refuse more workers than this machine has use for: each is a process of 220 MB before it does anything."""
    cpus = len(os.sched_getaffinity(0))
    if workers > _PER_CPU * cpus:
        raise UsageError(
            f"local:{workers} must be at most local:{_PER_CPU * cpus}",
            f"This process may use {cpus} CPUs",
            "Take fewer",
        )


def _address_in(file: Path) -> str:
    """The address in the scheduler file `file`, once it is there: a scheduler that is started with the run writes it.

    Raises
    ------
    UsageError
        If it is not there in time, or holds no address.
    """
    if not file.exists():
        logger.info("Waiting for %s, at most %.0f s", file, CONNECT_SECONDS)
    wait_for(lambda: file.exists() or None, file.parent, seconds=CONNECT_SECONDS)
    try:
        return str(json.loads(file.read_bytes())["address"])
    except OSError as error:
        found = f"It cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError):
        found = "It holds no address of a scheduler"
    raise UsageError(f"{file} must be the file of a Dask scheduler", found, "Start it with --scheduler-file")


@contextmanager
def _own(distributed: Any, workers: int) -> Iterator[Any]:
    """Workers of this machine, which listen on the loopback only and know one another by a key of this run."""
    settings: dict[str, object] = {
        "distributed.nanny.pre-spawn-environ": {},  # else it sets variables of this process, for good
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    with (
        import_module("dask").config.set(settings),
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", protocol="tls://",
            security=distributed.Security.temporary(), memory_limit=0, silence_logs=logging.CRITICAL,
            dashboard_address=None, preload=[f"{__package__}.unmoved"],
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        distributed.Client(cluster, timeout=CONNECT_SECONDS, set_as_default=False) as client,
    ):  # fmt: skip
        _require_worker(client, f"local:{workers}", workers)
        yield client


@contextmanager
def _client(distributed: Any, where: str, address: str) -> Iterator[Any]:
    try:
        client = _client_class(distributed)(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except _CANNOT_CONNECT as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"--distributed {where} must lead to a Dask scheduler", f"Found: {found}",
            "Start it, check the address, and that the network lets you through",
        ) from error  # fmt: skip
    with client:
        yield client


def _client_class(distributed: Any) -> Any:
    """A client that closes itself where it cannot connect.

    Dask's own is left half open then (without keys for ``tls://``, say). The garbage collector closes it some time, and
    where that comes while another client starts, each waits for the other (``distributed.utils.LoopRunner._lock``).
    """

    class Client(distributed.Client):  # type: ignore[misc]
        """Dask's, closed where it cannot connect."""

        def start(self, **options: Any) -> Any:
            """Connect; see `distributed.Client.start`."""
            try:
                return super().start(**options)
            except _CANNOT_CONNECT:
                self.close()
                raise

    return Client


def _require_worker(client: Any, where: str, count: int) -> None:
    if len(client.scheduler_info(n_workers=-1)["workers"]) < count:
        logger.info("Waiting for %s, at most %.0f s", counted(count, "worker"), WORKER_SECONDS)
    try:
        client.wait_for_workers(count, timeout=WORKER_SECONDS)
    except TimeoutError as error:
        raise UsageError(
            f"The scheduler of --distributed {where} must have a worker",
            f"Found none within {WORKER_SECONDS:.0f} s",
            "Start workers: dask worker ... --nthreads 1 --memory-limit 0",
        ) from error
