"""Shards of a quantised matrix whose boosters are one: XGBoost's own collective sums their histograms.

Each shard has the bins of the whole table, so that no sketch has to be merged: the splits are those of one process.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from xgboost import collective
from xgboost.core import XGBoostError
from xgboost.tracker import RabitTracker

from meta_models.learners.seam import Json, Prepared, Resources, TrainingRows
from meta_models.learners.seam.shards import Sharded
from meta_models.learners.trees.cut_values import cut_values
from meta_models.learners.xgboost.booster import quantised
from meta_models.learners.xgboost.together import summed

#: Seconds in which all processes must have come, and in which each must do its part of a sum.
COMING_SECONDS, SUM_SECONDS = 120, 600


class QuantisedShards(Sharded):
    """Quantised matrices, each with the bins of the whole table."""

    Lost: ClassVar[type[Exception]] = XGBoostError

    def common(self, rows: TrainingRows, config: Any) -> NDArray[np.float32]:
        """The values that bins begin at, (at most ``max_bin``, n_features)."""
        return cut_values(rows.sample, config.max_bin)

    def prepare(
        self, rows: TrainingRows, common: NDArray[np.float32], config: Any, resources: Resources, *, first: int
    ) -> Prepared:
        """The quantised matrix of a shard."""
        return quantised(rows, common, config, resources, first=first)

    def call(self, host: str, shards: int) -> dict[str, Json]:
        """Start a tracker, which listens at `host` until the session has ended."""
        tracker = RabitTracker(n_workers=shards, host_ip=host, sortby="task", timeout=COMING_SECONDS)
        tracker.start()
        threading.Thread(target=_see_off, args=(tracker,), name="tracker", daemon=True).start()
        return dict(tracker.worker_args())

    @contextmanager
    def session(self, called: Mapping[str, Json], number: int) -> Iterator[None]:
        """A communicator in which the rank of a process is the number of its shard: sums have one order."""
        options: dict[str, Any] = {
            **called,
            "dmlc_task_id": f"{number:06d}",
            "dmlc_timeout": SUM_SECONDS,
            "dmlc_retry": 1,
        }
        with ExitStack() as stack:
            with redirect_stdout(io.StringIO()):  # on which the tracker tells of ranks
                stack.enter_context(collective.CommunicatorContext(**options))
            yield
            summed(0)  # nobody leaves before all are done


def _see_off(tracker: RabitTracker) -> None:
    """Wait until a session has ended, well or not, and let go of its port: what went wrong its processes know."""
    with suppress(XGBoostError):
        tracker.wait_for()
    with suppress(XGBoostError):
        tracker.free()
