"""The libraries of the extra ``neural``, imported when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec

from meta_models.errors import UsageError

LIBRARIES = ("torch", "safetensors")


def require_libraries(learner: str) -> None:
    """Nothing, where the libraries are there.

    Raises
    ------
    UsageError
        If one is absent.
    """
    absent = [name for name in LIBRARIES if find_spec(name) is None]
    if absent:
        raise UsageError(
            f"Learner {learner} needs the extra 'neural'",
            f"Not installed: {', '.join(absent)}",
            "pip install 'meta-models[neural]'",
        )


def library_versions() -> Mapping[str, str]:
    """Versions of those that are installed."""
    return {name: version(name) for name in LIBRARIES if find_spec(name) is not None}
