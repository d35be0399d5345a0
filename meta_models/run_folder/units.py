"""Units: the smallest pieces of work that are checkpointed, and reused by a resumed run where nothing changed."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meta_models.errors import WriteError
from meta_models.run_folder.atomic import atomic_path, flush, is_temporary, set_aside, sha256_of, write_error
from meta_models.run_folder.manifest import UnitRecord
from meta_models.run_folder.visibility import VISIBLE_SECONDS, wait_for
from meta_models.run_folder.writers import digest, json_bytes

logger = logging.getLogger(__name__)

UNITS_FOLDER = "units"
COMMIT_NAME = "unit.json"
TIMING_NAME = "timing.json"
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


@dataclass(frozen=True)
class UnitKey:
    """What determines a unit's result; made by :meth:`UnitStore.key`.

    Attributes
    ----------
    sha256 : str
        Hash of everything together.
    parts : mapping of str to str
        Hash of each part, so that a unit that cannot be reused can say which part changed.
    """

    sha256: str
    parts: Mapping[str, str]


@dataclass(frozen=True)
class UnitHit:
    """A finished unit whose key matches and whose files are as they were written."""

    name: str
    folder: Path
    hashes: Mapping[str, str]
    reason: str = "finished earlier, same key, files verified"

    def read(self, file: str) -> bytes:
        """The content of one of its files.

        Raises
        ------
        WriteError
            If the file changed since the unit was found to be whole.
        """
        path = self.folder / file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WriteError(f"The checkpoint {path} must be readable", str(error)) from error
        if hashlib.sha256(data).hexdigest() != self.hashes[file]:
            raise WriteError(f"The checkpoint {path} must be as it was written", "Found other content", "Run again")
        return data

    def files(self) -> dict[str, bytes]:
        """The content of all of its files; raises what `read` raises."""
        return {name: self.read(name) for name in sorted(self.hashes)}


@dataclass(frozen=True)
class UnitMiss:
    """No unit to reuse, and why."""

    name: str
    reason: str


UnitListener = Callable[[str, UnitRecord], None]


class UnitStore:
    """Checkpoints below one folder, ``<folder>/<unit>/``.

    A unit appears as a whole: its files are written to a temporary folder, which is then renamed. ``unit.json`` holds
    the key and the hash of each file, all of which are compared before a unit is reused. Seconds lie in
    ``timing.json``, apart, for all other files of two equal runs are byte-identical. Processes may put units into the
    same store at the same time, also the same unit: the last one has it.

    Parameters
    ----------
    folder : Path
        Made when the first unit is put.
    listener : callable, optional
        Told of each look-up that decides about a unit, and of each unit put.
    """

    def __init__(self, folder: Path, listener: UnitListener | None = None) -> None:
        self.folder = folder
        self._listener = listener

    def within(self, name: str) -> UnitStore:
        """A store of its own below this one; the listener is told of its units as ``name.unit``."""
        _check_name(name)
        listener = self._listener
        return UnitStore(
            self.folder / name, None if listener is None else lambda unit, record: listener(f"{name}.{unit}", record)
        )

    @staticmethod
    def key(parts: Mapping[str, object]) -> UnitKey:
        """The key of a unit that is determined by `parts` (inputs, genes, features, parameters, seed, versions, ...).

        Raises
        ------
        ValueError
            If a part holds NaN or infinity.
        """
        hashes = {name: digest(part) for name, part in sorted(parts.items())}
        return UnitKey(digest(hashes), hashes)

    def get(self, name: str, key: UnitKey) -> UnitHit | UnitMiss:
        """The unit, if it was finished with the same key and its files are unaltered; otherwise why not."""
        found = self._look_up(name, key)
        logger.info("Unit %s is %s: %s", name, "reused" if isinstance(found, UnitHit) else "computed", found.reason)
        if self._listener is not None:
            reused = isinstance(found, UnitHit)
            self._listener(name, UnitRecord(key=key.sha256, reused=reused, reason=found.reason))
        return found

    def holds(self, name: str, key: UnitKey) -> bool:
        """Whether :meth:`get` would find the unit; nobody is told."""
        return isinstance(self._look_up(name, key), UnitHit)

    def awaited(self, name: str, key: UnitKey, *, seconds: float = VISIBLE_SECONDS) -> UnitHit:
        """A unit that a process, on another machine perhaps, has put: a shared folder may show it a while later.

        Raises
        ------
        WriteError
            If it is not there after so many `seconds`.
        """

        def look() -> UnitHit | None:
            found = self._look_up(name, key)
            return found if isinstance(found, UnitHit) else None

        found = wait_for(look, self.folder, seconds=seconds)
        if found is None:
            raise WriteError(
                f"The unit {name} must be in {self.folder}, for it was done",
                f"After {seconds:.0f} s {self._look_up(name, key).reason}",
                "The run folder must be one that all machines share",
            )
        return found

    def put(
        self, name: str, key: UnitKey, files: Mapping[str, bytes], *, timing: Mapping[str, float] | None = None
    ) -> UnitHit:
        """Commit a finished unit; one of the same name is replaced.

        Parameters
        ----------
        name : str
            Letters, digits, ``.``, ``_`` and ``-``.
        key : UnitKey
            As given to :meth:`get`.
        files : mapping of str to bytes
            Contents by file name.
        timing : mapping of str to float, optional
            Seconds of each part of the work; ``total``, or else their sum, stands in the manifest.

        Raises
        ------
        WriteError
            If it cannot be written.
        """
        hashes = {file: hashlib.sha256(data).hexdigest() for file, data in sorted(files.items())}
        return self._commit(name, key, files, hashes, timing)

    def move(
        self, name: str, key: UnitKey, files: Mapping[str, Path], *, timing: Mapping[str, float] | None = None
    ) -> UnitHit:
        """As :meth:`put`, of files on the same disk that are moved into the unit: they may be larger than memory.

        Raises
        ------
        WriteError
            If one cannot be moved.
        """
        try:
            hashes = {file: sha256_of(path) for file, path in sorted(files.items())}
        except OSError as error:
            raise write_error(error, self._folder_of(name)) from error
        return self._commit(name, key, files, hashes, timing)

    def _commit(
        self,
        name: str,
        key: UnitKey,
        files: Mapping[str, bytes] | Mapping[str, Path],
        hashes: Mapping[str, str],
        timing: Mapping[str, float] | None,
    ) -> UnitHit:
        """Let a unit of `files` appear as a whole, with the marks that say what it is."""
        folder = self._folder_of(name)
        for file in files:
            _check_name(file)
        commit = {"format": _FORMAT, "name": name, "key": key.sha256, "parts": dict(key.parts), "files": dict(hashes)}
        beside = {TIMING_NAME: json_bytes(dict(timing or {})), COMMIT_NAME: json_bytes(commit)}
        self._write(folder, {**files, **beside})
        if self._listener is not None:
            seconds = None if timing is None else timing.get("total", sum(timing.values()))
            self._listener(name, UnitRecord(key=key.sha256, reused=False, reason="computed", seconds=seconds))
        return UnitHit(name, folder, hashes, "computed in this run")

    def tell(self, name: str, record: UnitRecord) -> None:
        """Log and pass on to the listener what a store of this folder in another process recorded."""
        if record.seconds is None:
            logger.info("Unit %s is %s: %s", name, "reused" if record.reused else "computed", record.reason)
        if self._listener is not None:
            self._listener(name, record)

    def timing(self, name: str) -> dict[str, float]:
        """Seconds that were put with a unit; empty where there are none."""
        try:
            found = json.loads((self._folder_of(name) / TIMING_NAME).read_bytes())
        except (OSError, ValueError):
            return {}
        items = found.items() if isinstance(found, dict) else ()
        return {str(part): float(seconds) for part, seconds in items if isinstance(seconds, int | float)}

    def names(self) -> tuple[str, ...]:
        """Names of the committed units, sorted."""
        found = (path.parent.name for path in self.folder.glob(f"*/{COMMIT_NAME}"))
        return tuple(sorted(name for name in found if not is_temporary(name)))

    def remove(self, name: str) -> None:
        """Remove one unit, at once as others see it."""
        folder = self._folder_of(name)
        try:
            set_aside(folder)
        except OSError as error:
            raise write_error(error, folder) from error

    def clear(self) -> None:
        """Remove the whole store."""
        try:
            if self.folder.is_symlink():
                self.folder.unlink()
            elif self.folder.exists():
                shutil.rmtree(self.folder)
        except OSError as error:
            raise write_error(error, self.folder) from error

    def _write(self, folder: Path, files: Mapping[str, bytes | Path]) -> None:
        """Write, or move, all files of a unit, then let it appear as a whole."""
        need = sum(len(data) for data in files.values() if isinstance(data, bytes))
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, folder, need) from error
        with atomic_path(folder, need=need) as temporary:
            temporary.mkdir()
            for file, data in sorted(files.items()):
                if isinstance(data, Path):
                    data.replace(temporary / file)
                else:
                    (temporary / file).write_bytes(data)
                flush(temporary / file)

    def changed(self, name: str, key: UnitKey) -> tuple[str, ...]:
        """Parts of the key that are others now, of a unit that was finished; nothing is altered, nobody is told."""
        commit = _read_commit(self._folder_of(name))
        return () if isinstance(commit, str) else _changed(commit["parts"], key.parts)

    def _folder_of(self, name: str) -> Path:
        _check_name(name)
        return self.folder / name

    def _look_up(self, name: str, key: UnitKey) -> UnitHit | UnitMiss:
        folder = self._folder_of(name)
        if not folder.is_dir():
            return UnitMiss(name, "there is none yet")
        commit = _read_commit(folder)
        if isinstance(commit, str):
            return UnitMiss(name, commit)
        if commit["key"] != key.sha256:
            return UnitMiss(name, _difference(commit["parts"], key.parts))
        if (commit["name"], commit["parts"]) != (name, dict(key.parts)):
            return UnitMiss(name, f"its {COMMIT_NAME} is damaged")
        for file, expected in sorted(commit["files"].items()):
            try:
                found = sha256_of(folder / file)
            except OSError as error:
                return UnitMiss(name, f"its file {file} cannot be read ({error.strerror})")
            if found != expected:
                return UnitMiss(name, f"its file {file} was altered: sha256 {found[:12]}..., not {expected[:12]}...")
        return UnitHit(name, folder, dict(commit["files"]))


def _read_commit(folder: Path) -> dict[str, Any] | str:
    """The content of ``unit.json``, or why there is none."""
    try:
        commit = json.loads((folder / COMMIT_NAME).read_bytes())
    except FileNotFoundError:
        return "it was started but not finished"
    except (OSError, ValueError) as error:
        return f"its {COMMIT_NAME} cannot be read ({type(error).__name__})"
    if not isinstance(commit, dict) or commit.get("format") != _FORMAT:
        return f"its {COMMIT_NAME} has another format"
    files, parts = commit.get("files"), commit.get("parts")
    if not (
        isinstance(files, dict) and isinstance(parts, dict) and isinstance(commit.get("key"), str) and "name" in commit
    ):
        return f"its {COMMIT_NAME} is damaged"
    if not all(_NAME.fullmatch(file) and isinstance(sha256, str) for file, sha256 in files.items()):
        return f"its {COMMIT_NAME} is damaged"
    return commit


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(part for part in old.keys() | new.keys() if old.get(part) != new.get(part)))


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    changed = _changed(old, new)
    return f"changed since: {', '.join(changed)}" if changed else "its key is damaged"


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name in {COMMIT_NAME, TIMING_NAME}:
        raise ValueError(f"Not a name for a unit or its file: {name!r}")
