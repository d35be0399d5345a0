"""Random forests of scikit-learn, converted to boosters of one round.

A booster adds up log-odds. So a leaf gives the log-odds of its share of the class, drawn to the share in all rows as if
it held ``smoothing`` more rows, and the forest is their mean: the geometric mean of the odds that its trees give.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from meta_models.learners.jobs import CLASSES, balanced
from meta_models.learners.pace import Pace
from meta_models.learners.seam import Shape, Traits, Tune
from meta_models.learners.trees.binned import BinnedTreeLearner, CodeTree, Grown, Part, Task, TreeConfig

#: Bytes of a node in scikit-learn and in the forms of conversion (``python benchmarks/footprints.py``).
_NODE_BYTES = 220
#: Leaves for each row of the rarer side, in simulated tables where nothing tells the classes for sure: .5 of 40
#: features, and the fewer the more features there are. In real tables there are far fewer.
_LEAVES_OF_SITE, _OF_FEATURES = 0.6, 40
#: For a tree of one class: 1.1 and 2.5 s of 200 trees on 1,070 and 2,150 rows of 147 features, 22 s on 22,700.
_TREE = Pace(2e-3, 3.2e-8)


class RandomForestConfig(TreeConfig):
    """Options of random forests."""

    n_trees: Annotated[int, Field(ge=1, le=5000)] = Field(200, description="Trees.")
    max_depth: Annotated[int, Field(ge=1, le=48), Tune(6, 40)] = Field(30, description="Depth of a tree.")
    max_leaves: Annotated[int, Field(ge=2)] = Field(
        8192, description="Most leaves of a tree, the best first; a forest of large trees takes much memory and disk."
    )
    min_leaf_rows: Annotated[int, Field(ge=1), Tune(1, 20, log=True)] = Field(3, description="Least rows of a leaf.")
    max_features: Annotated[float, Field(gt=0, le=1), Tune(0.05, 0.5)] = Field(
        0.2, description="Share of the features drawn for each split."
    )
    bootstrap: bool = Field(default=True, description="Draw the rows of each tree with replacement.")
    split_by: Literal["rows", "weights"] = Field(
        "rows",
        description="What splits are found by: rows, both classes counting the same, or the weights of the rows.",
    )
    smoothing: Annotated[float, Field(gt=0), Tune(0.1, 10, log=True)] = Field(
        1.0, description="Rows of the average share of the class that are added to each leaf."
    )


class RandomForest(BinnedTreeLearner):
    """Trees that are grown side by side, each on its own draw of rows, each split on its own draw of features.

    Splits are found on rows that count alike within a class, both classes alike: by sampling weights the rows of a rare
    class are soon apart from the few that weigh most, and a tree of four leaves is pure. What a leaf says is reckoned
    from all rows trained on, by their weights.
    """

    name: ClassVar[str] = "random_forest"
    title: ClassVar[str] = "random forest (scikit-learn)"
    Config: ClassVar[type[RandomForestConfig]] = RandomForestConfig
    traits: ClassVar[Traits] = Traits(targets="each", features=True)

    def grow(self, task: Task, config: RandomForestConfig) -> Grown:
        """Grow on the features that may be used; scikit-learn's forest is the same for any number of threads."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            config.n_trees, max_depth=config.max_depth, max_leaf_nodes=config.max_leaves,
            min_samples_leaf=config.min_leaf_rows, max_features=config.max_features, bootstrap=config.bootstrap,
            random_state=task.seed % 2**32, n_jobs=task.threads,
        )  # fmt: skip
        values = task.codes_of(task.train, np.float32)
        used = values if len(task.features) == values.shape[1] else values[:, task.features]
        forest.fit(used, task.train.truth, _split_weights(task.train, config))
        trees = [_code_tree(member.tree_, used, task, config) for member in forest.estimators_]
        full = sum(int((tree.left < 0).sum()) >= config.max_leaves for tree in trees)
        return Grown(trees, task.prior, facts={"trees": len(trees), "trees_at_max_leaves": full})

    def cpu_seconds(self, shape: Shape, config: RandomForestConfig) -> float:
        """Of all trees."""
        return _TREE.seconds(shape, CLASSES * config.n_trees)

    def bytes_of_job(self, shape: Shape, config: RandomForestConfig) -> int:
        """Rows as float32, and the trees: sites are few, and leaves are made around them."""
        return 4 * shape.rows * shape.features + 40 * shape.rows + self.nodes(shape, config) * _NODE_BYTES

    def nodes(self, shape: Shape, config: RandomForestConfig) -> int:
        """Leaves are made around sites: no more than there are of these, a few for each tree apart."""
        share = _LEAVES_OF_SITE * min(1.0, (_OF_FEATURES / max(shape.features, 1)) ** 0.5)
        around = int(share * shape.sites) + 10
        leaves: int = min(config.max_leaves, 2 ** min(config.max_depth, 40), around, shape.rows)
        return 2 * leaves * config.n_trees


def _split_weights(train: Part, config: RandomForestConfig) -> NDArray[np.float64]:
    if config.split_by == "weights":
        return train.weights
    return balanced(np.ones(len(train.rows)), train.truth.astype(np.int64))


def _code_tree(tree: Any, values: NDArray[np.float32], task: Task, config: RandomForestConfig) -> CodeTree:
    """A tree of scikit-learn, which splits between two bins: ``bin <= k + .5``."""
    leaf = tree.children_left < 0
    return CodeTree(
        left=tree.children_left, right=tree.children_right,
        feature=task.features[np.where(leaf, 0, tree.feature)],
        code=np.where(leaf, 0, np.floor(tree.threshold)).astype(np.int64),
        value=_log_odds(tree, values, task, config.smoothing) / config.n_trees,
        count=tree.n_node_samples.astype(np.float64),
        gain=_impurity_decrease(tree),
    )  # fmt: skip


def _log_odds(tree: Any, values: NDArray[np.float32], task: Task, rows: float) -> NDArray[np.float64]:
    """Log-odds of each leaf beyond those of the class, of all rows trained on as they count; 0 of inner nodes."""
    leaf, prior = tree.apply(values), task.prior
    total = np.bincount(leaf, task.train.weights, tree.node_count)
    sites = np.bincount(leaf, task.train.weights * task.train.truth, tree.node_count)
    share = (sites + rows * prior) / (total + rows)
    odds: NDArray[np.float64] = np.log(share / (1 - share)) - np.log(prior / (1 - prior))
    return odds


def _impurity_decrease(tree: Any) -> NDArray[np.float64]:
    impurity, inner = tree.weighted_n_node_samples * tree.impurity, np.flatnonzero(tree.children_left >= 0)
    gain = np.zeros(len(impurity))
    gain[inner] = impurity[inner] - impurity[tree.children_left[inner]] - impurity[tree.children_right[inner]]
    return np.maximum(gain, 0)
