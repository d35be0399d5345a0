"""What is searched: the ranges on the fields, what a file says instead, and files that say nothing sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from meta_models.errors import UsageError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import Tune
from meta_models.search.options import TuneConfig
from meta_models.search.space import Choices, LearnerSpace, Parameter, Range, read_space, space_text

ROW_LEARNERS = [name for name in LEARNERS if LEARNERS[name].traits.inputs == "rows"]


def spaces(tmp_path: Path | None = None, text: str | None = None, **options: Any) -> dict[str, LearnerSpace]:
    if tmp_path is not None and text is not None:
        (tmp_path / "space.yaml").write_text(text)
        options["space"] = tmp_path / "space.yaml"
    return read_space(TuneConfig.from_mapping(options))


def domains(space: LearnerSpace) -> dict[str, Range | Choices]:
    return {parameter.name: parameter.domain for parameter in space.parameters}


def test_the_ranges_are_those_on_the_fields() -> None:
    space = spaces()["xgboost"]
    found = domains(space)
    assert found["learning_rate"] == Range(0.02, 0.2, log=True)
    assert found["max_depth"] == Range(3, 9, integer=True)
    assert set(found) == {"learning_rate", "max_depth", "min_child_weight", "reg_lambda", "subsample", "colsample"}
    assert space.default["learning_rate"] == 0.05


@pytest.mark.parametrize("name", ROW_LEARNERS)
def test_every_learner_of_rows_has_ranges_that_its_options_may_have(name: str) -> None:
    space = spaces(learner=name, trials=5)[name]
    assert len(space.parameters) > 0
    for parameter in space.parameters:
        assert isinstance(parameter.domain, Range)
        assert space.section({parameter.name: parameter.domain.rounded(parameter.domain.high)})
        assert parameter.domain.contains(space.default[parameter.name]), f"the default of {parameter.name}"


def test_an_option_that_is_given_is_fixed() -> None:
    space = spaces(xgboost={"max_depth": 4, "n_estimators": 10})["xgboost"]
    assert "max_depth" not in domains(space)
    assert space.section({"subsample": 0.7}).model_dump()["max_depth"] == 4
    assert space.section({}).model_dump()["n_estimators"] == 10


def test_a_file_changes_adds_and_fixes(tmp_path: Path) -> None:
    text = "xgboost: {max-depth: {low: 2, high: 4}, max_bin: [64, 128], subsample: 0.9}"
    space = spaces(tmp_path, text)["xgboost"]
    found = domains(space)
    assert found["max_depth"] == Range(2, 4, integer=True)
    assert found["max_bin"] == Choices((64, 128))
    assert "subsample" not in found
    assert space.base.model_dump()["subsample"] == 0.9
    assert found["colsample"] == Range(0.3, 1)  # not named: as it is on the field


def test_an_option_that_counts_with_another_only_is_searched_with_it_only(tmp_path: Path) -> None:
    assert "focal_gamma" not in domains(spaces(learner="lightgbm")["lightgbm"])
    assert "focal_gamma" in domains(spaces(learner="lightgbm", lightgbm={"loss": "focal"})["lightgbm"])
    space = spaces(tmp_path, "lightgbm: {loss: [logistic, focal]}", learner="lightgbm")["lightgbm"]
    gamma = next(parameter for parameter in space.parameters if parameter.name == "focal_gamma")
    assert space.active({"loss": "focal"}, gamma)
    assert not space.active({"loss": "logistic"}, gamma)
    assert "focal_gamma" not in space.default
    assert (space.largest.loss, space.largest.focal_gamma) == ("focal", 3)
    names = [parameter.name for parameter in space.parameters]
    assert names.index("loss") < names.index("focal_gamma")


def test_the_text_of_a_space_is_a_file_that_gives_it(tmp_path: Path) -> None:
    first = spaces(learners=["xgboost", "lightgbm"], xgboost={"max_depth": 4})
    again = spaces(tmp_path, space_text(first), learners=["xgboost", "lightgbm"])
    assert {name: domains(space) for name, space in again.items()} == {n: domains(s) for n, s in first.items()}
    assert again["xgboost"].section({}) == first["xgboost"].section({})
    assert yaml.safe_load(space_text(first))["xgboost"]["max_depth"] == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("xgbost: {max_depth: 3}", "xgboost.*Found 'xgbost'.*Perhaps 'xgboost' was meant"),
        ("lightgbm: {max_depth: 3}", "learners that are searched: xgboost"),
        ("xgboost: {max_dept: 3}", "Found 'max_dept'. Perhaps 'max_depth' was meant"),
        ("xgboost: {max_depth: 99}", r"xgboost\.max_depth.*less than or equal to 16.*found 99"),
        ("xgboost: {max_depth: {low: 3, high: 99}}", r"xgboost\.max_depth.*less than or equal to 16"),
        ("xgboost: {max_depth: {low: 5, high: 3}}", "low below high"),
        ("xgboost: {max_depth: {low: 3.5, high: 5}}", "whole numbers"),
        ("xgboost: {reg_lambda: {low: 0, high: 5, log: true}}", "low above 0"),
        ("xgboost: {reg_lambda: {low: 1, high: .inf}}", "low below high"),
        ("xgboost: {reg_lambda: {low: 1}}", "has low, high and log"),
        ("xgboost: {reg_lambda: {low: 1, high: 2, step: 1}}", "has low, high and log"),
        ("xgboost: {max_bin: [64]}", "two values or more"),
        ("xgboost: {max_bin: [64, 64]}", "each once"),
        ("xgboost: {max_bin: [64, many]}", r"xgboost\.max_bin"),
        ("xgboost: {max-depth: [3, 4], max_depth: [5, 6]}", "Found max-depth also with '_'"),
        ("xgboost: {max_depth: [010, 3]}", "'010' is not the same number to everybody"),
        ("xgboost: 3", "options under the names of learners"),
        ("[1, 2]", "options under the names of learners"),
        ("", "options under the names of learners"),
        ("a: [", "readable YAML"),
    ],
)
def test_a_file_that_is_no_space(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        spaces(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml\. No such file or directory\. Check the path"):
        spaces(space=tmp_path / "none.yaml")


def test_a_search_of_nothing_is_refused() -> None:
    tuned = {n: f.default for n, f in LEARNERS["logistic"].Config.model_fields.items()
             if any(isinstance(m, Tune) for m in f.metadata)}  # fmt: skip
    with pytest.raises(UsageError, match="needs an option with a range"):
        spaces(learner="logistic", logistic=tuned)


def test_numbers_are_drawn_with_four_digits_within_the_range() -> None:
    assert Range(0.02, 0.2).rounded(0.123456) == 0.1235
    assert Range(0.123456, 0.2).rounded(0.123457) == 0.1235
    assert Range(0.12349, 0.2).rounded(0.12349) == 0.1235
    assert Range(0.1, 0.12344).rounded(0.12344) == 0.1234
    assert Range(0.1, 0.12346).rounded(0.12346) == 0.12346  # not above the range
    assert Range(1, 9, integer=True).rounded(4.0) == 4
    assert Parameter("a", Choices((1, None))).domain.contains(None)
    assert not Range(0, 1).contains(value=True)
