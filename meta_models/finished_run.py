"""A finished run: the folder that other commands and other runs are given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from meta_models.errors import InputError, UsageError
from meta_models.local_paths import is_folder
from meta_models.result_files import OOF_FILE, StoredResult, read_stored
from meta_models.run_folder import MANIFEST_NAME, RunManifest, RunState, hash_file, read_artifact

#: What tells the folder of another command by the configuration in its manifest.
_HOLDERS = {"tune_share": "a search", "experiment": "an experiment"}


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

    def require_unaltered(self) -> None:
        """See that every artifact is as the run wrote it; raises InputError with the first that is not."""
        for name in self.manifest.artifacts:
            self.read(name)

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
    manifest = RunManifest.read(path) if is_folder(path) else None
    if manifest is None:
        raise UsageError(f"{path} must be the folder of a run", f"Found no {MANIFEST_NAME}", "Name a run folder")
    _require_trained(path, manifest)
    if manifest.state is not RunState.COMPLETE:
        raise UsageError(
            f"The run in {path} must be complete",
            f"It is {manifest.state.value}{f' ({manifest.error})' if manifest.error else ''}",
            "Finish it with train --resume",
        )
    return FinishedRun(name or path.resolve().name, path, manifest, read_stored(path))


def _require_trained(path: Path, manifest: RunManifest) -> None:
    """Refuse the folder of a command that keeps its runs in folders below."""
    kind = next((kind for key, kind in _HOLDERS.items() if key in manifest.config), None)
    if kind is None:
        return
    runs = sorted(str(file.parent) for file in path.rglob(MANIFEST_NAME) if file.parent != path)
    action = f"Name a run in it: {', '.join(runs[:3])}" if runs else "Name a run folder"
    raise UsageError(f"{path} must be the folder of a run", f"Found that of {kind}", action)
