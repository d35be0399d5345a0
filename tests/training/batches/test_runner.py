"""The end of the time of a run while batches are trained side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.errors import MetaModelsError, TimeUp
from meta_models.run_folder import UnitStore
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies import STRATEGIES
from meta_models.workers import Ended, Executor, Farm


class InTurn(Executor[Any, Any]):
    """Work that is done when its end is asked for, the first piece when the time is over."""

    def __init__(self, work: Callable[[Any], Any], over: list[bool]) -> None:
        self.work, self.over = work, over
        self.running: list[Any] = []
        self.started: list[str] = []

    def start(self, name: object, argument: Any) -> None:
        self.started.append(str(name))
        self.running.append(argument)

    def ended(self, *, timeout: float | None = None) -> Sequence[Ended[Any, Any]]:
        argument = self.running.pop(0)
        if not self.over:
            self.over.append(True)
            return [Ended(argument, None, TimeUp("Stopped: the time is over"))]
        try:
            return [Ended(argument, self.work(argument))]
        except MetaModelsError as error:
            return [Ended(argument, None, error)]

    def close(self) -> None:
        self.running.clear()

    def __len__(self) -> int:
        return len(self.running)


class TwoAtATime(Farm):
    apart: ClassVar[bool] = False
    slots = 2

    def __init__(self, over: list[bool]) -> None:
        self.over = over

    def executor(self, work: Callable[[Any], Any], *, threads: int, together: bool = False) -> Executor[Any, Any]:
        self.made = InTurn(work, self.over)
        return self.made


def test_batches_in_hand_are_finished_and_no_other_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over: list[bool] = []
    monkeypatch.setattr(TrainingTask, "seconds_left", property(lambda _: -1.0 if over else 1.0))
    task = make_task(
        tmp_path, make_frame(36), "batch_ensemble", max_genes_per_batch=12, rounds="fixed", n_estimators=2,
        max_hours=1.0,
    )  # fmt: skip
    farm = TwoAtATime(over)
    with pytest.raises(TimeUp):
        STRATEGIES["batch_ensemble"].train(replace(task, farm=farm))
    _, second = farm.made.started
    kept = UnitStore(task.units.folder).names()
    assert len(kept) == 1
    assert kept[0].startswith(f"{second}-")
