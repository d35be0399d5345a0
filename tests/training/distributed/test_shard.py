"""The process of a shard, here in this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.errors import UnitsFailed
from meta_models.learners.registry import LEARNERS
from meta_models.learners.xgboost.shards import QuantisedShards
from meta_models.run_folder import UnitStore
from meta_models.training.distributed.common import Common
from meta_models.training.distributed.meeting import Meeting
from meta_models.training.distributed.run import _shards
from meta_models.training.distributed.shard import ShardWork, hold_shard
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.one_vs_rest import whole_jobs
from meta_models.training.fitting.problem import task_problem


@pytest.fixture
def work(tmp_path: Path) -> ShardWork:
    task = make_task(tmp_path, make_frame(n_genes=12), rounds="fixed", n_estimators=2, strategy="single_model")
    jobs = whole_jobs(task_problem(task, make_folds(task.positions, task.config)))
    keys = {job.name: UnitStore.key({"job": job.name}) for job in jobs}
    (found,) = _shards(task, Common(task, None, jobs), Meeting(tmp_path, 1, "127.0.0.1"), jobs, keys)
    return found


def test_a_shard_that_is_the_whole_table(work: ShardWork) -> None:
    assert work.parts == ("shard-1-of-1",)
    assert work.left() == ("final-neither", "final-donor", "final-acceptor")
    done = hold_shard(work.placed(1, work.limit))
    assert (done.number, done.sessions) == (0, 1)
    assert work.left() == ()


def test_sessions_that_fail_one_after_another(work: ShardWork, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def refused(self: QuantisedShards, called: Mapping[str, Any], number: int) -> Iterator[None]:
        raise QuantisedShards.Lost("stack:\n\n- [comm.cc:77]: Failed to connect to the tracker.\n- Connection refused")
        yield

    monkeypatch.setattr(QuantisedShards, "session", refused)
    with pytest.raises(
        UnitsFailed, match=r"must reach one another.*3 sessions .*shard-1-of-1: .*the tracker\.; Connection refused"
    ):
        hold_shard(work)
    assert LEARNERS["xgboost"].traits.shards


def test_a_network_that_is_not_open_is_told_without_a_session(work: ShardWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Meeting, "trouble", lambda self, call, shard: "shard 1: no connection to 10.0.0.2:5")
    monkeypatch.setattr(QuantisedShards, "session", lambda *_: pytest.fail("nobody may go"))
    with pytest.raises(UnitsFailed, match=r"3 sessions failed .*: shard 1: no connection to 10\.0\.0\.2:5\. See that"):
        hold_shard(work)
