"""What learners call for, seen to before anything is read; of learners whose library need not be here."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.training.requirements import require_learnable


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Looks like a built folder, on a machine with PyTorch."""
    for name in ("genes", "master"):
        (tmp_path / name).mkdir()
    (tmp_path / "dataset_info.json").write_text("{}")
    monkeypatch.setattr(LEARNERS["gru"], "require_library", lambda: None)
    return tmp_path


def check(dataset: object, **options: object) -> None:
    require_learnable(TrainingConfig.from_mapping({"dataset": str(dataset), "learner": "gru", **options}))


def test_a_built_folder_is_what_learners_of_genes_need(built: Path) -> None:
    check(built)
    check(built, eval_dataset=str(built), oof_dataset=str(built), rounds="early-stopping")
    with pytest.raises(UsageError, match="learn how it was sampled"):
        check("demo")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"training_weights": "balanced"}, "gru cannot weight them"),
        ({"training_weights": "oversampling"}, "gru cannot weight them"),
        ({"class_weights": (1, 2, 2)}, "--class-weights needs"),
        ({"mine_negatives": "all"}, "there is nothing to mine"),
        ({"max_features": "auto"}, "not features that could be chosen among"),
        ({"variants": ("base", "all")}, "not groups of features"),
        ({"second_pass": True}, "what lies around each position already"),
        ({"eval_dataset": "table.parquet"}, "is read as a table of rows"),
        ({"oof_dataset": "table.parquet"}, "is read as a table of rows"),
    ],
)
def test_what_is_not_for_them_is_refused(built: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(built, **options)


def test_of_windows_rows_can_be_weighted(built: Path) -> None:
    """Whether a table has windows is seen when it is opened."""
    check(built / "master")
    check(built / "master", training_weights="balanced", class_weights=(1, 2, 2))
    check(built / "master", eval_dataset="table.parquet", oof_dataset="table.parquet")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mine_negatives": "all"}, "without the bases around them"),
        ({"max_features": "auto"}, "all columns that screening keeps"),
        ({"variants": ("base", "all")}, "all columns that screening keeps"),
        ({"init_from": ("run",)}, "other built folders"),
        ({"stages": "stages.yaml"}, "always begins anew"),
        ({"pretrain": ("built",)}, "other built folders"),
        ({"gru.ends": True}, "--gru.ends is not for gru, which reads a window around each row"),
    ],
)
def test_what_is_not_for_windows_is_refused(built: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(built / "master", **options)


@pytest.mark.parametrize("name", ["eval_dataset", "oof_dataset"])
def test_windows_are_not_scored_in_built_folders(built: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is a built folder; give a table with a column 'sequence'"):
        check(built / "master", **{name: str(built)})


def test_learners_of_rows_take_any_table() -> None:
    for learner in ("xgboost", "logistic"):
        require_learnable(TrainingConfig.from_mapping({"learner": learner, "training_weights": "balanced"}))
