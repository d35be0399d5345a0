"""What later stages need, told before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.errors import InputError, UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.pipeline.run import run_training
from meta_models.training.fitting.folds import Folds
from meta_models.training.stages.requirements import (
    check_stages,
    planned_stages,
    require_stages,
    stage_cost,
    stage_fits,
)

HARD, COLUMNS, OTHERS = "- hardest: 0.2", "- where: {chrom: chr1}", "- {where: {chrom: chr1}, others: 0.5}"


def config(folder: Path, text: str, **options: Any) -> TrainingConfig:
    (folder / "stages.yaml").write_text(text, encoding="utf-8")
    return TrainingConfig.from_mapping({"stages": str(folder / "stages.yaml"), **options})


@pytest.mark.parametrize(
    ("text", "options"),
    [(HARD, {}), (COLUMNS, {"n_folds": 2}), (OTHERS, {"learners": ["xgboost", "lightgbm", "catboost"]}),
     (COLUMNS, {"learners": ["tcn"]})],
)  # fmt: skip
def test_learners_that_go_on_take_stages(tmp_path: Path, text: str, options: dict[str, Any]) -> None:
    require_stages(config(tmp_path, text, **options))


@pytest.mark.parametrize("name", [name for name in LEARNERS if not LEARNERS[name].traits.starts])
def test_learners_that_always_begin_anew_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"goes on from a model. {name} always begins anew"):
        require_stages(config(tmp_path, COLUMNS, learners=["xgboost", name]))


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (HARD, {"n_folds": 2}, "--n-folds 2: a model trained without two of them has none left"),
        (HARD, {"max_features": 9}, "Found --max-features"),
        (HARD, {"rounds": "cross-validation"}, "Found --rounds cross-validation"),
        (HARD, {"learners": ["tcn"]}, "needs a learner of rows. tcn trains on whole genes"),
        (OTHERS, {"learners": ["gru"]}, "others needs a learner whose rows can be weighted. gru cannot"),
        ("- hardest: 2", {}, "less than or equal to 1"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, text: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        require_stages(config(tmp_path, text, **options))


@pytest.mark.parametrize(
    "options",
    [{"mine_negatives": "pool"}, {"teacher": "run", "strategy": "single_model"}],
)
def test_other_ways_of_a_second_training_exclude_them(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="stages"):
        config(tmp_path, HARD, **options)


def test_a_configuration_of_before_loses_what_it_did_not_use() -> None:
    former = TrainingConfig().model_dump(mode="json") | {"second_stage": None, "second_stage_weight": 4.0}
    assert TrainingConfig.from_mapping(former) == TrainingConfig()
    with pytest.raises(UsageError, match="second_stage"):
        TrainingConfig.from_mapping(former | {"second_stage": 0.2})


def test_a_stage_of_a_learner_of_genes_is_of_whole_genes(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(8, 30))
    check_stages(config(tmp_path, COLUMNS, learners=["tcn"]), task.dataset, task.positions)
    parted = config(tmp_path, "- where: {position: {at_least: 9}}", learners=["tcn"])
    with pytest.raises(UsageError, match="for a part of the rows of 8 genes, such as G0000"):
        check_stages(parted, task.dataset, task.positions)


def test_a_class_that_is_absent_outside_of_a_fold_is_told_before_training(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(24, 20))
    task = replace(task, config=config(tmp_path, COLUMNS))
    chrom = task.positions.frame["chrom"].cast(pl.String).to_numpy()
    of_row = np.where((chrom == "chr1") & (task.positions.labels == 1), 0, 1).astype(np.int16)
    codes = np.arange(len(of_row))
    with pytest.raises(InputError, match=r"Of fold 0 it has .* 0 donor"):
        planned_stages(task, Folds(of_row, codes, codes))


def test_a_run_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table", make_frame(12, 20))
    options = {"dataset": str(table), "out_dir": str(tmp_path / "run"), "threads": 1}
    with pytest.raises(InputError, match=r"Column 'chrom' of .* has none: it holds 'chr1', 'chr2'"):
        run_training(config(tmp_path, "- where: {chrom: chr9}", **options))
    assert not (tmp_path / "run").exists()


def test_the_plan_knows_what_stages_cost(tmp_path: Path) -> None:
    given = config(tmp_path, f"{HARD}\n{OTHERS}", n_folds=4)
    cost = {"rows": ["the 20 % of the largest loss", "chrom chr1; others count 0.5 times"]}
    assert stage_cost(given) == {**cost, "fits_of_one_stage": 15, "fits": (5 * 3 + 6) * 3}
    assert stage_fits(given) == 3 + 4 * 1.2
    assert stage_fits(TrainingConfig()) == 0
