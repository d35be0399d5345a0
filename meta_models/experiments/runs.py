"""Finished runs: the folders that the commands of this package are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from meta_models.errors import UsageError
from meta_models.finished_run import FinishedRun, read_run
from meta_models.local_paths import exists, real


def read_runs(given: Sequence[str]) -> tuple[FinishedRun, ...]:
    """The runs that a command is given, each ``PATH`` or ``NAME=PATH``, under names that tell them apart.

    Raises
    ------
    UsageError
        If one of them is no finished run, or a folder or a name is given twice.
    """
    named = [_name_and_path(text) for text in given]
    paths = [path for _, path in named]
    _refuse_twice([str(real(path)) for path in paths], "folder")
    names = [name or shortest for (name, _), shortest in zip(named, _told_apart(paths), strict=True)]
    _refuse_twice(names, "name")
    return tuple(read_run(path, name) for name, path in zip(names, paths, strict=True))


def _name_and_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not separator or not name or exists(text):
        return "", Path(text)
    return name, Path(path)


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths, of as many parts each, that are all different."""
    parts = [real(path).parts[1:] for path in paths]
    for length in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(p[-length:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _refuse_twice(values: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise UsageError(f"Every run must have a {what} of its own", f"Found {value} twice", "Name it once")
        seen.add(value)
