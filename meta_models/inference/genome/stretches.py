"""What a model reads of the positions of genes: features, and columns that it computes from whole genes by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.stretches import Stretch, matrix_of
from meta_models.errors import InputError
from meta_models.features import FeatureBlock, Recipe, column_names
from meta_models.features.group import Group
from meta_models.learners.gene_bridge import tracks_of
from meta_models.learners.seam import Matrix
from meta_models.model import FittedModel


def gene_columns(model: FittedModel, pack: Sequence[Stretch], recipe: Recipe) -> dict[str, NDArray[np.float32]]:
    """The scores of whole genes that a model has of the positions of a pack, by the names of its features."""
    first, readers = model.info.first_pass, model.gene_readers
    columns = {} if first is None else dict(zip(first.names, first.columns(pack), strict=True))
    found = [
        model.scores_of_gene(tracks_of(each.gene, recipe, offset=each.offset, whole=each.whole), each.rows)
        for each in (pack if readers else ())
    ]
    own = [name for single in readers for name in single.own_columns]
    return columns | {name: np.concatenate([scores[name] for scores in found]) for name in own}


def model_matrix(
    models: Iterable[FittedModel], names: Sequence[str], pack: Sequence[Stretch], block: FeatureBlock, recipe: Recipe,
    rows: NDArray[np.intp],
) -> Matrix:  # fmt: skip
    """The columns `names` of the positions of `pack`: features, which are `rows` of a block, and scores of `models`.

    Scores that no model has, as only models of other folds do, are missing.
    """
    own = dict[str, NDArray[np.float32]]()
    for model in models:
        if not own.keys() >= set(model.gene_columns):
            own |= gene_columns(model, pack, recipe)
    made = set(block.names)
    if made.issuperset(names):
        return matrix_of(block, names)[rows]
    whole = np.full((len(rows), len(names)), np.nan, np.float32)
    whole[:, [name in made for name in names]] = matrix_of(block, [name for name in names if name in made])[rows]
    for number, name in enumerate(names):
        if name in own:
            whole[:, number] = own[name]
    return whole


def needed(recipe: Recipe, names: Collection[str]) -> Recipe | None:
    """`recipe` with those feature groups alone that make some of `names`; None where none does."""
    groups = tuple(group for group in recipe.groups if set(names).intersection(_columns_of(recipe, group)))
    return replace(recipe, groups=groups) if groups else None


@lru_cache(maxsize=64)
def _columns_of(recipe: Recipe, group: Group) -> tuple[str, ...]:
    return column_names(replace(recipe, groups=(group,)))


def require_columns(names: Collection[str], recipe: Recipe) -> None:
    """See that a recipe makes every one of the features `names`.

    Raises
    ------
    InputError
        If it does not.
    """
    if lacking := sorted(set(names) - set(column_names(recipe))):
        raise InputError(
            "Features must be those that the recipe of the built table makes",
            f"Found {len(lacking)} others: {', '.join(lacking[:5])}",
            "Leave them out with --exclude-features, or give --whole-genes off, which scores rows of tables alone",
        )


def require_same_recipe(own: Recipe | None, other: Recipe, option: str) -> None:
    """See that the features of a built folder are those of the training table, where that says how they were made.

    Raises
    ------
    InputError
        If they are not.
    """
    if own is not None and (differences := own.differences(other)):
        raise InputError(
            f"{option} must be built as the training table was",
            f"They differ in {'; in '.join(differences)}",
            "Build it with the same options and the same kind of tracks",
        )
