"""Who is trained side by side, and on which features."""

from __future__ import annotations

from pathlib import Path

import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.training.several.contestants import contestants, feature_groups, require_groups


def names(**options: object) -> list[str]:
    return [member.name for member in contestants(TrainingConfig.from_mapping(options))]


def test_they_are_named_by_what_they_differ_in() -> None:
    assert names() == ["xgboost"]
    assert names(variants=["base,all"]) == ["base", "all"]
    assert names(learners=["xgboost", "sgd"]) == ["xgboost", "sgd"]
    both = ["xgboost base", "xgboost base+k-mer", "sgd base", "sgd base+k-mer"]
    assert names(learners=["xgboost", "sgd"], variants=["base,base+k-mer"]) == both
    assert TrainingConfig(learners=("xgboost", "sgd"), variants=("base", "base+k-mer")).members == 4


def test_a_learner_of_whole_genes_has_one_set_of_inputs() -> None:
    assert names(learners=["xgboost", "tcn"], variants=["base,all"]) == ["xgboost base", "xgboost all", "tcn"]


def test_a_variant_has_the_features_of_its_groups(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(n_genes=6), variants=("base+k-mer", "all"), learners=("xgboost", "sgd"))
    groups = feature_groups(task.dataset)
    assert set(groups) == {"base", "k-mer", "other"}
    first, second = (member.task(task) for member in list(contestants(task.config))[:2])
    assert set(first.features) == groups["base"] | groups["k-mer"]
    assert list(first.features) == [name for name in task.features if name in first.features]
    left_out = set(task.features) - set(first.features)
    assert first.excluded == dict.fromkeys(left_out, "left out by the variant base+k-mer")
    assert second.features == task.features
    assert first.config.learners == ("xgboost",)
    assert first.units.folder.name == "xgboost-base_k_mer"


def test_a_variant_that_screening_emptied_says_so(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(n_genes=6), variants=("k-mer", "all"))
    kept = tuple(name for name in task.features if "mer_" not in name)
    emptied = type(task)(**{**vars(task), "features": kept})
    with pytest.raises(UsageError, match="Screening left none"):
        next(iter(contestants(task.config))).task(emptied)


def test_an_unknown_group_is_refused_with_the_list(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(n_genes=6), variants=("base+phylop", "all"))
    with pytest.raises(UsageError, match=r"base \(3\), k-mer \(1\), other \(4\); or all. Found phylop"):
        require_groups(task.config.variants, feature_groups(task.dataset))
