"""What Dask loads into workers of this machine: Ctrl-C is for the run that has them, which ends them itself."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Ignore Ctrl-C, which a terminal sends to the `worker` too; Dask calls this in the main thread of its process."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
