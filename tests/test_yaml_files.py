"""YAML files: a key that stands there twice is no way to say which of the two is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from meta_models.analysis.performance.targets import read_targets
from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.experiments.gates import read_gates
from meta_models.yaml_files import read_yaml


def written(folder: Path, text: str) -> Path:
    file = folder / "file.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "text", ["n_folds: 2\nn_folds: 3\n", "xgboost: {max_depth: 4, max_depth: 5}\n", "- {a: 1}\n- {b: 1, 'b': 2}\n"]
)
def test_a_key_twice_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="stands there twice"):
        read_yaml(written(tmp_path, text))


def test_what_is_merged_may_be_given_anew(tmp_path: Path) -> None:
    text = "base: &base {a: 1, b: 2}\nmine:\n  <<: *base\n  a: 3\n"
    assert read_yaml(written(tmp_path, text))["mine"] == {"a": 3, "b": 2}


@pytest.mark.parametrize("text", ["010", "1:30", "0x1F", "0b11", "1_000", "1_0.5", "1:30.5"])
def test_numbers_that_some_read_as_others_are_refused(tmp_path: Path, text: str) -> None:
    """To YAML 1.1 these are 8, 90, 31, 3, 1000, 10.5 and 90.5; to YAML 1.2 ten, text, 31, text and so on."""
    with pytest.raises(yaml.YAMLError, match=f"'{text}' is not the same number to everybody"):
        read_yaml(written(tmp_path, f"seed: {text}\n"))
    assert read_yaml(written(tmp_path, f"seed: '{text}'\n")) == {"seed": text}


def test_numbers_and_dates_are_what_they_look_like(tmp_path: Path) -> None:
    text = "[0, -7, +7, 12, 1e-3, 1.5e3, 0.25, .5, 2026-11-12, 2026-13-45, yes]"
    assert read_yaml(written(tmp_path, text)) == [
        0, -7, 7, 12, 0.001, 1500.0, 0.25, 0.5, "2026-11-12", "2026-13-45", True
    ]  # fmt: skip


def test_on_and_off_are_the_words_that_options_have(tmp_path: Path) -> None:
    """To YAML 1.1 they are true and false, and ``whole_genes: off`` was refused as False."""
    file = written(tmp_path, "whole_genes: off\nmotifs: on\ncalibrate: off\nmonotone: no\n")
    config = TrainingConfig(**TrainingConfig.read_yaml(file))
    assert (config.whole_genes, config.motifs, config.calibrate, config.monotone) == ("off", "on", False, False)


def test_words_that_begin_like_a_number_or_like_yes_and_no_are_words(tmp_path: Path) -> None:
    """The start of a short hash, ``1e5f3a7``, is a number."""
    assert read_yaml(written(tmp_path, "[none, nothing, truest, 1e5f3a7, 2e3 genes]")) == [
        "none", "nothing", "truest", "1e5f3a7", "2e3 genes"
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["!!int abc", "!!bool maybe", "!!timestamp foo", "!!float x", "9" * 5000])
def test_what_yaml_s_own_reader_fails_on_has_a_place(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError, match=r"file\.yaml\. line 2, column 7: "):
        TrainingConfig.read_yaml(written(tmp_path, f"n_folds: 2\nseed: {value}\n"))


def test_each_file_of_the_user_is_read_so(tmp_path: Path) -> None:
    config = written(tmp_path, "n_folds: 2\nn_folds: 3\n")
    with pytest.raises(UsageError, match="'n_folds' stands there twice"):
        TrainingConfig.read_yaml(config)
    with pytest.raises(UsageError, match="Found n-folds also with '_'"):
        TrainingConfig.read_yaml(written(tmp_path, "n_folds: 2\nn-folds: 3\n"))
    gate = "- {gate: seeds_set, gate: calibration}\n"
    for read in (read_gates, read_targets):
        with pytest.raises(UsageError, match="'gate' stands there twice"):
            read(written(tmp_path, gate))
