"""A few of the runs of ``soak.py``."""

from __future__ import annotations

from pathlib import Path

from soak import Held, growth, soak


def test_runs_leave_nothing_open(tmp_path: Path) -> None:
    first, *others = list(soak(tmp_path, 4))
    assert first.left == first.children == 0
    for one in others:
        assert (one.files, one.left, one.threads, one.children) == (first.files, 0, first.threads, 0)
    assert others[-1].memory - others[0].memory < 20_000_000


def test_growth_is_the_slope_of_the_second_half() -> None:
    sizes = [900, 500, 100, 110, 120, 130]
    assert growth([Held(0, 0, 0, 0, size) for size in sizes]) == 10
