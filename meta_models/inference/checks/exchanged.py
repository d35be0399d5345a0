"""Score columns that were exchanged: the likely cause where many features look as they never did in training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import combinations

from meta_models.schema import base_models


def exchanged_columns(
    features: Iterable[str], far: Collection[str], looks_like: Callable[[str, str], bool]
) -> tuple[tuple[str, str], ...]:
    """Pairs of score columns of one base model, each of which looks as the other one did in training.

    Parameters
    ----------
    features : iterable of str
        All features that were compared with training.
    far : collection of str
        Those that are far from it.
    looks_like : callable
        Whether the values of one feature are distributed as those of another one were in training.
    """
    columns = ([column for column in base.columns if column in far] for base in base_models(features))
    pairs = (pair for of_base in columns for pair in combinations(of_base, 2))
    return tuple((a, b) for a, b in pairs if looks_like(a, b) and looks_like(b, a))
