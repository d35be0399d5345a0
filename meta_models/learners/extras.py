"""Libraries that an extra of the package installs, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from meta_models.errors import UsageError


def required(library: str, extra: str) -> ModuleType:
    """Import `library`.

    Raises
    ------
    UsageError
        If it is not installed; names the extra.
    """
    try:
        return import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise UsageError(f"This learner needs {library}, which is not installed: pip install '.[{extra}]'") from None
