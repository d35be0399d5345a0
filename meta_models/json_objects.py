"""Objects of JSON in which no key stands twice: of two, readers keep the last without a word."""

from __future__ import annotations

from typing import Any


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its `pairs`, for ``object_pairs_hook`` of `json.loads`.

    Raises
    ------
    ValueError
        If a key stands there twice.
    """
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"it has {', '.join(map(repr, twice))} twice")
    return dict(pairs)
