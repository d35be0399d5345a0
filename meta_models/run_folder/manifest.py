"""``run_manifest.json``: what a run was given, what it did, and what it wrote."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from meta_models.errors import InputError, UsageError
from meta_models.json_objects import once_each
from meta_models.run_folder.atomic import atomic_write, hash_file
from meta_models.run_folder.environment import EnvironmentRecord
from meta_models.run_folder.native_files import read_frame
from meta_models.run_folder.writers import digest, json_bytes

MANIFEST_NAME = "run_manifest.json"
_CONTENT = "content"

_LIBRARIES = (
    "meta-models", "xgboost", "xgboost-cpu", "polars", "pyarrow", "numpy", "scipy", "scikit-learn", "shap",
    "matplotlib", "pydantic", "lightgbm", "catboost", "torch",
)  # fmt: skip


class RunState(StrEnum):
    """Where a run stands. A run that was killed stays ``running`` in its manifest."""

    RUNNING = "running"
    PLANNED = "planned"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    COMPLETE = "complete"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputRecord(_Record):
    """One input file; made by :func:`~meta_models.places.describe_input`.

    Attributes
    ----------
    of : str
        What is hashed: the content, or what the store of an object says of it.
    """

    path: str
    bytes: int
    sha256: str
    of: str = _CONTENT

    @model_serializer(mode="wrap")
    def _without_default(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As before there were objects, where it is none: checksums of earlier manifests stay right."""
        values: dict[str, Any] = written(self)
        if self.of == _CONTENT:
            del values["of"]
        return values


class ArtifactRecord(_Record):
    """One file of the run folder. Without a hash it was announced but not finished."""

    sha256: str | None = None
    bytes: int | None = None


class UnitRecord(_Record):
    """How one unit of work came about: reused or not, why, and the seconds its work took."""

    key: str
    reused: bool
    reason: str
    seconds: float | None = None


class MemoryFigures(_Record):
    """Peak memory of the process tree in bytes, predicted, measured, and in each phase; the budget it had to keep."""

    predicted: int | None = None
    measured: int | None = None
    budget: int | None = None
    budget_source: str | None = None
    method: str | None = None
    phases: Mapping[str, int] = Field(default_factory=dict)


class RunManifest(_Record):
    """The content of ``run_manifest.json``; frozen: :class:`RunFolder` replaces it and rewrites the file.

    Attributes
    ----------
    config : mapping
        The effective configuration; ``--config run_manifest.json`` feeds it back.
    phases : mapping of str to float
        Seconds of each phase.
    artifacts : mapping of str to ArtifactRecord
        Files of this run by their path in the folder.
    lines : mapping of str to tuple of str
        What the report says of the table, of screening and of the plan; kept for reports made later.
    analysed : tuple of str
        When, and by which command, the analysis was repeated or extended.
    checksum : str
        Hash of all else, set when the file is written: a figure that changed on disk is not taken for the run's.
    environment : EnvironmentRecord or None
        Packages, machine and source that the run was made with; None in those of earlier versions.
    leftovers : tuple of str
        Artifacts of an earlier run that this one resumes; they are removed when it completes without rewriting them.
    error : str or None
        Why the run failed or was interrupted.
    """

    format_version: Literal[1] = 1
    package: Literal["meta_models"] = "meta_models"
    state: RunState = RunState.RUNNING
    error: str | None = None
    started: str = ""
    ended: str | None = None
    argv: tuple[str, ...] = ()
    host: str = ""
    pid: int = 0
    versions: Mapping[str, str] = Field(default_factory=dict)
    config: Mapping[str, Any] = Field(default_factory=dict)
    seeds: Mapping[str, int] = Field(default_factory=dict)
    inputs: tuple[InputRecord, ...] = ()
    phases: Mapping[str, float] = Field(default_factory=dict)
    memory: MemoryFigures = MemoryFigures()
    units: Mapping[str, UnitRecord] = Field(default_factory=dict)
    artifacts: Mapping[str, ArtifactRecord] = Field(default_factory=dict)
    lines: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    analysed: tuple[str, ...] = ()
    environment: EnvironmentRecord | None = None
    leftovers: tuple[str, ...] = ()
    checksum: str = ""

    @classmethod
    def start(cls, leftovers: tuple[str, ...] = ()) -> Self:
        """The manifest of a run that starts now in this process."""
        return cls(
            started=now(),
            argv=tuple(sys.argv),
            host=socket.gethostname(),
            pid=os.getpid(),
            versions=library_versions(),
            leftovers=leftovers,
        )

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The manifest in `folder`; None where there is none.

        Raises
        ------
        UsageError
            If there is a file of that name that this package did not write, or not in this format, or that was altered.
        """
        path = folder / MANIFEST_NAME
        try:
            manifest = cls.model_validate(json.loads(path.read_bytes(), object_pairs_hook=once_each))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:  # pydantic's ValidationError is a ValueError
            reason = first_fault(error) if isinstance(error, ValidationError) else str(error)
            raise UsageError(f"{path} must be the manifest of a run (format 1)", f"Found {reason}") from error
        if manifest.checksum != manifest.own_checksum():
            raise UsageError(f"{path} must be as it was written", "Found other content", "Start the run again")
        return manifest

    def write(self, folder: Path) -> None:
        """Write it into `folder`, atomically.

        Raises
        ------
        WriteError
            If that cannot be done.
        """
        values = {**self.model_dump(mode="json"), "checksum": self.own_checksum()}
        atomic_write(folder / MANIFEST_NAME, json_bytes(values))

    def own_checksum(self) -> str:
        """What `checksum` is for this content; what an earlier version did not know is no part of its content."""
        unknown = {"environment"} if self.environment is None else set()
        return digest(self.model_dump(mode="json", exclude={"checksum", *unknown}))


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong in a file of JSON, and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"[:300]


def read_artifact(folder: Path, name: str) -> pl.DataFrame:
    """A Parquet artifact of the run in `folder`, after its hash was compared with the manifest's.

    Page checksums leave out the footer, in which a column may lose its name.

    Raises
    ------
    InputError
        If it is missing, unfinished or altered.
    UsageError
        If the manifest is.
    """
    manifest = RunManifest.read(folder)
    record = None if manifest is None else manifest.artifacts.get(name)
    if record is None or record.sha256 is None or hash_file(folder / name) != record.sha256:
        raise InputError(f"{folder / name} must be as the run wrote it", "Found none, or other content", "Train again")
    return read_frame(folder / name)


def library_versions() -> dict[str, str]:
    """Versions of Python, this package and the libraries that determine results; those not installed are left out."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def require_versions(expected: Mapping[str, str], found: Mapping[str, str], where: str) -> None:
    """Refuse other libraries than those that the run was begun with: they may make another model.

    Raises
    ------
    UsageError
        With each that differs.
    """
    names = sorted(expected.keys() | found.keys())
    other = [
        f"{n} {found.get(n, 'none')} (not {expected.get(n, 'none')})" for n in names if expected.get(n) != found.get(n)
    ]
    if other:
        raise UsageError(
            "Every process of a run must have the same libraries", f"Found in {where}: {', '.join(other)}",
            "Use one environment for all",
        )  # fmt: skip


def now() -> str:
    """Moment of the call in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
