from __future__ import annotations

import os
import time
from contextlib import closing

import pytest

from meta_models.errors import InputError, MemoryBudgetError, UnitsFailed
from meta_models.workers import Background, run_jobs, run_shares


def work(job: str) -> tuple[str, int]:
    if job == "refuses":
        raise InputError("A job must be done", "refused")
    if job == "starves":
        raise MemoryError("no room")
    if job == "dies":
        os._exit(3)
    time.sleep(0.05 if job == "slow" else 0)
    return job.upper(), os.getpid()


def test_jobs_in_the_background_answer_by_their_number() -> None:
    with closing(Background(work, processes=2)) as background:
        numbers = [background.submit(job) for job in ("slow", "a", "b", "c")]
        found = [background.result(number) for number in reversed(numbers)]
    assert [name for name, _ in found] == ["C", "B", "A", "SLOW"]
    assert os.getpid() not in {pid for _, pid in found}


def test_one_process_does_its_jobs_itself() -> None:
    with closing(Background(work, processes=1)) as background:
        assert background.result(background.submit("a")) == ("A", os.getpid())


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_belongs_to_its_own_job(processes: int) -> None:
    with closing(Background(work, processes=processes)) as background:
        bad, good = background.submit("refuses"), background.submit("a")
        assert background.result(good)[0] == "A"
        with pytest.raises(InputError, match="refused"):
            background.result(bad)


def test_a_child_that_dies_is_named() -> None:
    with closing(Background(work, processes=2)) as background:
        bad, good = background.submit("dies"), background.submit("a")
        with pytest.raises(UnitsFailed, match="dies must finish"):
            background.result(bad)
        assert background.result(good)[0] == "A"
    with pytest.raises(UnitsFailed, match="code 3"):
        list(run_jobs(["a", "dies"], work, processes=2))


@pytest.mark.parametrize("processes", [2, 3])
def test_a_child_without_memory_says_so(processes: int) -> None:
    with pytest.raises(MemoryBudgetError, match="An allocation failed in starves: no room"):
        list(run_jobs(["starves", "slow"], work, processes=processes))


@pytest.mark.parametrize("processes", [1, 2, 9])
def test_shares_are_as_even_as_their_costs_allow(processes: int) -> None:
    costs = {"costly": 9.0, "a": 3.0, "b": 3.0, "c": 3.0}
    begun: list[int] = []
    found = run_shares(
        list(costs), work, list(costs.values()), processes=processes, meanwhile=lambda: begun.append(os.getpid())
    )
    assert {job: name for job, (name, _) in found.items()} == {job: job.upper() for job in costs}
    assert begun == [os.getpid()]
    pids = {job: pid for job, (_, pid) in found.items()}
    assert len(set(pids.values())) == min(processes, len(costs))
    if processes == 2:
        assert pids["a"] == pids["b"] == pids["c"] != pids["costly"]
    assert (os.getpid() in pids.values()) == (processes == 1)


def test_a_share_that_dies_is_named() -> None:
    with pytest.raises(UnitsFailed, match=r"(dies and 1 more|b and 1 more|dies) must finish"):
        run_shares(["dies", "a", "b"], work, [3.0, 2.0, 2.0], processes=2)
    assert run_shares([], work, [], processes=2) == {}


def test_what_still_runs_ends_with_the_caller() -> None:
    background = Background(time.sleep, processes=2)
    background.submit(60)
    started = time.perf_counter()
    background.close()
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(("processes", "done"), [(1, {"a"}), (2, {"a", "slow"})])
def test_what_runs_is_waited_for_where_no_more_is_begun(processes: int, done: set[str]) -> None:
    found = run_jobs(["a", "slow", "b", "c"], work, processes=processes, more=lambda: False)
    assert {job for job, _ in found} == done
