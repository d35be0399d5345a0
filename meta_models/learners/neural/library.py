"""The libraries of the extra ``neural``, imported when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec

from meta_models.learners.extras import required

LIBRARIES = ("torch", "safetensors")


def require_libraries() -> None:
    """Import them.

    Raises
    ------
    UsageError
        If one is not installed; names the extra.
    """
    for library in LIBRARIES:
        required(library, "neural")


def library_versions() -> Mapping[str, str]:
    """Versions of those that are installed."""
    return {name: version(name) for name in LIBRARIES if find_spec(name) is not None}
