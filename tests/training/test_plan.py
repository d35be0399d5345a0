"""What the plan says of all that is to be fitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meta_models.choice import Choice
from meta_models.config import TrainingConfig
from meta_models.dataset.positions import read_positions
from meta_models.dataset.profile import profile_dataset
from meta_models.dataset.reading.open import open_dataset
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Shape
from meta_models.resources import cpu_limit, memory_budget
from meta_models.training.plan import UNIT_SECONDS, Plan, make_plan
from meta_models.training.second_pass.requirements import whole_fits
from meta_models.training.strategies import STRATEGIES


def plan_of(table: Path, tmp_path: Path, **options: Any) -> Plan:
    config = TrainingConfig(dataset=str(table), n_folds=4, motifs="off", device="cpu", **options)
    dataset = open_dataset(table, work_dir=tmp_path)
    profile = profile_dataset(dataset, read_positions(dataset))
    return make_plan(profile, config, memory_budget(None), cpu_limit(1))


def test_the_time_of_the_whole_list_is_that_of_each_fit_once_a_fold(
    demo_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LEARNERS["knn"], "cpu_seconds", lambda *_: None)  # as of a learner that nobody measured
    plan = plan_of(demo_table, tmp_path, learners=("xgboost", "sgd", "knn"))
    shape = Shape(plan.profile.rows, plan.profile.features)
    known = {name: LEARNERS[name].cpu_seconds(shape, LEARNERS[name].Config()) or 0.0 for name in ("xgboost", "sgd")}
    told = plan.to_dict()["learners"]
    assert "predicted_cpu_seconds" not in told["knn"]
    for name, seconds in known.items():
        assert told[name]["predicted_cpu_seconds"] == pytest.approx(4 * seconds, abs=0.051)
    total = 4 * sum(known.values())
    assert plan.time_line().startswith(f"Fits: about {total:,.0f} s of one core (xgboost ")
    assert "; knn not known before)" in plan.time_line()


def test_each_variant_is_fitted(demo_table: Path, tmp_path: Path) -> None:
    once, twice = (
        plan_of(demo_table, tmp_path, learners=("xgboost",), variants=variants) for variants in ((), ("base", "all"))
    )
    seconds = [plan.to_dict()["learners"]["xgboost"]["predicted_cpu_seconds"] for plan in (once, twice)]
    assert seconds[1] == pytest.approx(2 * seconds[0], abs=0.11)


def test_of_a_gpu_no_time_is_told(demo_table: Path, tmp_path: Path) -> None:
    plan = replace(plan_of(demo_table, tmp_path, learners=("xgboost",)), device=Choice("cuda", "there is one"))
    assert plan.time_line() == "Fits: how long they take is not known before"
    assert "predicted_cpu_seconds" not in plan.to_dict()["learners"]["xgboost"]


def test_the_fits_of_two_passes_are_those_of_both_and_of_the_models_between() -> None:
    """Of 4 folds: 4 of 3/4 of the rows and 1 of all in each pass, which make 4 of all; between them 6 of half."""
    once, twice = (TrainingConfig(dataset="table", n_folds=4, second_pass=given) for given in (False, True))
    assert (whole_fits(once), whole_fits(twice)) == (4, 4 + 4 + 6 * 0.5)


@pytest.mark.parametrize(("method", "fits"), [("mean", 1), ("stacking", 4)])
def test_the_time_of_batches_is_that_of_each_and_of_its_process(
    demo_table: Path, tmp_path: Path, method: str, fits: int
) -> None:
    dataset = open_dataset(demo_table, work_dir=tmp_path)
    positions = read_positions(dataset)
    config = TrainingConfig(
        dataset=str(demo_table), n_folds=4, motifs="off", device="cpu", train_all_genes=True, max_genes_per_batch=10,
        ensemble_method=method,
    )  # fmt: skip
    plan = make_plan(profile_dataset(dataset, positions), config, memory_budget(None), cpu_limit(1), positions)
    assert len(plan.units) > 2
    each = [
        LEARNERS["xgboost"].cpu_seconds(Shape(unit.rows, plan.profile.features), config.section) for unit in plan.units
    ]
    expected = sum(fits * (seconds or 0.0) + UNIT_SECONDS for seconds in each)
    assert plan.to_dict()["learners"]["xgboost"]["predicted_cpu_seconds"] == pytest.approx(expected, abs=0.051)


def test_strategies_that_a_learner_cannot_be_fitted_with_stand_there_with_the_reason(
    demo_table: Path, tmp_path: Path
) -> None:
    told = plan_of(demo_table, tmp_path, learners=("random_forest",)).to_dict()
    assert told["strategies"].keys() | told["not_possible"].keys() == STRATEGIES.keys()
    assert told["not_possible"]["external_memory"] == "random_forest holds what it makes of the rows in memory"
    assert all(told["not_possible"].values())
