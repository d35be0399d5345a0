"""Whether a recipe makes the features of a model, two recipes make the same, and rows of a table do for a model."""

from __future__ import annotations

from collections.abc import Sequence

from meta_models.errors import InputError
from meta_models.features import Recipe, column_names
from meta_models.model import FittedModel


def require_columns(names: Sequence[str], recipe: Recipe) -> None:
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
            f"Found another {'; another '.join(differences)}",
            "Build it with the same options and the same kind of tracks",
        )


def require_rows(model: FittedModel) -> None:
    """See that a model can be applied to the rows of a table.

    Raises
    ------
    InputError
        If it has a second pass.
    """
    if model.info.first_pass is not None:
        raise InputError(
            "A model with a second pass is applied to whole genes",
            "Found a table of rows, which lacks positions",
            "Give --genome, --scores and --annotation, or train without --second-pass",
        )
