"""A cluster of two processes on the loopback, for all tests of this folder; without Dask they are skipped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _warnings_of_dask() -> Iterator[None]:
    """Sockets that Dask leaves to the garbage collector when a worker is killed are not this package's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@pytest.fixture(scope="package")
def cluster() -> Iterator[Any]:
    from clusters import cluster_of  # skips where Dask is absent, which a module of fixtures must not do

    with cluster_of(2) as found:
        yield found


@pytest.fixture(scope="package")
def scheduler_file(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    path.write_text(f'{{"address": "{cluster.scheduler_address}"}}')
    return path


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    from clusters import distributed

    with distributed.Client(cluster, set_as_default=False) as found:
        yield found
