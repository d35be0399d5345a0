"""Checks the structure of a booster before XGBoost sees it, because XGBoost does not.

A child index out of range, a cycle or a feature index out of range in a model file ends the process that predicts with
it (XGBoost's ``doc/security.rst`` says so in words). Every array of every tree is checked here, at once for all trees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.xgboost.ubjson import MalformedUbjson, Value, parse

OBJECTIVE = "binary:logistic"
#: Deepest tree. XGBoost walks trees recursively in places.
MAX_DEPTH = 64
MAX_ATTRIBUTES = 100
_NO_PARENT = 2**31 - 1

_INTEGERS = ("default_left", "left_children", "parents", "right_children", "split_indices", "split_type")
_FLOATS = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
_EMPTY = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_TREE_KEYS = frozenset((*_INTEGERS, *_FLOATS, *_EMPTY, "id", "tree_param"))


class MalformedBooster(ValueError):
    """A booster whose structure this package did not write, or that XGBoost might not survive."""


def check_booster(payload: bytes, *, n_features: int) -> int:
    """Check a ``binary:logistic`` tree booster saved as UBJSON.

    Parameters
    ----------
    payload : bytes
        What ``Booster.save_raw("ubj")`` returned.
    n_features : int
        Number of features that it must be trained on.

    Returns
    -------
    int
        Number of trees.

    Raises
    ------
    MalformedBooster
        With the first thing that is wrong.
    """
    try:
        root = parse(payload)
    except MalformedUbjson as error:
        raise MalformedBooster(str(error)) from None
    top = _object(root, {"learner", "version"}, "the booster")
    _check_version(top["version"])
    keys = {
        "attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"
    }  # fmt: skip
    learner = _object(top["learner"], keys, "learner")
    _check_learner(learner, n_features)
    booster = _object(learner["gradient_booster"], {"model", "name"}, "gradient_booster")
    _require(booster["name"] == "gbtree", f"a booster of trees is needed, found {booster['name']!r}"[:100])
    return _check_model(booster["model"], n_features)


def _check_version(value: Value) -> None:
    parts = _sequence(value, "version")
    _require(
        len(parts) == 3 and all(type(p) is int and 0 <= p < 10_000 for p in parts), "version must be three numbers"
    )


def _check_learner(learner: dict[str, Value], n_features: int) -> None:
    attributes = learner["attributes"]
    _require(isinstance(attributes, dict) and len(attributes) <= MAX_ATTRIBUTES, "attributes must be a small object")
    _require(all(isinstance(v, str) for v in attributes.values()), "attributes must be texts")  # type: ignore[union-attr]
    for name in ("feature_names", "feature_types"):
        _require(len(_sequence(learner[name], name)) == 0, f"{name} must be empty: names stand in model.json")
    keys = {"base_score", "boost_from_average", "num_class", "num_feature", "num_target"}
    param = _object(learner["learner_model_param"], keys, "learner_model_param")
    for name, expected in (("num_class", 0), ("num_feature", n_features), ("num_target", 1)):
        _require(_integer(param[name], name) == expected, f"{name} must be {expected}, found {param[name]!r}"[:100])
    _require(param["boost_from_average"] in ("0", "1"), "boost_from_average must be 0 or 1")
    _require(0 < _number(param["base_score"], "base_score") < 1, "base_score must lie between 0 and 1")
    objective = _object(learner["objective"], {"name", "reg_loss_param"}, "objective")
    _require(objective["name"] == OBJECTIVE, f"the objective must be {OBJECTIVE}, found {objective['name']!r}"[:100])
    loss = _object(objective["reg_loss_param"], {"scale_pos_weight"}, "reg_loss_param")
    _require(_number(loss["scale_pos_weight"], "scale_pos_weight") > 0, "scale_pos_weight must be positive")


def _check_model(value: Value, n_features: int) -> int:
    model = _object(value, {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"}, "model")
    cats = _object(model["cats"], {"enc", "feature_segments", "sorted_idx"}, "cats")
    _require(all(len(_sequence(v, "cats")) == 0 for v in cats.values()), "categorical features are not supported")
    trees = model["trees"]
    if not isinstance(trees, list) or not trees:
        raise MalformedBooster("trees must be a list of at least one tree")
    param = _object(model["gbtree_model_param"], {"num_parallel_tree", "num_trees"}, "gbtree_model_param")
    together = _integer(param["num_parallel_tree"], "num_parallel_tree")
    _require(together >= 1 and len(trees) % together == 0, "num_parallel_tree must divide the number of trees")
    _require(_integer(param["num_trees"], "num_trees") == len(trees), "num_trees must be the number of trees")
    steps = _sequence(model["iteration_indptr"], "iteration_indptr")
    _require(_equal(steps, range(0, len(trees) + 1, together)), "iteration_indptr must count the trees of each round")
    _require(_equal(_sequence(model["tree_info"], "tree_info"), [0] * len(trees)), "tree_info must be all 0")
    nodes = [_check_tree(tree, i, n_features) for i, tree in enumerate(trees)]
    _check_nodes(nodes, n_features)
    return len(trees)


def _check_tree(value: Value, index: int, n_features: int) -> dict[str, Value]:
    """Keys, counts, types and lengths of one tree."""
    tree = _object(value, _TREE_KEYS, "a tree")
    _require(tree["id"] == index and type(tree["id"]) is int, f"tree {index} must carry its own number")
    keys = {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"}
    param = _object(tree["tree_param"], keys, "tree_param")
    n_nodes = _integer(param["num_nodes"], "num_nodes")
    _require(_integer(param["num_deleted"], "num_deleted") == 0, "trees with deleted nodes are not supported")
    _require(
        _integer(param["num_feature"], "num_feature") == n_features, f"tree {index} must have {n_features} features"
    )
    _require(_integer(param["size_leaf_vector"], "size_leaf_vector") == 1, "trees must have one output")
    _require(n_nodes >= 1, f"tree {index} must have nodes")
    for names, kind in ((_INTEGERS, "iu"), (_FLOATS, "f")):
        for name in names:
            array = tree[name]
            _require(isinstance(array, np.ndarray) and array.dtype.kind in kind, f"{name} must be an array of numbers")
            _require(len(array) == n_nodes, f"{name} of tree {index} must have {n_nodes} values")  # type: ignore[arg-type]
    _require(all(len(_sequence(tree[name], name)) == 0 for name in _EMPTY), "categorical splits are not supported")
    return tree


def _check_nodes(trees: Sequence[dict[str, Value]], n_features: int) -> None:
    """Values of all nodes of all trees together."""
    sizes = np.array([len(tree["parents"]) for tree in trees])  # type: ignore[arg-type]
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    for name in _FLOATS:
        _require(bool(np.isfinite(_joined(trees, name)).all()), f"{name} must be finite")
    _require(bool((_joined(trees, "sum_hessian") >= 0).all()), "sum_hessian must not be negative")
    features = _joined(trees, "split_indices")
    _require(bool(((features >= 0) & (features < n_features)).all()), f"split_indices must be below {n_features}")
    _require(not _joined(trees, "split_type").any(), "categorical splits are not supported")
    sides = _joined(trees, "default_left")
    _require(bool(((sides == 0) | (sides == 1)).all()), "default_left must be 0 or 1")
    left, right, parents = (_joined(trees, name) for name in ("left_children", "right_children", "parents"))
    _check_links(left, right, parents, first, np.repeat(sizes, sizes))


Ints = NDArray[np.int64]


def _check_links(left: Ints, right: Ints, parents: Ints, first: Ints, size: Ints) -> None:
    """Links make up one tree each: every node but the root is the child of exactly one node before it.

    XGBoost's predictor goes to the left child or to the node after it, whatever stands as the right one
    (``GetNextNode``): with another right child it would go to a node of another branch, or of no branch.

    `first` is the position of each node's root, `size` the number of nodes of its tree. As a child stands after its
    parent, there is no cycle, and every chain of parents ends at the root.
    """
    node = np.arange(len(left)) - first
    split = left != -1
    _require(np.array_equal(split, right != -1), "a node must have two children or none")
    inner, children = np.flatnonzero(split), np.stack([left[split], right[split]])
    _require(bool((children > node[inner]).all()), "children must stand after their parent")
    _require(bool((children < size[inner]).all()), "children must be nodes of their tree")
    positions = children + first[inner]
    times = np.bincount(positions.ravel(), minlength=len(left))
    _require(np.array_equal(times, (node != 0).astype(times.dtype)), "every node but the root must be a child once")
    expected = np.full(len(left), _NO_PARENT)
    expected[positions] = node[inner]
    _require(np.array_equal(parents, expected), "parents must agree with children")
    _require(np.array_equal(children[1], children[0] + 1), "right children must stand next to the left ones")
    _check_depth(positions, inner, len(left))


def _check_depth(positions: Ints, inner: Ints, n_nodes: int) -> None:
    parent = np.full(n_nodes, -1)
    parent[positions] = inner
    reached = np.arange(n_nodes)
    for _ in range(MAX_DEPTH + 1):
        reached = parent[reached]
        reached = reached[reached >= 0]
        if not len(reached):
            return
    raise MalformedBooster(f"a tree is deeper than {MAX_DEPTH}")


def _joined(trees: Sequence[dict[str, Value]], name: str) -> NDArray[Any]:
    joined: NDArray[Any] = np.concatenate([np.asarray(tree[name]) for tree in trees])
    with np.errstate(invalid="ignore"):  # what is not finite is found by those who look at it
        return joined.astype(np.int64 if joined.dtype.kind in "iu" else np.float64)


def _object(value: Value, keys: frozenset[str] | set[str], where: str) -> dict[str, Value]:
    if not isinstance(value, dict) or value.keys() != keys:
        found = sorted(value)[:20] if isinstance(value, dict) else type(value).__name__
        raise MalformedBooster(f"{where} must have exactly the keys {sorted(keys)}, found {found}"[:600])
    return value


def _sequence(value: Value, where: str) -> list[Value] | NDArray[Any]:
    if not isinstance(value, list | np.ndarray):
        raise MalformedBooster(f"{where} must be an array")
    return value


def _equal(found: list[Value] | NDArray[Any], expected: Sequence[int]) -> bool:
    values = found.tolist() if isinstance(found, np.ndarray) else found
    return all(type(v) is int for v in values) and values == list(expected)


def _integer(value: Value, name: str) -> int:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 10:
        raise MalformedBooster(f"{name} must be a number, found {value!r}"[:100])
    return int(value)


def _number(value: Value, name: str) -> float:
    """A finite number in text, bare or as a vector of one (``[5E-1]``)."""
    if not isinstance(value, str) or len(value) > 40:
        raise MalformedBooster(f"{name} must be a number in text")
    text = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    try:
        number = float(text) if "_" not in text and text.isascii() else math.nan
    except ValueError:
        number = math.nan
    _require(math.isfinite(number), f"{name} must be a finite number, found {value!r}")
    return number


def _require(condition: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition, not a switch
    if not condition:
        raise MalformedBooster(otherwise)
