"""A connection to a Dask cluster, or one of this machine's own for the time of a run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from meta_models.errors import UsageError

logger = logging.getLogger(__name__)
#: Seconds to wait for a scheduler, and for the first worker.
CONNECT_SECONDS = 30.0
WORKER_SECONDS = 60.0


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
            "--distributed needs the extra [distributed]", f"{error}", "pip install 'meta-models[distributed]'"
        ) from error


@contextmanager
def connected(where: str) -> Iterator[Any]:
    """A client of the cluster `where`, as ``--distributed`` has it.

    Raises
    ------
    UsageError
        If there is no scheduler, or it has no worker within a minute.
    """
    distributed = require_library()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is told by the errors of this package
    kind, _, rest = where.partition(":")
    if kind == "local":
        with _own(distributed, int(rest)) as client:
            yield client
        return
    address = {"scheduler_file": rest} if kind == "file" else {"address": where}
    if kind == "tcp" and not rest.startswith(("//127.", "//localhost")):
        logger.warning(
            "%s is neither encrypted nor authenticated: whoever reaches it runs code as you (see docs/machines.md)",
            where,
        )
    with _client(distributed, where, address) as client:
        _require_worker(client, where, 1)
        yield client


@contextmanager
def _own(distributed: Any, workers: int) -> Iterator[Any]:
    """Workers of this machine, which listen on the loopback only and know one another by a key of this run."""
    unchanged: dict[str, Any] = {
        "distributed.nanny.pre-spawn-environ": {}
    }  # else it sets variables of this process, for good
    with (
        import_module("dask").config.set(unchanged),
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", protocol="tls://",
            security=distributed.Security.temporary(), dashboard_address=None, memory_limit=0,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster, timeout=CONNECT_SECONDS, set_as_default=False) as client,
    ):  # fmt: skip
        _require_worker(client, f"local:{workers}", workers)
        yield client


@contextmanager
def _client(distributed: Any, where: str, address: dict[str, str]) -> Iterator[Any]:
    try:
        client = distributed.Client(**address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"--distributed {where} must lead to a Dask scheduler", f"Found: {found}",
            "Start it, check the address, and that the network lets you through",
        ) from error  # fmt: skip
    with client:
        yield client


def _require_worker(client: Any, where: str, count: int) -> None:
    try:
        client.wait_for_workers(count, timeout=WORKER_SECONDS)
    except TimeoutError as error:
        raise UsageError(
            f"The scheduler of --distributed {where} must have a worker",
            f"Found none within {WORKER_SECONDS:.0f} s",
            "Start workers: dask worker ... --nthreads 1 --memory-limit 0",
        ) from error
