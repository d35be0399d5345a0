"""The end of the time of a run: what is in hand is finished and kept, nothing more is begun."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tables import make_frame
from training_tasks import Processes, make_task

from meta_models.errors import TimeUp
from meta_models.training.strategies import STRATEGIES

SINGLE = STRATEGIES["single_model"]
OPTIONS: dict[str, Any] = {
    "learners": ["random_forest"], "random_forest.n_trees": 3, "rounds": "fixed", "max_hours": 1e-6,
}  # fmt: skip


def test_every_fit_in_hand_is_kept(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(), threads=2, **OPTIONS)
    for kept in (2, 4):
        with pytest.raises(TimeUp, match="What was finished is kept"):
            SINGLE.train(replace(task, ends_at=time.monotonic()))
        assert len(task.units.names()) == kept


def test_processes_apart_end_with_the_fit_in_hand_too(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(), threads=1, **OPTIONS)
    with pytest.raises(TimeUp, match="--max-hours 1e-06 is over"):
        SINGLE.train(replace(task, farm=Processes(2), ends_at=time.monotonic()))
    assert len(task.units.names()) == 2
