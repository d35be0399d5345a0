"""Options under the names of their sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meta_models.cli import main
from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS


def test_every_option_is_in_one_section_whose_name_nothing_else_has() -> None:
    sections = TrainingConfig.sections_of()
    assert sorted(name for names in sections.values() for name in names) == sorted(TrainingConfig.model_fields)
    assert not sections.keys() & {*TrainingConfig.model_fields, *LEARNERS}
    assert sections["calibration"] == ("calibrate", "calibrate_per_class", "calib_method")


def test_a_file_in_sections_says_what_a_flat_one_says(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "learners: [sgd]\nvalidation: {n-folds: 3, split: chromosome}\n"
        "mining:\n  mined_per_site: 2\n  mine_negatives: all\nsgd: {bins: 9}\n"
    )
    (tmp_path / "b.yaml").write_text(
        "learning: {learners: [sgd]}\nn_folds: 3\nsplit: chromosome\n"
        "mined_per_site: 2\nmine_negatives: all\nsgd.bins: 9\n"
    )
    one, other = (TrainingConfig.from_mapping(TrainingConfig.read_yaml(tmp_path / f"{name}.yaml")) for name in "ab")
    assert one == other
    assert (one.n_folds, one.split, one.mined_per_site, one.section.bins) == (3, "chromosome", 2.0, 9)


def test_flags_win_over_a_section(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.yaml").write_text("validation: {n_folds: 3}\n")
    assert (
        main(["train", "--dataset", "demo", "--config", str(tmp_path / "run.yaml"), "--n-folds", "4", "--dry-run"]) == 0
    )
    assert '"n_folds": 4' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"validation": {"n_fold": 3}}, r"Found validation\.n_fold\. Did you mean n_folds"),
        ({"validation": {"zzz": "on"}}, r"Found validation\.zzz\. It has n_folds, split, bootstrap_samples"),
        ({"validation": {"motifs": "on"}}, r"Found validation\.motifs\. motifs belongs to learning: write it there"),
        ({"validation": {"max_depth": 4}}, r"Found validation\.max_depth\. max_depth belongs to xgboost: write it"),
        ({"validaton": {"n_folds": 3}}, r"valid\. validaton: there is no such option \(did you mean validation\?\)"),
        ({"xgbost": {"max_depth": 3}}, r"valid\. xgbost: there is no such option \(did you mean xgboost\?\)"),
        ({"xgboost": {"max_dpth": 4}}, r"valid\. xgboost\.max_dpth: .*\(did you mean max_depth\?\)"),
        ({"validation": 3}, "Section validation must hold options. Found 3"),
        ({"validation": {"n_folds": 3}, "n_folds": 3}, "n_folds must be given once"),
        ({"validation": {"n_folds": 1}}, r"--n-folds"),
    ],
)
def test_sections_that_cannot_be(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        TrainingConfig.from_mapping(values)


@pytest.mark.parametrize("text", ["max_depth: 3\nxgboost.max_depth: 4\n", "max-depth: 3\nxgboost: {max_depth: 4}\n"])
def test_an_option_that_a_file_gives_in_two_ways_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"given once. Found xgboost\.max_depth in two ways in .*run\.yaml"):
        TrainingConfig.read_yaml(tmp_path / "run.yaml")


@pytest.mark.parametrize("value", ["inf", "nan", "1e300"])
@pytest.mark.parametrize("option", ["max_memory_gb", "max_single_gb", "max_batch_gb", "xgboost.learning_rate"])
def test_numbers_that_are_none_and_memory_that_nobody_has_are_refused(option: str, value: str) -> None:
    with pytest.raises(UsageError, match=option.replace("_", ".")):
        TrainingConfig.from_mapping({option: value})


def test_a_folder_to_start_from_may_have_commas_in_its_name(tmp_path: Path) -> None:
    (whole := tmp_path / "a,b").mkdir()
    found = TrainingConfig.from_mapping(
        {"dataset": "demo", "init_from": [f"{whole}", f"{tmp_path / 'c'},{tmp_path / 'd'}"]}
    )
    assert found.init_from == (whole, tmp_path / "c", tmp_path / "d")
