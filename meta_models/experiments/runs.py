"""Finished runs: the folders that the commands of this package are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from meta_models.errors import InputError, UsageError
from meta_models.result_files import OOF_FILE, StoredResult, read_stored
from meta_models.run_folder import MANIFEST_NAME, RunManifest, RunState, hash_file, read_artifact


@dataclass(frozen=True)
class FinishedRun:
    """A run whose training and analyses ended; made by :func:`read_run`. Its files are read where they are asked for.

    Attributes
    ----------
    name : str
        What it is called in tables and pages.
    path : Path
        The run folder.
    """

    name: str
    path: Path
    manifest: RunManifest
    stored: StoredResult

    @cached_property
    def oof(self) -> pl.DataFrame:
        """The out-of-fold table, compared with its hash in the manifest.

        Raises
        ------
        InputError
            If it is missing or altered.
        """
        return read_artifact(self.path, OOF_FILE)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration that the run was started with."""
        return dict(self.manifest.config)

    def read(self, name: str) -> bytes:
        """The content of artifact `name`, compared with its hash in the manifest.

        Raises
        ------
        InputError
            If it is missing, unfinished or altered.
        """
        path, record = self.path / name, self.manifest.artifacts.get(name)
        if record is None or record.sha256 is None or hash_file(path) != record.sha256:
            raise InputError(f"{path} must be as the run wrote it", "Found none, or other content", "Train again")
        return path.read_bytes()

    def has(self, name: str) -> bool:
        """Whether the run wrote an artifact of that name."""
        return name in self.manifest.artifacts


def read_run(path: Path, name: str = "") -> FinishedRun:
    """The finished run in the folder `path`.

    Parameters
    ----------
    name : str
        What it is called; the name of the folder by default.

    Raises
    ------
    UsageError
        If there is no run, or one that did not finish, or one of another version of the format.
    """
    manifest = RunManifest.read(path) if path.is_dir() else None
    if manifest is None:
        raise UsageError(f"{path} must be the folder of a run", f"Found no {MANIFEST_NAME}", "Name a run folder")
    if manifest.state is not RunState.COMPLETE:
        raise UsageError(
            f"The run in {path} must be complete",
            f"It is {manifest.state.value}{f' ({manifest.error})' if manifest.error else ''}",
            "Finish it with train --resume",
        )
    return FinishedRun(name or path.resolve().name, path, manifest, read_stored(path))


def read_runs(given: Sequence[str]) -> tuple[FinishedRun, ...]:
    """The runs that a command is given, each ``PATH`` or ``NAME=PATH``, under names that tell them apart.

    Raises
    ------
    UsageError
        If one of them is no finished run, or a folder or a name is given twice.
    """
    named = [_name_and_path(text) for text in given]
    paths = [path for _, path in named]
    _refuse_twice([str(path.resolve()) for path in paths], "folder")
    names = [name or shortest for (name, _), shortest in zip(named, _told_apart(paths), strict=True)]
    _refuse_twice(names, "name")
    return tuple(read_run(path, name) for name, path in zip(names, paths, strict=True))


def _name_and_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not separator or not name or Path(text).exists():
        return "", Path(text)
    return name, Path(path)


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths, of as many parts each, that are all different."""
    parts = [path.resolve().parts[1:] for path in paths]
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
