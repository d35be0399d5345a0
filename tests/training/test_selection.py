from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.training.selection import choose_strategy

PEAKS = {"single_model": 10_000_000_000, "batch_ensemble": 4_000_000_000}


@pytest.fixture
def profile(tmp_path: Path):
    return dataclasses.replace(make_task(tmp_path, make_frame()).profile, genes=4000)


def test_a_table_that_fits_gets_one_model(profile) -> None:
    choice = choose_strategy(profile, TrainingConfig(), PEAKS, 25_000_000_000)
    assert choice.name == "single_model"
    assert "4,000 genes, at most 4,000" in choice.reason


@pytest.mark.parametrize(
    ("genes", "options", "budget", "reason"),
    [
        (4001, {}, 25_000_000_000, "more than --max-single-genes 4,000"),
        (10, {"max_single_genes": 9}, 25_000_000_000, "more than --max-single-genes 9"),
        (10, {}, 9_000_000_000, "10.0 GB of 9.0 GB"),
        (10, {"max_single_gb": 8}, 25_000_000_000, "10.0 GB of 8.0 GB"),
        (10, {"train_all_genes": True}, 25_000_000_000, "forced by --train-all-genes"),
    ],
)
def test_what_calls_for_the_ensemble(profile, genes: int, options: dict, budget: int, reason: str) -> None:
    profile = dataclasses.replace(profile, genes=genes)
    choice = choose_strategy(profile, TrainingConfig(**options), PEAKS, budget)
    assert choice.name == "batch_ensemble"
    assert reason in choice.reason


def test_a_named_strategy_is_taken(profile) -> None:
    assert choose_strategy(profile, TrainingConfig(strategy="batch_ensemble"), PEAKS, 1).name == "batch_ensemble"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": "quantum"}, "Take one of single_model, or auto"),
        ({"train_all_genes": True}, "calls for the strategy"),
    ],
)
def test_nothing_is_swapped_for_a_strategy_that_does_not_exist(profile, options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        choose_strategy(profile, TrainingConfig(**options), {"single_model": 1}, 10**12)
