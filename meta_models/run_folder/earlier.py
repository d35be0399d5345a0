"""The folder of a run before the run: made, empty, or with what an earlier run left in it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from meta_models.errors import UsageError
from meta_models.local_paths import exists, is_folder
from meta_models.run_folder.atomic import LOCK_NAME, is_temporary, write_error
from meta_models.run_folder.lock import HOLDER_NAME
from meta_models.run_folder.manifest import MANIFEST_NAME, RunManifest, RunState

_RESUME_OR = "Use --resume to go on with an earlier run, --overwrite to start it again, or choose another --out-dir"


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
        absent = tuple(folder for folder in (path, *path.parents) if not exists(folder))
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
    if not allowed:
        require_free(path, _RESUME_OR)
        return None
    entries = _entries(path)
    if not entries:
        return None
    earlier = RunManifest.read(path)
    if earlier is None:
        raise UsageError(
            f"--overwrite and --resume need the folder of an earlier run, with {MANIFEST_NAME}",
            f"Found none in {path}, but {_shown(entries)}",
            "Choose another --out-dir, or empty the folder yourself",
        )
    return earlier


def require_free(path: Path, action: str) -> None:
    """Refuse a folder that holds more than traces of a run that was killed or that ended before it had made anything.

    Parameters
    ----------
    action : str
        What is to be done then.
    """
    entries = _entries(path)
    if entries and not (entries == [MANIFEST_NAME] and _ended_early(path)):
        raise UsageError(f"The run folder {path} must be empty or absent", f"Found in it: {_shown(entries)}", action)


def _entries(path: Path) -> list[str]:
    """Names in a folder, sorted, without locks and temporaries."""
    try:
        names = sorted(entry.name for entry in path.iterdir() if not is_temporary(entry.name))
    except OSError as error:
        raise write_error(error, path) from error
    return [name for name in names if name not in {LOCK_NAME, HOLDER_NAME}]


def _shown(entries: list[str]) -> str:
    return ", ".join(entries[:3]) + (f" and {len(entries) - 3} more" if len(entries) > 3 else "")


def _ended_early(path: Path) -> bool:
    """Whether the manifest in `path` is that of a run that failed or was interrupted."""
    earlier = RunManifest.read(path)
    return earlier is not None and earlier.state in (RunState.FAILED, RunState.INTERRUPTED)


def prune(folder: Path, root: Path) -> None:
    """Remove `folder` and its parents below `root` as far as they are empty."""
    while folder != root and is_folder(folder) and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
