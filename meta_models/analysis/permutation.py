"""How much worse the model ranks when features are shuffled; correlated features are shuffled together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.explain import spread_sample
from meta_models.metrics import average_precision
from meta_models.schema import SITE_CLASSES

if TYPE_CHECKING:
    from meta_models.analysis.base import AnalysisContext
    from meta_models.model import FittedModel

#: Features with a rank correlation above this are shuffled together.
TOGETHER = 0.8
#: Bytes of features that are predicted at once: a prediction of few rows costs as much as one of thousands.
_TOGETHER_BYTES = 32_000_000
_Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Permuted:
    """Loss of average precision for each group of features, how it was come by, and whether rows were trained on."""

    table: pl.DataFrame
    how: str
    seen: bool


@dataclass(frozen=True)
class Group:
    """Features that are shuffled together: columns and name."""

    columns: tuple[int, ...]
    name: str


def permutation_table(context: AnalysisContext) -> Permuted:
    """Loss of AP of each site class when a group is shuffled among the rows, most important first.

    On held-out rows of each fold by the fold's model where fold models were kept; by the final model otherwise.
    """
    config, scores = context.config, context.scores
    rows = spread_sample(scores.labels, scores.genes, config.permutation_rows, config.seed + 1)
    features = context.read_rows(rows)
    groups = feature_groups(context, features)
    models = _models(context, rows)
    losses = np.full((len(groups), len(SITE_CLASSES), len(models)), np.nan)
    rng = np.random.default_rng(config.seed)
    for m, (model, mine) in enumerate(models):
        losses[:, :, m] = _losses(model, features[mine], scores.labels[rows[mine]], groups, rng)
    seen = not context.result.fold_models
    table = pl.DataFrame(
        {
            "features": [group.name for group in groups],
            "count": [len(group.columns) for group in groups],
            **{f"ap_loss_{c.label}": _mean(losses[:, k]) for k, c in enumerate(SITE_CLASSES)},
        },
        schema={"features": pl.String, "count": pl.Int64, **{f"ap_loss_{c.label}": pl.Float64 for c in SITE_CLASSES}},
    )
    order = pl.sum_horizontal(pl.col(f"ap_loss_{c.label}").fill_null(0.0) for c in SITE_CLASSES)
    unseen = f"by the models of {len(models)} folds that never saw them"
    who = "by the final model, which was trained on them" if seen else unseen
    how = (
        f"Loss of average precision on {len(rows):,} rows, a third of each class (permutation_rows), predicted {who}. "
        f"Features correlated above {TOGETHER} are shuffled together; after the first {config.permutation_features} by "
        "gain (permutation_features) all that are left of a feature group. Purple: several at once."
    )
    return Permuted(table.sort(order, "features", descending=[True, False]), how, seen)


def _models(context: AnalysisContext, rows: NDArray[np.int64]) -> list[tuple[FittedModel, NDArray[np.int64]]]:
    """Models and the places in `rows` that each predicts."""
    folds = context.scores.folds[rows]
    if not context.result.fold_models:
        return [(context.result.model, np.arange(len(rows)))]
    pairs = [(model, np.flatnonzero(folds == fold)) for fold, model in sorted(context.result.fold_models.items())]
    return [(model, mine) for model, mine in pairs if len(mine)]


def feature_groups(context: AnalysisContext, features: _Floats32) -> list[Group]:
    """Groups of the first features by gain, correlated ones together, then the rest of each feature group."""
    result = context.result
    names = result.kept_features
    records = {record.name: record for record in result.features}
    gain = np.array([sum((records[name].gain or {}).values()) for name in names])
    order = np.argsort(-gain, kind="stable")
    first = [int(k) for k in order[: context.config.permutation_features]]
    groups = [_named([first[k] for k in members], names) for members in _clusters(features[:, first])]
    rest: dict[str, list[int]] = {}
    for k in order[context.config.permutation_features :]:
        rest.setdefault(records[names[k]].group.value, []).append(int(k))
    return groups + [
        Group(tuple(columns), f"all other {group} features ({len(columns)})") for group, columns in sorted(rest.items())
    ]


def _named(columns: Sequence[int], names: Sequence[str]) -> Group:
    return Group(tuple(columns), " + ".join(names[k] for k in columns))


def _clusters(features: _Floats32) -> list[list[int]]:
    """Columns joined by average linkage on 1 - |Spearman's correlation|, each in order."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from scipy.stats import rankdata

    count = features.shape[1]
    if count < 2 or len(features) < 3:
        return [[k] for k in range(count)]
    ranks = rankdata(np.nan_to_num(features, nan=-1e30), axis=0)
    ranks -= ranks.mean(axis=0)
    norms = np.sqrt((ranks**2).sum(axis=0))
    correlation = np.divide(
        ranks.T @ ranks, np.outer(norms, norms), out=np.zeros((count, count)), where=np.outer(norms, norms) > 0
    )
    distance = np.clip(1 - np.abs(correlation), 0, 1)
    np.fill_diagonal(distance, 0)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - TOGETHER, "distance")
    clusters = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    return sorted(clusters)


def _losses(
    model: FittedModel,
    features: _Floats32,
    labels: NDArray[np.uint8],
    groups: Sequence[Group],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Loss of AP, (n_groups, n_site_classes); NaN where there are no sites."""
    before = _precisions(model.predict_proba(features), labels)
    losses = np.empty((len(groups), len(SITE_CLASSES)))
    together = max(1, _TOGETHER_BYTES // max(features.nbytes, 1))
    for start in range(0, len(groups), together):
        some = groups[start : start + together]
        stacked = np.concatenate([_shuffled(features, group, rng) for group in some])
        probabilities = model.predict_proba(stacked).reshape(len(some), len(features), -1)
        for k in range(len(some)):
            losses[start + k] = before - _precisions(probabilities[k], labels)
    return losses


def _shuffled(features: _Floats32, group: Group, rng: np.random.Generator) -> _Floats32:
    shuffled, columns = features.copy(), list(group.columns)
    shuffled[:, columns] = features[rng.permutation(len(features))][:, columns]
    return shuffled


def _precisions(probabilities: NDArray[np.floating], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    found = [average_precision(labels == c.value, probabilities[:, c]).value for c in SITE_CLASSES]
    return np.array([np.nan if value is None else value for value in found])


def _mean(losses: NDArray[np.float64]) -> list[float | None]:
    """Mean over the models that have a figure, (n_groups,)."""
    known = np.isfinite(losses)
    counts = known.sum(axis=1)
    sums = np.where(known, losses, 0.0).sum(axis=1)
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
