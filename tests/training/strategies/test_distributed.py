"""What the strategy over shards refuses, and what it needs of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tables import make_frame
from training_tasks import Processes, make_task

from meta_models.cli import main
from meta_models.config import TrainingConfig
from meta_models.errors import ExitCode, MemoryBudgetError, UsageError
from meta_models.learners.seam import Resources
from meta_models.training.memory import shape_of, shard_peak
from meta_models.training.strategies import STRATEGIES

DISTRIBUTED = STRATEGIES["distributed"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"learners": ("logistic",)}, "logistic is fitted to rows that one process holds"),
        ({"mine_negatives": "pool"}, "--mine-negatives adds rows"),
        ({"second_pass": True}, "--second-pass trains on columns"),
        ({"init_from": ("earlier",)}, "--init-from and --pretrain begin with scores of all rows"),
        ({"pretrain": ("other",)}, "--init-from and --pretrain begin with scores of all rows"),
        ({"stages": "stages.yaml"}, "--stages begin with scores of all rows"),
        ({"max_features": 20}, "--max-features tries short boosters on rows that one process holds"),
        ({"device": "cuda"}, "--device cuda holds all rows on one GPU"),
        ({"trees_per_round": 2}, "--trees-per-round draws rows for each tree"),
    ],
)
def test_what_needs_all_rows_in_one_process(options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=f"--strategy distributed fits one learner to rows.*{why}"):
        DISTRIBUTED.require_possible(TrainingConfig(**options, distributed="local:2"))
    DISTRIBUTED.require_possible(TrainingConfig(distributed="local:2", trees_per_round=2, subsample=1))


@pytest.mark.parametrize("more", [["--dry-run"], ["--plan-only", "--out-dir", "run"]])
def test_it_needs_workers(capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    assert main(["train", "--dataset", "absent", "--strategy", "distributed", *more]) == ExitCode.USAGE
    assert (
        "--strategy distributed needs workers that hold the rows. --distributed is missing" in capsys.readouterr().err
    )


def test_rows_are_drawn_by_their_numbers() -> None:
    config = DISTRIBUTED.configured(TrainingConfig(distributed="local:2"))
    assert (config.section.row_draws, config.section.hashed, config.strategy) == ("row-number", True, "distributed")
    with pytest.raises(ValueError, match="row_draws row-number draws once a round, found trees_per_round 2"):
        TrainingConfig(row_draws="row-number", trees_per_round=2)


class _Small(Processes):
    """Two workers with room for so many bytes each."""

    def __init__(self, room: int, *, here: bool) -> None:
        super().__init__(2)
        self.room, self.here = room, here

    def require(self, peak: int, advice: str = "") -> None:
        if peak > self.room:
            raise MemoryBudgetError("there must be room", "", advice)


def test_every_worker_has_room_for_its_shard(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(n_genes=40), "distributed", rounds="fixed")
    dataset, positions, profile = task.dataset, task.positions, task.profile
    units = DISTRIBUTED.farmed_units(task.farm, dataset, positions, profile, task.config)
    assert [(unit.name, unit.rows, unit.genes) for unit in units] == [
        ("shard-1-of-2", 600, 20), ("shard-2-of-2", 600, 20)
    ]  # fmt: skip
    assert sum(unit.class_counts["donor"] for unit in units) == (task.positions.labels == 1).sum()
    peak = shard_peak(shape_of(profile, 600, task.config), DISTRIBUTED.configured(task.config))
    assert [unit.predicted_peak_bytes for unit in units] == [peak, peak]

    DISTRIBUTED.require_room(_Small(peak, here=False), units, 10, 10)
    with pytest.raises(MemoryBudgetError, match="Start more workers"):
        DISTRIBUTED.require_room(_Small(peak - 1, here=False), units, 10, 10)
    with pytest.raises(MemoryBudgetError, match="predicted peak"):
        DISTRIBUTED.require_room(_Small(peak, here=True), units, 10, 2 * peak)
    whole = STRATEGIES["single_model"].predict_peak(profile, task.config, Resources(1))
    assert DISTRIBUTED.predict_peak(profile, task.config, Resources(1)) <= whole
