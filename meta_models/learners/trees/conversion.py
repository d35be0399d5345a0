"""Trees of any library as an XGBoost booster: split for split, so that one loader, one check and one SHAP serve all.

Thresholds and leaf values are converted, not fitted again: a row of float32 values goes the same way down the converted
tree. What becomes of a row without a value is the learner's business, who trains on what `fill_missing` makes of it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.xgboost.check import OBJECTIVE
from meta_models.learners.xgboost.predictor import BoosterPredictor, load_booster

_NO_PARENT = 2**31 - 1
#: A leaf that no row reached counts for so many rows: TreeSHAP divides by what reaches a node.
_NEVER_REACHED = 1e-6
_VERSION = [3, 1, 0]
_NO_INTS = np.empty(0, ">i4")
_NO_LONGS = np.empty(0, ">i8")


@dataclass(frozen=True)
class Tree:
    """A binary tree; node 0 is its root.

    Attributes
    ----------
    left, right : ndarray of int (n_nodes,)
        Children; -1 at leaves.
    feature : ndarray of int (n_nodes,)
        What is split on; anything at leaves.
    below : ndarray of float32 (n_nodes,)
        Rows whose value is less go left.
    value : ndarray of float64 (n_nodes,)
        What leaves add to the log-odds; anything elsewhere.
    count : ndarray of float64 (n_nodes,)
        Rows trained on that reached each leaf; anything elsewhere.
    gain : ndarray of float64 (n_nodes,), or None
        What each split gained, at least 0 and 0 at leaves; None where the library does not say: it is then how much of
        the spread of the leaves' values the split explains, what CatBoost's documentation calls the change of values.
    """

    left: NDArray[np.integer]
    right: NDArray[np.integer]
    feature: NDArray[np.integer]
    below: NDArray[np.float32]
    value: NDArray[np.float64]
    count: NDArray[np.float64]
    gain: NDArray[np.float64] | None = None

    @cached_property
    def levels(self) -> list[NDArray[np.int64]]:
        """Nodes of each depth, the two children of a node beside each other."""
        found = [np.zeros(1, np.int64)]
        while len(inner := self._inner(found[-1])):
            found.append(np.stack([self.left[inner], self.right[inner]], axis=1).ravel().astype(np.int64))
        return found

    @cached_property
    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Mean value below each node, rows that reached it, and what its split gained."""
        count, mean, gain = np.maximum(self.count, _NEVER_REACHED), self.value.copy(), np.zeros(len(self.left))
        for level in reversed(self.levels):
            node = self._inner(level)
            left, right = self.left[node], self.right[node]
            count[node] = count[left] + count[right]
            mean[node] = (count[left] * mean[left] + count[right] * mean[right]) / count[node]
            gain[node] = count[left] * (mean[left] - mean[node]) ** 2 + count[right] * (mean[right] - mean[node]) ** 2
        return mean, count, gain if self.gain is None else self.gain

    def _inner(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        return nodes[self.left[nodes] >= 0]


def constant_tree(value: float = 0.0) -> Tree:
    """A tree of one leaf."""
    none = np.full(1, -1)
    return Tree(none, none, np.zeros(1, int), np.zeros(1, np.float32), np.full(1, value), np.ones(1))


def just_above(thresholds: NDArray[np.floating]) -> NDArray[np.float32]:
    """The float32 t for which ``x < t`` says of every float32 x what ``x <= threshold`` says."""
    nearest = thresholds.astype(np.float32)
    at_most = np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    return np.nextafter(at_most, np.float32(np.inf))


def converted(
    trees: Sequence[Tree], n_features: int, *, prior: float = 0.5, side_by_side: bool = False
) -> BoosterPredictor:
    """`trees` as a booster of one target.

    Parameters
    ----------
    prior : float
        Probability that the trees start from, in (0, 1).
    side_by_side : bool
        Whether the trees are one round, or each is a round of its own.
    """
    return BoosterPredictor([load_booster(_booster(trees, n_features, prior, len(trees) if side_by_side else 1))])


def _booster(trees: Sequence[Tree], n_features: int, prior: float, together: int) -> bytes:
    model = {
        "cats": {"enc": [], "feature_segments": _NO_INTS, "sorted_idx": _NO_INTS},
        "gbtree_model_param": {"num_parallel_tree": str(together), "num_trees": str(len(trees))},
        "iteration_indptr": list(range(0, len(trees) + 1, together)),
        "tree_info": [0] * len(trees),
        "trees": [_fields(tree, number, n_features) for number, tree in enumerate(trees)],
    }
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {
            "base_score": f"[{np.float32(prior):.9E}]", "boost_from_average": "0", "num_class": "0",
            "num_feature": str(n_features), "num_target": "1",
        },
        "objective": {"name": OBJECTIVE, "reg_loss_param": {"scale_pos_weight": "1"}},
    }  # fmt: skip
    return _ubjson({"learner": learner, "version": _VERSION})


def _fields(tree: Tree, number: int, n_features: int) -> dict[str, Any]:
    """One tree as XGBoost writes it, breadth first: it takes the right child to stand behind the left one."""
    order = np.concatenate(tree.levels)
    place = np.empty(len(tree.left), np.int64)
    place[order] = np.arange(len(order))
    left, split = tree.left[order], tree.left[order] >= 0
    left_place = np.where(split, place[np.where(split, left, 0)], -1)
    parents = np.full(len(order), _NO_PARENT)
    inner = np.flatnonzero(split)
    parents[left_place[inner]] = parents[left_place[inner] + 1] = inner
    mean, count, gain = (values[order] for values in tree.means)
    zeros = np.zeros(len(order), "u1")
    return {
        "base_weights": mean.astype(">f4"),
        "categories": _NO_INTS, "categories_nodes": _NO_INTS, "categories_segments": _NO_LONGS,
        "categories_sizes": _NO_LONGS,
        "default_left": zeros,
        "id": number,
        "left_children": left_place.astype(">i4"),
        "loss_changes": gain.astype(">f4"),
        "parents": parents.astype(">i4"),
        "right_children": np.where(split, left_place + 1, -1).astype(">i4"),
        "split_conditions": np.where(split, tree.below[order], tree.value[order]).astype(">f4"),
        "split_indices": np.where(split, tree.feature[order], 0).astype(">i4"),
        "split_type": zeros,
        "sum_hessian": count.astype(">f4"),
        "tree_param": {
            "num_deleted": "0", "num_feature": str(n_features), "num_nodes": str(len(order)), "size_leaf_vector": "1",
        },
    }  # fmt: skip


_TAGS = {">f4": b"d", ">i4": b"l", ">i8": b"L", "|u1": b"U"}
_LONG = struct.Struct(">q")


def _ubjson(value: Any) -> bytes:
    """UBJSON as XGBoost reads it: objects closed by ``}``, arrays that carry their length."""
    if isinstance(value, Mapping):
        return b"{" + b"".join(_text(key) + _ubjson(inner) for key, inner in value.items()) + b"}"
    if isinstance(value, np.ndarray):
        return b"[$" + _TAGS[value.dtype.str] + b"#" + _length(len(value)) + value.tobytes()
    if isinstance(value, list):
        return b"[#" + _length(len(value)) + b"".join(map(_ubjson, value))
    return b"S" + _text(value) if isinstance(value, str) else b"L" + _LONG.pack(value)


def _text(text: str) -> bytes:
    return _length(len(text.encode())) + text.encode()


def _length(count: int) -> bytes:
    return b"L" + _LONG.pack(count)
