"""The folder of a run before the run: made, empty, or with what an earlier run left in it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from meta_models.errors import UsageError
from meta_models.run_folder.atomic import is_temporary, write_error
from meta_models.run_folder.lock import HOLDER_NAME, LOCK_NAME
from meta_models.run_folder.manifest import MANIFEST_NAME, RunManifest, RunState


def started(earlier: RunManifest | None) -> RunManifest:
    """A new manifest, to which what an earlier run left is known."""
    names = tuple(sorted({*earlier.artifacts, *earlier.leftovers})) if earlier else ()
    return RunManifest.start(leftovers=names)


def continued(earlier: RunManifest | None, path: Path) -> RunManifest:
    """The manifest of the earlier run, which goes on."""
    if earlier is None:
        raise UsageError(f"{path} must be the folder of a run", "Found an empty folder", "Name the folder of a run")
    finished = {name: record for name, record in earlier.artifacts.items() if record.sha256 is not None}
    leftovers = tuple(sorted({*earlier.leftovers, *(earlier.artifacts.keys() - finished.keys())}))
    changes = {"state": RunState.RUNNING, "error": None, "ended": None, "artifacts": finished, "leftovers": leftovers}
    return earlier.model_copy(update=changes)


def make_folder(path: Path) -> tuple[Path, ...]:
    """Make the folder that ``--out-dir`` names, if it is not there; those that were made, the innermost first.

    Raises
    ------
    UsageError
        If there is a file, or one above it.
    WriteError
        If the file system refuses.
    """
    try:
        absent = tuple(folder for folder in (path, *path.parents) if not folder.exists())
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        found = "Found a file there, or above it"
        raise UsageError(f"--out-dir must be a folder, got {path}", found, "Choose another --out-dir") from None
    except OSError as error:
        raise write_error(error, path) from error
    return absent


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, the innermost first, up to one that holds something."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def earlier_run(path: Path, *, allowed: bool) -> RunManifest | None:
    """The manifest of the run whose files lie in `path`.

    None where there is nothing but traces of a run that was killed, or that ended before it had made anything: once the
    table is corrected, or the name, the same command works.
    """
    try:
        names = sorted(entry.name for entry in path.iterdir() if not is_temporary(entry.name))
    except OSError as error:
        raise write_error(error, path) from error
    entries = [name for name in names if name not in {LOCK_NAME, HOLDER_NAME}]
    if not entries:
        return None
    if not allowed and entries == [MANIFEST_NAME] and _ended_early(path):
        return None
    shown = ", ".join(entries[:3]) + (f" and {len(entries) - 3} more" if len(entries) > 3 else "")
    if not allowed:
        raise UsageError(
            f"The run folder {path} must be empty or absent",
            f"Found in it: {shown}",
            "Use --resume to go on with an earlier run, --overwrite to start it again, or choose another --out-dir",
        )
    earlier = RunManifest.read(path)
    if earlier is None:
        raise UsageError(
            f"--overwrite and --resume need the folder of an earlier run, with {MANIFEST_NAME}",
            f"Found none in {path}, but {shown}",
            "Choose another --out-dir, or empty the folder yourself",
        )
    return earlier


def _ended_early(path: Path) -> bool:
    """Whether the manifest in `path` is that of a run that failed or was interrupted."""
    earlier = RunManifest.read(path)
    return earlier is not None and earlier.state in (RunState.FAILED, RunState.INTERRUPTED)


def prune(folder: Path, root: Path) -> None:
    """Remove `folder` and its parents below `root` as far as they are empty."""
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
