"""Which workers there are while units are done: told where that changes, and an error where there are too few."""

from __future__ import annotations

import logging
import time
from typing import Any

from meta_models.errors import UnitsFailed

logger = logging.getLogger(__name__)
#: Seconds that a run waits for a worker after the last one was lost.
NO_WORKER_SECONDS = 120.0
#: Seconds between two looks.
LOOK_SECONDS = 1.0


class WorkerWatch:
    """Looks at the workers of a connected `client`, a ``distributed.Client``."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._slots = self._found()
        self._looked = time.monotonic()
        self._short_since: float | None = None

    def look(self, needed: int) -> None:
        """See that units find a place, `needed` of them at a time; at most once a second.

        Raises
        ------
        UnitsFailed
            If there have been too few workers for two minutes.
        """
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        if self._client.status == "running":
            self._tell(self._found())
        there = sum(self._slots.values()) if self._client.status == "running" else 0
        if there >= needed:
            self._short_since = None
        elif self._short_since is None:
            self._short_since = now
            logger.warning("%s. Waiting for %.0f s", _short(there, needed), NO_WORKER_SECONDS)
        elif now - self._short_since > NO_WORKER_SECONDS:
            expected = f"{needed} units must run at a time" if needed > 1 else "The cluster must have a worker"
            found = f"{_short(there, needed)} for {NO_WORKER_SECONDS:.0f} s"
            raise UnitsFailed(expected, found, "Start workers. What was finished is kept: run again with --resume")

    def _tell(self, found: dict[str, int]) -> None:
        """Say which workers went, and which came."""
        for address in self._slots.keys() - found.keys():
            logger.warning("The worker %s is gone: what it was doing is done again by another", address)
        for address in found.keys() - self._slots.keys():
            logger.info("The worker %s has come", address)
        self._slots = found

    def _found(self) -> dict[str, int]:
        """Units that each worker can do at a time, by its address."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return {address: worker["nthreads"] for address, worker in workers.items()}


def _short(there: int, needed: int) -> str:
    return f"Workers are left for {there} of {needed} units" if there else "No worker is left"
