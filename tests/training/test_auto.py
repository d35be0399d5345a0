"""What --learner auto stands for: with and without PyTorch, with and without a built folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.training.auto import resolved


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Looks like a built folder."""
    for name in ("genes", "master"):
        (tmp_path / name).mkdir()
    (tmp_path / "dataset_info.json").write_text("{}")
    return tmp_path


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LEARNERS["tcn"], "require_library", lambda: None)


def config(dataset: Path | str, **options: object) -> TrainingConfig:
    return TrainingConfig.from_mapping({"dataset": str(dataset), "learner": "auto", **options})


@pytest.mark.usefixtures("torch")
def test_both_are_tried_where_they_can(built: Path) -> None:
    found, line = resolved(config(built, **{"tcn.epochs": 2, "xgboost.max_depth": 3}))
    assert found.learners == ("xgboost", "tcn")
    assert (found.sections["tcn"].epochs, found.sections["xgboost"].max_depth) == (2, 3)
    assert line == "Learners: xgboost and tcn (--learner auto)"
    assert TrainingConfig.from_mapping(found.model_dump(mode="json")).learners == ("xgboost", "tcn")


def test_without_the_library_one_line_says_what_would_be_tried(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise UsageError("This learner needs torch, which is not installed: pip install '.[neural]'")

    monkeypatch.setattr(LEARNERS["tcn"], "require_library", absent)
    found, line = resolved(config(built))
    assert found.learners == ("xgboost",)
    assert list(found.sections) == ["xgboost"]
    assert "(tcn) was not tried" in line
    assert "pip install '.[neural]'" in line
    assert "\n" not in line


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"train_all_genes": True}, "needs no batches"),
        ({"strategy": "batch_ensemble"}, "needs no batches"),
        ({"training_weights": "effective"}, "cannot weight"),
        ({"max_features": 10}, "not features that could be chosen among"),
        ({"second_pass": True}, "what lies around each position already"),
    ],
)
def test_what_a_net_cannot_do_is_done_without_it(built: Path, options: dict[str, object], words: str) -> None:
    found, line = resolved(config(built, **options))
    assert found.learners == ("xgboost",)
    assert words in line


@pytest.mark.usefixtures("torch")
def test_a_table_of_rows_has_no_genes(tmp_path: Path) -> None:
    for dataset in ("demo", tmp_path / "table.parquet"):
        found, line = resolved(config(dataset))
        assert found.learners == ("xgboost",)
        assert "is a table of rows" in line


def test_named_learners_stay_as_they_are(built: Path) -> None:
    given = TrainingConfig(learners=("knn",), dataset=str(built))
    assert resolved(given) == (given, "")
    with pytest.raises(UsageError, match="stands alone"):
        TrainingConfig.from_mapping({"learners": ["auto", "knn"]})
    with pytest.raises(UsageError, match="option of gru"):
        config(built, **{"gru.epochs": 3})
