"""Clusters of this machine for tests; without Dask the tests that import this are skipped."""

from __future__ import annotations

import logging
from typing import Any

import pytest

dask = pytest.importorskip("dask", reason="needs the extra [distributed]")
distributed = pytest.importorskip("distributed", reason="needs the extra [distributed]")


def cluster_of(workers: int, **options: Any) -> Any:
    """A cluster that leaves the environment of this process as it is."""
    with dask.config.set({"distributed.nanny.pre-spawn-environ": {}}):
        return distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", memory_limit=0,
            silence_logs=logging.CRITICAL, dashboard_address=None,
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"}, **options,
        )  # fmt: skip
