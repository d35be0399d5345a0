"""Every field of a booster says what this package wrote, at its limits and just beyond them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from ubj_writer import written

from meta_models.learners.xgboost import check as booster_check
from meta_models.learners.xgboost.check import MalformedBooster, check_booster
from meta_models.learners.xgboost.ubjson import parse

N_FEATURES = 3
ARRAYS = (*booster_check._INTEGERS, *booster_check._FLOATS)
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def sound() -> dict[str, Any]:
    """Four trees, two in each round; the second tree has at least five nodes."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, N_FEATURES)).astype(np.float32)
    matrix = xgb.DMatrix(values, values[:, 0] * values[:, 1] + 0.1 * rng.normal(size=300) > 0)
    settings = {"objective": "binary:logistic", "nthread": 1, "max_depth": 3, "num_parallel_tree": 2, "base_score": 0.5}
    booster = xgb.train(settings, matrix, 2)
    root = parse(bytes(booster.save_raw("ubj")))
    assert isinstance(root, dict)
    return root


def checked(sound: dict[str, Any], change: Change) -> int:
    root = copy.deepcopy(sound)
    change(root)
    return check_booster(written(root), n_features=N_FEATURES)


def learner(root: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = root["learner"]
    return found


def model(root: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = root["learner"]["gradient_booster"]["model"]
    return found


def tree(root: dict[str, Any], number: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = model(root)["trees"][number]
    return found


def put(root: dict[str, Any], name: str, position: int, value: float) -> None:
    """One value of one array of the second tree."""
    array = tree(root)[name].copy()
    array[position] = value
    tree(root)[name] = array


def param(name: str, value: object) -> Change:
    return lambda root: learner(root)["learner_model_param"].update({name: value})


def of_tree(name: str, value: object) -> Change:
    return lambda root: tree(root)["tree_param"].update({name: value})


def whole_rounds(together: str, steps: list[int]) -> Change:
    def change(root: dict[str, Any]) -> None:
        model(root)["gbtree_model_param"]["num_parallel_tree"] = together
        model(root)["iteration_indptr"] = steps

    return change


def long_array(name: str) -> Change:
    return lambda root: tree(root).update({name: np.append(tree(root)[name], tree(root)[name][:1])})


def as_floats(name: str) -> Change:
    return lambda root: tree(root).update({name: tree(root)[name].astype(np.float32)})


def as_integers(name: str) -> Change:
    return lambda root: tree(root).update({name: tree(root)[name].astype(np.int32)})


def no_nodes(root: dict[str, Any]) -> None:
    tree(root)["tree_param"]["num_nodes"] = "0"
    for name, value in tree(root).items():
        if isinstance(value, np.ndarray):
            tree(root)[name] = value[:0]


#: Changes that say the same, or something else that is sound.
FINE: dict[str, Change] = {
    "nothing": lambda root: None,
    "a version of four digits": lambda root: root.update(version=[9999, 0, 0]),
    "a hundred attributes": lambda root: learner(root).update(attributes={f"a{i}": "x" for i in range(100)}),
    "a base score without brackets": param("base_score", "5E-1"),
    "a small base score": param("base_score", "[1E-7]"),
    "a base score of 40 signs": param("base_score", "0.5" + "0" * 37),
    "no boost from average": param("boost_from_average", "0"),
    "boost from average": param("boost_from_average", "1"),
    "a small weight": lambda root: learner(root)["objective"]["reg_loss_param"].update(scale_pos_weight="1E-3"),
    "one tree a round": whole_rounds("1", [0, 1, 2, 3, 4]),
    "all trees in one round": whole_rounds("4", [0, 4]),
    "a hessian of 0": lambda root: put(root, "sum_hessian", 0, 0.0),
    "the last feature": lambda root: put(root, "split_indices", 0, N_FEATURES - 1),
    "the first feature": lambda root: put(root, "split_indices", 0, 0),
    "missing to the left": lambda root: put(root, "default_left", 0, 1),
    "missing to the right": lambda root: put(root, "default_left", 0, 0),
    "ten digits": lambda root: model(root)["gbtree_model_param"].update(num_trees="0000000004"),
}

#: Changes that are refused, with a word of the reason.
WRONG: dict[str, tuple[Change, str]] = {
    "a version of five digits": (lambda root: root.update(version=[10_000, 0, 0]), "version"),
    "a version of truths": (lambda root: root.update(version=[True, False, False]), "version"),
    "a key more": (lambda root: root.update(hook="x"), "exactly the keys"),
    "a key less": (lambda root: root.pop("version"), "exactly the keys"),
    "a learner that is a list": (lambda root: root.update(learner=[]), "exactly the keys"),
    "a hundred and one attributes": (
        lambda root: learner(root).update(attributes={f"a{i}": "x" for i in range(101)}),
        "attributes",
    ),
    "attributes in a list": (lambda root: learner(root).update(attributes=[]), "attributes"),
    "a number for an attribute": (lambda root: learner(root).update(attributes={"a": "x", "b": 1}), "attributes"),
    "a name of a feature": (lambda root: learner(root).update(feature_names=["a"]), "feature_names"),
    "a type of a feature": (lambda root: learner(root).update(feature_types=["float"]), "feature_types"),
    "names in a text": (lambda root: learner(root).update(feature_names=""), "feature_names"),
    "two classes": (param("num_class", "2"), "num_class"),
    "two targets": (param("num_target", "2"), "num_target"),
    "no target": (param("num_target", "0"), "num_target"),
    "a feature more": (param("num_feature", str(N_FEATURES + 1)), "num_feature"),
    "a feature less": (param("num_feature", str(N_FEATURES - 1)), "num_feature"),
    "a negative number": (param("num_feature", f"-{N_FEATURES}"), "num_feature"),
    "eleven digits": (lambda root: model(root)["gbtree_model_param"].update(num_trees="00000000004"), "num_trees"),
    "digits of another script": (param("num_feature", "३"), "num_feature"),
    "a number that is no text": (param("num_feature", N_FEATURES), "num_feature"),
    "boost from average 2": (param("boost_from_average", "2"), "boost_from_average"),
    "a base score of 0": (param("base_score", "[0E0]"), "base_score"),
    "a base score of 1": (param("base_score", "[1E0]"), "base_score"),
    "a base score that is open on the right": (param("base_score", "[5E-1"), "base_score"),
    "a base score that is open on the left": (param("base_score", "5E-1]"), "base_score"),
    "a base score of 41 signs": (param("base_score", "0.5" + "0" * 38), "base_score"),
    "a base score with an underscore": (param("base_score", "0.5_0"), "base_score"),
    "a base score in another script": (param("base_score", "०.५"), "base_score"),
    "a base score that is no text": (param("base_score", 0.5), "base_score"),
    "a base score that is no number": (param("base_score", "half"), "base_score"),
    "a weight of 0": (
        lambda root: learner(root)["objective"]["reg_loss_param"].update(scale_pos_weight="0"),
        "scale_pos_weight",
    ),
    "an infinite weight": (
        lambda root: learner(root)["objective"]["reg_loss_param"].update(scale_pos_weight="inf"),
        "scale_pos_weight",
    ),
    "another objective": (lambda root: learner(root)["objective"].update(name="reg:logistic"), "objective"),
    "another booster": (lambda root: learner(root)["gradient_booster"].update(name="dart"), "booster of trees"),
    "a category": (lambda root: model(root)["cats"].update(enc=[1]), "categorical"),
    "no tree": (lambda root: model(root).update(trees=[]), "at least one tree"),
    "trees in an array of numbers": (lambda root: model(root).update(trees=np.zeros(4, np.int32)), "trees"),
    "no tree a round": (whole_rounds("0", [0, 4]), "num_parallel_tree"),
    "three trees a round": (whole_rounds("3", [0, 3]), "num_parallel_tree"),
    "rounds of other sizes": (whole_rounds("2", [0, 1, 4]), "iteration_indptr"),
    "a round less": (whole_rounds("2", [0, 2]), "iteration_indptr"),
    "rounds of truths": (whole_rounds("4", [False, 4]), "iteration_indptr"),
    "a tree less than told": (lambda root: model(root)["gbtree_model_param"].update(num_trees="5"), "num_trees"),
    "a tree of another class": (lambda root: model(root).update(tree_info=[0, 0, 0, 1]), "tree_info"),
    "classes of three trees": (lambda root: model(root).update(tree_info=[0, 0, 0]), "tree_info"),
    "the number of a later tree": (lambda root: tree(root).update(id=2), "its own number"),
    "the number of an earlier tree": (lambda root: tree(root).update(id=0), "its own number"),
    "a truth for the number 1": (lambda root: tree(root).update(id=True), "its own number"),
    "deleted nodes": (of_tree("num_deleted", "1"), "deleted"),
    "a tree of a feature more": (of_tree("num_feature", str(N_FEATURES + 1)), "features"),
    "a tree of a feature less": (of_tree("num_feature", str(N_FEATURES - 1)), "features"),
    "two outputs": (of_tree("size_leaf_vector", "2"), "one output"),
    "no output": (of_tree("size_leaf_vector", "0"), "one output"),
    "a node less than told": (of_tree("num_nodes", "99"), "values"),
    "no nodes": (no_nodes, "must have nodes"),
    "a split on a category": (lambda root: put(root, "split_type", 0, 1), "categorical"),
    "categories of a tree": (lambda root: tree(root).update(categories=np.ones(1, np.int32)), "categorical"),
    "a negative hessian": (lambda root: put(root, "sum_hessian", 0, -0.5), "sum_hessian"),
    "a feature beyond the last": (lambda root: put(root, "split_indices", 0, N_FEATURES), "split_indices"),
    "a feature before the first": (lambda root: put(root, "split_indices", 0, -1), "split_indices"),
    "missing to side 2": (lambda root: put(root, "default_left", 0, 2), "default_left"),
    **{f"{name} of another length": (long_array(name), name) for name in ARRAYS},
    **{f"{name} in floats": (as_floats(name), name) for name in booster_check._INTEGERS},
    **{f"{name} in integers": (as_integers(name), name) for name in booster_check._FLOATS},
    **{
        f"{name} is {value}": (lambda root, name=name, value=value: put(root, name, 0, value), name)
        for name in booster_check._FLOATS
        for value in (np.nan, np.inf, -np.inf)
    },
}


@pytest.mark.parametrize("case", FINE)
def test_what_is_sound_passes(sound: dict[str, Any], case: str) -> None:
    assert checked(sound, FINE[case]) == 4


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_is_refused(sound: dict[str, Any], case: str) -> None:
    change, reason = WRONG[case]
    with pytest.raises(MalformedBooster, match=reason):
        checked(sound, change)


def chain(depth: int) -> dict[str, Any]:
    """A tree in which each right child is split again, `depth` times."""
    nodes = 2 * depth + 1
    left, right = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    parents = np.full(nodes, 2**31 - 1, np.int32)
    for level in range(depth):
        parent = 2 * level
        left[parent], right[parent] = parent + 1, parent + 2
        parents[[parent + 1, parent + 2]] = parent
    return {"left_children": left, "right_children": right, "parents": parents}


@pytest.mark.parametrize("lower", [0, 1])
def test_trees_may_be_as_deep_as_the_limit_and_no_deeper(sound: dict[str, Any], lower: int) -> None:
    def deep(root: dict[str, Any]) -> None:
        links = chain(booster_check.MAX_DEPTH + lower)
        nodes = len(links["parents"])
        arrays = {name: np.resize(tree(root)[name], nodes) for name in ARRAYS}
        tree(root).update(arrays | links)
        tree(root)["tree_param"]["num_nodes"] = str(nodes)

    if lower:
        with pytest.raises(MalformedBooster, match="deeper than 64"):
            checked(sound, deep)
    else:
        assert checked(sound, deep) == 4


def test_a_right_child_that_is_not_next_to_the_left_one_is_refused(sound: dict[str, Any]) -> None:
    """All links agree, yet XGBoost, which goes to the left child or the node after it, would leave the tree."""

    def exchanged(root: dict[str, Any]) -> None:
        arrays = {name: np.resize(tree(root)[name], 3) for name in ARRAYS}
        tree(root).update(arrays | chain(1))
        tree(root)["tree_param"]["num_nodes"] = "3"
        put(root, "left_children", 0, 2)
        put(root, "right_children", 0, 1)

    with pytest.raises(MalformedBooster, match="next to the left"):
        checked(sound, exchanged)


@pytest.mark.parametrize(
    ("name", "position", "value", "reason"),
    [
        ("left_children", 0, 0, "after their parent"),
        ("right_children", 0, -1, "two children or none"),
        ("left_children", 0, 2, "child once"),
        ("right_children", 0, 4, "child once"),
        ("right_children", 0, 99, "nodes of their tree"),
        ("parents", 1, 1, "agree"),
        ("parents", 0, 0, "agree"),
    ],
)
def test_links_of_a_later_tree_are_looked_at(
    sound: dict[str, Any], name: str, position: int, value: int, reason: str
) -> None:
    """Of a chain of two splits: nodes 0 to 4."""

    def change(root: dict[str, Any]) -> None:
        arrays = {name: np.resize(tree(root)[name], 5) for name in ARRAYS}
        tree(root).update(arrays | chain(2))
        tree(root)["tree_param"]["num_nodes"] = "5"
        put(root, name, position, value)

    with pytest.raises(MalformedBooster, match=reason):
        checked(sound, change)
