"""Experiment files: the runs that they make, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.experiments.experiment_file import Experiment, read_experiment


@pytest.fixture(autouse=True)
def _tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("table", "data/a", "data/b", "one/table", "two/table"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


def read(folder: Path, text: str, most: int = 100) -> Experiment:
    (folder / "experiment.yaml").write_text(text)
    return read_experiment(folder / "experiment.yaml", most)


SHARED = "name: depth\ndescription: Is deeper better?\ntags: {project: worm, round: 2}\ndataset: table\nn-folds: 3\n"


def test_the_matrix_makes_every_combination_in_its_order(tmp_path: Path) -> None:
    text = SHARED + "xgboost: {subsample: 0.7}\nmatrix: {xgboost.max_depth: [4, 6], split: [gene, chromosome]}\n"
    found = read(tmp_path, text)
    assert [variant.name for variant in found.variants] == [
        "max_depth-4__split-gene", "max_depth-4__split-chromosome", "max_depth-6__split-gene",
        "max_depth-6__split-chromosome",
    ]  # fmt: skip
    config = TrainingConfig.from_mapping(dict(found.variants[2].options))
    assert (config.section.max_depth, config.section.subsample, config.split, config.n_folds) == (6, 0.7, "gene", 3)
    assert config.tags == ("project=worm", "round=2", "experiment=depth")
    assert (found.name, found.description, dict(found.tags)) == (
        "depth", "Is deeper better?", {"project": "worm", "round": "2"},
    )  # fmt: skip


def test_options_of_a_learner_that_is_not_fitted_make_no_run_of_their_own(tmp_path: Path) -> None:
    text = SHARED + "logistic: {penalty: 0.001}\nmatrix: {learner: [xgboost, logistic], xgboost.max_depth: [4, 6]}\n"
    found = read(tmp_path, text)
    assert [variant.name for variant in found.variants] == [
        "learner-xgboost__max_depth-4", "learner-xgboost__max_depth-6", "learner-logistic",
    ]  # fmt: skip
    assert found.merged == 1
    assert dict(found.variants[2].values) == {"learner": "logistic"}
    assert TrainingConfig.from_mapping(dict(found.variants[2].options)).section.penalty == 0.001


def test_lists_of_learners_and_features_are_named_by_their_place(tmp_path: Path) -> None:
    text = SHARED + "matrix: {learners: [[xgboost, logistic], svm], exclude_features: [[], [a, b]]}\n"
    found = read(tmp_path, text)
    assert [variant.name for variant in found.variants] == [
        "learners-1__exclude_features-1", "learners-1__exclude_features-2", "learners-svm__exclude_features-1",
        "learners-svm__exclude_features-2",
    ]  # fmt: skip
    assert found.variants[1].options["learners"] == ["xgboost", "logistic"]
    assert found.variants[1].options["exclude_features"] == ["a", "b"]


def test_features_are_sets_of_which_a_learner_of_genes_has_none(tmp_path: Path) -> None:
    text = SHARED + "matrix: {learner: [xgboost, logistic], features: [base, base+context]}\n"
    found = read(tmp_path, text)
    assert [variant.name for variant in found.variants] == [
        "learner-xgboost__features-base", "learner-xgboost__features-base+context", "learner-logistic__features-base",
        "learner-logistic__features-base+context",
    ]  # fmt: skip
    assert [variant.options["variants"] for variant in found.variants] == [["base"], ["base+context"]] * 2
    (single,) = read(tmp_path, SHARED + "features: all\n").variants
    assert (single.name, single.options["variants"]) == ("run", ["all"])


def test_features_say_nothing_of_nets(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")
    found = read(tmp_path, SHARED + "matrix: {learner: [xgboost, tcn], features: [base, base+context]}\n")
    assert [variant.name for variant in found.variants] == [
        "learner-xgboost__features-base", "learner-xgboost__features-base+context", "learner-tcn",
    ]  # fmt: skip
    assert (found.merged, found.variants[2].options["variants"]) == (1, [])


def test_tables_are_folders_and_names_that_collide_are_told_apart(tmp_path: Path) -> None:
    text = "name: two\nmatrix: {dataset: [data/a, data/b], xgboost.subsample: [0.5, 0.50]}\n"
    found = read(tmp_path, text)
    assert [variant.name for variant in found.variants] == ["a/subsample-0.5", "b/subsample-0.5"]
    assert found.several_tables
    text = "name: two\nmatrix: {dataset: [one/table, two/table]}\n"
    assert [variant.name for variant in read(tmp_path, text).variants] == ["table/run", "table/run__2"]


def test_a_file_without_a_matrix_is_one_run(tmp_path: Path) -> None:
    assert [variant.name for variant in read(tmp_path, SHARED).variants] == ["run"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SHARED + "n_fold: 3", "Found 'n_fold'. Perhaps 'n_folds' was meant"),
        (SHARED + "matirx: {seed: [1]}", "Perhaps 'matrix' was meant"),
        (SHARED + "xgbost: {max_depth: 3}", "Perhaps 'xgboost' was meant"),
        (SHARED + "xgboost: {max_dept: 3}", "Found 'max_dept'. Perhaps 'max_depth' was meant"),
        (SHARED + "matrix: {xgboost.max_dept: [3]}", "Perhaps 'max_depth' was meant"),
        (SHARED + "matrix: {learnr: [xgboost]}", "Perhaps 'learner' was meant"),
        (SHARED + "matrix: {max_depth: [3, 4], xgboost.max_depth: [5]}",
         r"given once. Found xgboost\.max_depth in two ways in the matrix"),
        (SHARED + "matrix: {n-folds: [2], n_folds: [3]}", "Found n-folds also with '_'"),
        (SHARED + "matrix: {seed: [010]}", "'010' is not the same number to everybody"),
        (SHARED + "max_depth: 3\nxgboost: {max-depth: 4}", r"Found xgboost\.max_depth in two ways"),
        (SHARED + "matrix: {dataset: [data/a, one/../data/a]}", "Each table must be named once"),
        (SHARED + "out_dir: here", "out_dir is not for an experiment file"),
        (SHARED + "matrix: {resume: [true]}", "resume is not for an experiment file"),
        (SHARED + "matrix: {learner: []}", "1 to 100 runs. Found 0: learner has no values"),
        (SHARED + "matrix: {seed: [" + ", ".join(map(str, range(100))) + "], n_folds: [" + "2, " * 99 + "3]}",
         "1 to 100 runs. Found 10,000"),
        (SHARED + "matrix: {learner: xgboost}", "a list of values for each option"),
        (SHARED + "matrix: [1]", "a list of values for each option"),
        (SHARED + "matrix: {}", "Found none. Leave it out for a single run"),
        (SHARED + "matrix:", "Found none. Leave it out for a single run"),
        (SHARED + "xgboost.max_depth: 5\nmatrix: {xgboost.max_depth: [4, 6]}",
         r"one value for all runs, or several in the matrix. Found xgboost\.max_depth in both"),
        (SHARED + "xgboost: {max-depth: 5}\nmatrix: {max_depth: [4, 6]}", r"Found xgboost\.max_depth in both"),
        (SHARED + "matrix: {n_folds: [4, 6]}", "Found n_folds in both"),
        (SHARED + "learners: [knn]\nmatrix: {learner: [xgboost, svm]}", "Found learner in both"),
        (SHARED + "xgboost: {max_depth: 5}\nmatrix: {xgboost: [{max_depth: 4}, {subsample: 0.5}]}",
         "Found xgboost in both"),
        (SHARED + "matrix: {learner: [xgboost, xgbost]}", r"this one is not: learner xgbost.*Perhaps 'xgboost'"),
        (SHARED + "matrix: {xgboost.max_depth: [4, 99]}", r"this one is not: xgboost.max_depth 99.*less than or equal"),
        (SHARED.replace("n-folds: 3", "seed: 1") + "matrix: {n_folds: [5, 1]}", "this one is not: n_folds 1"),
        (SHARED + "matrix: {features: [[base]]}", r"features must name one set for each run.*Found \['base'\]"),
        (SHARED + "features: base,all", "features must name one set for each run.*Found 'base,all'"),
        (SHARED + "variants: [all]\nfeatures: base", "features, a set for each run, or variants, several in one run"),
        (SHARED + "matrix: {features: [base, base+]}", r"this one is not: features base\+"),
        ("name: 3\ndataset: table", "must have a name"),
        ("name: a\nmatrix: {seed: [1, 2]}", "--dataset must name the table"),
        ("name: a\ndataset: table\ndescription: [1]", "description must be text"),
        ("name: a\ntags: [b]", "tags a mapping"),
        ("- 1", "An experiment needs keys and values"),
        ("a: [", "An experiment needs a readable YAML file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_experiment(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        read(tmp_path, text)


def test_more_variants_where_they_are_asked_for(tmp_path: Path) -> None:
    text = SHARED.replace("n-folds: 3\n", "") + "matrix: {seed: [1, 2, 3], n_folds: [2, 3]}"
    with pytest.raises(UsageError, match=r"1 to 5 runs. Found 6"):
        read(tmp_path, text, 5)
    assert len(read(tmp_path, text, 6).variants) == 6
