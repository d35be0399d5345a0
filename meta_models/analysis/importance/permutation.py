"""How much worse the model ranks when features are shuffled; correlated features are shuffled together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.attribution.contributions import spread_sample
from meta_models.metrics import average_precision
from meta_models.model import EnsembleMetaModel
from meta_models.schema import SITE_CLASSES

if TYPE_CHECKING:
    from meta_models.analysis.framework.base import AnalysisContext
#: Features with a rank correlation above this are shuffled together.
TOGETHER = 0.8
#: Bytes of features that are predicted at once: a prediction of few rows costs as much as one of thousands.
_TOGETHER_BYTES = 32_000_000
_Floats32 = NDArray[np.float32]
_Predict = Callable[[_Floats32], NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class Permuted:
    """Loss of average precision when features are shuffled.

    Attributes
    ----------
    table : polars.DataFrame
        One row for each group of features, most important first.
    by_feature : polars.DataFrame
        One row for each feature: the loss of its group, and how many features are in it.
    how : str
        How it was computed.
    seen : bool
        Whether the models had been trained on the rows.
    """

    table: pl.DataFrame
    by_feature: pl.DataFrame
    how: str
    seen: bool


@dataclass(frozen=True)
class Group:
    """Features that are shuffled together: columns and name."""

    columns: tuple[int, ...]
    name: str


def permutation_obstacle(context: AnalysisContext) -> str:
    """Why features cannot be shuffled; empty where they can."""
    if context.rows is None:
        return "without a source of rows: gain and cover only"
    if any(model.gene_readers for model in (context.result.model, *context.result.fold_models.values())):
        read = "windows around rows" if context.result.model.window else "whole genes"
        return f"no permutation: the model reads {read}, whose inputs are taken away by the analysis gene-inputs"
    return ""


def permutation_table(context: AnalysisContext) -> Permuted:
    """Loss of AP of each site class when a group is shuffled among the rows, most important first.

    On held-out rows of each fold by the fold's model where fold models were kept, or by the members of an ensemble that
    never saw them; by the final model otherwise.
    """
    config, scores = context.config, context.scores
    rows = spread_sample(scores.labels, scores.genes, config.permutation_rows, config.seed + 1)
    features = context.read_rows(rows)
    groups = feature_groups(context, features)
    models, who = _models(context, rows)
    losses = np.full((len(groups), len(SITE_CLASSES), len(models)), np.nan)
    rng = np.random.default_rng(config.seed)
    for m, (predict, mine) in enumerate(models):
        losses[:, :, m] = _losses(predict, features[mine], scores.labels[rows[mine]], groups, rng)
    loss = {c.label: _mean(losses[:, k]) for k, c in enumerate(SITE_CLASSES)}
    table = _table("features", [(group.name, len(group.columns)) for group in groups], "ap_loss", loss)
    place = {column: k for k, group in enumerate(groups) for column in group.columns}
    names = context.result.kept_features
    by_feature = _table(
        "feature",
        [(name, len(groups[place[k]].columns)) for k, name in enumerate(names)],
        "permutation",
        {label: [values[place[k]] for k in range(len(names))] for label, values in loss.items()},
    )
    order = pl.sum_horizontal(pl.col(f"ap_loss_{c.label}").fill_null(0.0) for c in SITE_CLASSES)
    how = (
        f"Loss of average precision on {len(rows):,} rows, a third of each class (permutation_rows), predicted {who}. "
        f"Features correlated above {TOGETHER} are shuffled together; after the first {config.permutation_features} by "
        "gain (permutation_features) all that are left of a feature group."
    )
    return Permuted(table.sort(order, "features", descending=[True, False]), by_feature, how, who == _SEEN)


def _table(
    key: str, rows: Sequence[tuple[str, int]], prefix: str, losses: Mapping[str, Sequence[float | None]]
) -> pl.DataFrame:
    """Names, the number of features shuffled together, and the loss of each class."""
    columns = {f"{prefix}_{label}": pl.Series(values, dtype=pl.Float64) for label, values in losses.items()}
    frame = pl.DataFrame(rows, schema={key: pl.String, "count": pl.Int64}, orient="row")
    return frame.with_columns(**columns)


_SEEN = "by the final model, which was trained on them"


def _models(context: AnalysisContext, rows: NDArray[np.int64]) -> tuple[list[tuple[_Predict, NDArray[np.int64]]], str]:
    """Predictions and the places in `rows` that each is for, and whose they are."""
    result, folds = context.result, context.scores.folds[rows]
    if result.explained_fold_models:
        of_fold: dict[int, _Predict] = {
            fold: model.predict_proba for fold, model in result.explained_fold_models.items()
        }
        who = f"by the models of {len(of_fold)} folds that never saw them"
    elif isinstance(result.model, EnsembleMetaModel) and result.ensemble is not None and result.ensemble.out_of_batch:
        without = result.model.predict_proba_without
        of_fold = {int(fold): partial(without, member_index=int(fold)) for fold in np.unique(folds)}
        who = "by the members of the ensemble that never saw them"
    else:
        return [(result.model.predict_proba, np.arange(len(rows)))], _SEEN
    pairs = [(predict, np.flatnonzero(folds == fold)) for fold, predict in sorted(of_fold.items())]
    return [(predict, mine) for predict, mine in pairs if len(mine)], who


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
    predict: _Predict,
    features: _Floats32,
    labels: NDArray[np.uint8],
    groups: Sequence[Group],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Loss of AP, (n_groups, n_site_classes); NaN where there are no sites."""
    before = _precisions(predict(features), labels)
    losses = np.empty((len(groups), len(SITE_CLASSES)))
    together = max(1, _TOGETHER_BYTES // max(features.nbytes, 1))
    for start in range(0, len(groups), together):
        some = groups[start : start + together]
        stacked = np.concatenate([_shuffled(features, group, rng) for group in some])
        probabilities = predict(stacked).reshape(len(some), len(features), -1)
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
