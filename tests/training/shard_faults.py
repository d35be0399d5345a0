"""Shards that go wrong once; processes find this folder on their path."""

from __future__ import annotations

import os
import signal
from typing import Any

from meta_models.learners.xgboost.watch import Watch
from meta_models.training.distributed.shard import ShardDone, ShardWork, hold_shard

#: The shard that goes wrong, and after which round of its first fit.
SHARD, ROUND = 1, 3


def killed_once(work: ShardWork) -> ShardDone:
    """As `hold_shard`; the process of a shard is killed in the midst of its first fit."""
    return _with_fault(work, os.getpid)


def worker_killed_once(work: ShardWork) -> ShardDone:
    """As `hold_shard`; the worker of a shard is killed in the midst of its first fit."""
    return _with_fault(work, os.getppid)


def _with_fault(work: ShardWork, whom: Any) -> ShardDone:
    mark, look = work.meeting.folder / "was-killed", Watch.after_iteration

    def after_iteration(self: Watch, model: Any, epoch: int, evals_log: Any) -> bool:
        if epoch == ROUND:
            mark.touch()
            os.kill(whom(), signal.SIGKILL)
            signal.pause()
        return look(self, model, epoch, evals_log)

    if work.number == SHARD and not mark.exists():
        Watch.after_iteration = after_iteration  # type: ignore[method-assign]
    return hold_shard(work)
