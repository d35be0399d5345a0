"""The folder of one run."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

from meta_models.errors import ExitCode, InputError, MetaModelsError, TimeUp, UsageError, WriteError
from meta_models.local_paths import printable
from meta_models.run_folder.atomic import (
    atomic_path,
    remove_temporaries,
    sha256_of,
    write_error,
)
from meta_models.run_folder.earlier import continued, earlier_run, make_folder, prune, remove_empty, started
from meta_models.run_folder.lock import LOCK_NAME, FolderLock
from meta_models.run_folder.manifest import MANIFEST_NAME, ArtifactRecord, RunManifest, RunState, UnitRecord, now
from meta_models.run_folder.scratch import scratch_folder
from meta_models.run_folder.signals import at_hard_stop
from meta_models.run_folder.units import UNITS_FOLDER, UnitStore
from meta_models.run_folder.writers import Table, json_bytes, write_parquet

logger = logging.getLogger(__name__)

_INTERRUPTS = (ExitCode.SIGINT, ExitCode.SIGTERM)


class RunFolder:
    """The folder that one run writes to; made by :meth:`open`.

    Artifacts are named by their path in the folder, with ``/``. Each is announced in the manifest before it is written,
    so that no file of ours is ever taken for somebody else's. ``units/`` belongs to the package as a whole.

    Attributes
    ----------
    path : Path
        The folder.
    manifest : RunManifest
        What stands in ``run_manifest.json``, or will (see :meth:`clear_earlier`); change it with :meth:`update`.
    units : UnitStore
        Checkpoints; what is looked up and put there is recorded in the manifest.
    earlier : RunManifest or None
        Manifest of the run whose folder was taken, as it was found.
    """

    def __init__(
        self, path: Path, manifest: RunManifest, earlier: RunManifest | None = None, *, spares: bool = False
    ) -> None:
        self.path, self.manifest, self.earlier = path, manifest, earlier
        self._spares_earlier = spares
        self.units = UnitStore(path / UNITS_FOLDER, self._record_unit)

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, overwrite: bool = False, resume: bool = False, extend: bool = False) -> Iterator[Self]:
        """Make or take `path`, lock it, and keep its manifest up to the outcome of the block.

        Leaving the block verifies all artifacts and marks the run ``complete``; ``KeyboardInterrupt`` and
        ``SystemExit(143)`` mark it ``interrupted``, any other error ``failed`` with its message. What was
        refused before anything was made leaves nothing. Temporaries are removed in every case, and on opening those of
        runs that were killed.

        Parameters
        ----------
        path : Path
            Absent, or an empty folder; with `overwrite` or `resume`, also the folder of an earlier run.
        overwrite : bool
            Replace an earlier run. Until :meth:`clear_earlier` it stays as it was, whatever ends the block.
        resume : bool
            Keep the units. Until one of them is looked up the run stays as it was, whatever ends the block; artifacts
            stay until they are rewritten; those that are not go when the run completes.
        extend : bool
            Add to an earlier run: its manifest goes on, and all its artifacts stay; see :meth:`supersede`.

        Raises
        ------
        UsageError
            If `path` is not a folder, is not empty (or, with `overwrite`, `resume` or `extend`, not of a run), or is in
            use: the message names the holder's pid and host.
        WriteError
            If the folder cannot be made or written to, or an artifact is not as it was written.
        """
        made = make_folder(path)
        try:
            yield from cls._taken(path, overwrite=overwrite, resume=resume, extend=extend)
        finally:
            remove_empty(made)

    @classmethod
    def _taken(cls, path: Path, *, overwrite: bool, resume: bool, extend: bool) -> Iterator[Self]:
        """The run folder `path`, within the block that holds its lock."""
        if not (path / LOCK_NAME).exists():
            earlier_run(path, allowed=overwrite or resume or extend)
        lock = FolderLock(path)
        lock.acquire()
        try:
            for left in remove_temporaries(path):
                logger.info("Removed %s, left by a run that was killed", left)
            earlier = earlier_run(path, allowed=overwrite or resume or extend)
            manifest = continued(earlier, path) if extend else started(earlier)
            folder = cls(path, manifest, earlier, spares=overwrite and earlier is not None)
            folder.update()
            last = partial(remove_temporaries, path)  # of what the main thread has begun meanwhile
            with at_hard_stop(lock.remove_files), at_hard_stop(last), at_hard_stop(folder._abandon), folder._outcome():
                yield folder
        finally:
            remove_temporaries(path)
            lock.release()

    def clear_earlier(self) -> None:
        """Delete the artifacts that the manifest of the run to be overwritten lists, and its units; no other file.

        Call it once everything that can be wrong with the new run was looked at: up to here the earlier run and its
        manifest lie there untouched, even where the process is killed. It is called for the first artifact, too, and
        does nothing where there is no run to be overwritten. Units must not be looked up before.

        Raises
        ------
        WriteError
            If something cannot be deleted.
        """
        if not self._spares_earlier:
            return
        self.manifest.write(self.path)  # it lists what is to be deleted, should that be cut short
        self._spares_earlier = False
        self._delete_leftovers()
        self.units.clear()

    def spared_bytes(self) -> int:
        """Bytes that :meth:`clear_earlier` is going to free."""
        if not self._spares_earlier:
            return 0
        names = (self.path / name for name in self.manifest.leftovers)
        files = [*names, *(path for path in self.units.folder.rglob("*") if not path.is_symlink())]
        return sum(path.stat().st_size for path in files if path.is_file())

    def update(self, **changes: Any) -> None:
        """Replace fields of the manifest and rewrite it; only what is in memory while an earlier run is as it was.

        Raises
        ------
        pydantic.ValidationError
            If there is no such field, or a value does not fit it.
        WriteError
            If the manifest cannot be written.
        """
        self.manifest = RunManifest.model_validate({**dict(self.manifest), **changes})
        if not self._earlier_stands():
            self.manifest.write(self.path)

    def _earlier_stands(self) -> bool:
        """Whether an earlier run is untouched: none of its files was replaced, none of its units looked up."""
        return self._spares_earlier or (self.earlier is not None and not self._holds_anything())

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the block and add its seconds to the manifest's phase `name`."""
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        logger.info("Phase %s took %.1f s", name, seconds)
        phases = self.manifest.phases
        self.update(phases={**phases, name: round(phases.get(name, 0.0) + seconds, 3)})

    @contextmanager
    def path_for(self, name: str, *, need: int | None = None) -> Iterator[Path]:
        """Yield a temporary path for artifact `name`; afterwards it is flushed, renamed and registered with its hash.

        The temporary keeps the suffix of `name`, for writers that choose a format by it.

        Raises
        ------
        WriteError
            If it cannot be written; `need` bytes are named where the disk is full.
        """
        self.clear_earlier()
        target = self._target(name)
        if name not in self.manifest.artifacts:
            self.update(artifacts={**self.manifest.artifacts, name: ArtifactRecord()})
        with atomic_path(target, need=need) as temporary:
            yield temporary
            record = ArtifactRecord(sha256=sha256_of(temporary), bytes=temporary.stat().st_size)
        artifacts = {**self.manifest.artifacts, name: record}
        self.manifest = self.manifest.model_copy(update={"artifacts": artifacts})

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write artifact `name`; raises WriteError if that cannot be done."""
        with self.path_for(name, need=len(data)) as temporary:
            temporary.write_bytes(data)

    def write_text(self, name: str, text: str) -> None:
        """Write artifact `name` in UTF-8, line ends as given; raises WriteError if that cannot be done.

        Of a file name that is no UTF-8 the other bytes are written as escapes.
        """
        self.write_bytes(name, printable(text).encode())

    def write_json(self, name: str, value: object) -> None:
        """Write artifact `name` as :func:`json_bytes` (sorted keys; NaN is a ValueError)."""
        self.write_bytes(name, json_bytes(value))

    def write_parquet(self, name: str, table: Table) -> None:
        """Write artifact `name` with page checksums and read it back; see :func:`write_parquet`."""
        with self.path_for(name) as temporary:
            write_parquet(temporary, table)

    def supersede(self, names: Iterable[str]) -> None:
        """Give up artifacts that are to be made again: those that are not rewritten go when the run completes."""
        given_up = set(names) & set(self.manifest.artifacts)
        kept = {name: record for name, record in self.manifest.artifacts.items() if name not in given_up}
        self.update(artifacts=kept, leftovers=tuple(sorted({*self.manifest.leftovers, *given_up})))

    def verify(self, name: str) -> None:
        """Read artifact `name` again and compare it with what was written.

        Raises
        ------
        WriteError
            If it is missing, unreadable or altered.
        KeyError
            If the run has no such artifact.
        """
        expected = self.manifest.artifacts[name].sha256
        try:
            found = sha256_of(self.path / name)
        except OSError as error:
            raise WriteError(
                f"The artifact {self.path / name} must be readable", f"Found: {error.strerror or error}"
            ) from error
        if found != expected:
            raise WriteError(
                f"The artifact {self.path / name} must be as it was written, sha256 {expected}",
                f"Found {found}",
                "Check the disk, and that nothing else writes there",
            )

    def scratch(self, name: str, *, need: int = 0) -> AbstractContextManager[Path]:
        """A folder for working files in this one, see :func:`scratch_folder`."""
        return scratch_folder(self.path, name, need=need)

    def close_planned(self) -> None:
        """Have the run end as ``planned``: its units are done by others, and its artifacts made by who collects."""
        self.update(state=RunState.PLANNED, ended=now())

    def fail(self, message: str) -> None:
        """Mark the run ``failed`` now, for a process that is about to end itself."""
        self._close(RunState.FAILED, message)

    def _abandon(self) -> None:
        """Mark the run ``interrupted``, for a process that cannot come to the end of the block."""
        self._close(RunState.INTERRUPTED, "A signal, while a native call did not come back")

    @contextmanager
    def _outcome(self) -> Iterator[None]:
        try:
            yield
            if self.manifest.state is RunState.RUNNING:
                self._complete()
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt | TimeUp) or (
                isinstance(error, SystemExit) and error.code in _INTERRUPTS
            )
            text = str(error) if isinstance(error, MetaModelsError) else f"{type(error).__name__}: {error}".rstrip(": ")
            if isinstance(error, InputError | UsageError) and self.earlier is None and not self._holds_anything():
                (self.path / MANIFEST_NAME).unlink(missing_ok=True)
            else:
                self._close(RunState.INTERRUPTED if interrupted else RunState.FAILED, text)
            raise

    def _holds_anything(self) -> bool:
        """Whether this run has made, or taken over, anything but the manifest."""
        return bool(self.manifest.artifacts or self.manifest.units)

    def _complete(self) -> None:
        self.clear_earlier()
        unfinished = {name for name, record in self.manifest.artifacts.items() if record.sha256 is None}
        artifacts = {name: record for name, record in self.manifest.artifacts.items() if name not in unfinished}
        leftovers = {*self.manifest.leftovers, *unfinished} - artifacts.keys()
        self.manifest = self.manifest.model_copy(update={"artifacts": artifacts, "leftovers": tuple(sorted(leftovers))})
        for name in artifacts:
            self.verify(name)
        self._delete_leftovers()
        self.update(state=RunState.COMPLETE, ended=now(), error=None)

    def _close(self, state: RunState, message: str) -> None:
        try:
            self.update(state=state, error=message, ended=now())
        except WriteError as error:
            logger.error("The manifest cannot be brought up to date: %s", error)

    def _record_unit(self, name: str, record: UnitRecord) -> None:
        """The first look-up decides what is recorded; the work's seconds come with the commit."""
        first = self.manifest.units.get(name)
        if first is not None:
            record = first.model_copy(update={"seconds": record.seconds or first.seconds, "key": record.key})
        self.update(units={**self.manifest.units, name: record})

    def _target(self, name: str) -> Path:
        pure = PurePosixPath(name)
        plain = bool(pure.parts) and name == str(pure) and not pure.is_absolute()
        if not plain or pure.parts[0] in {UNITS_FOLDER, MANIFEST_NAME} or any(p.startswith(".") for p in pure.parts):
            raise ValueError(f"Not a name for an artifact: {name!r}")
        target = self.path / pure
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, target) from error
        return target

    def _delete_leftovers(self) -> None:
        """Delete the artifacts of the earlier run that are listed and lie in this folder, then folders left empty."""
        root = self.path.resolve()
        for name in self.manifest.leftovers:
            target = self.path / name
            if not target.parent.resolve().is_relative_to(root) or PurePosixPath(name).is_absolute():
                logger.warning("%r in the manifest lies outside the run folder and is not deleted", name)
                continue
            try:
                target.unlink(missing_ok=True)
                prune(target.parent, self.path)
            except OSError as error:
                raise write_error(error, target) from error
        self.manifest = self.manifest.model_copy(update={"leftovers": ()})
