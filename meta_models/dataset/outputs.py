"""What a command writes, compared with what it reads, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from meta_models.dataset.reading.files import table_files
from meta_models.errors import UsageError
from meta_models.local_paths import exists, is_file
from meta_models.places import TablePath, place
from meta_models.run_folder import MANIFEST_NAME, RunManifest
from meta_models.run_folder.units import UNITS_FOLDER


@dataclass(frozen=True)
class Output:
    """A file that is to be written, or a folder that a run takes for its own.

    Attributes
    ----------
    option : str
        The option that names it, for messages.
    folder : bool
        Whether it is the folder of a run, whose files the run may delete.
    """

    option: str
    path: Path
    folder: bool = False


def require_apart(
    outputs: Sequence[Output], tables: Mapping[str, TablePath], others: Mapping[str, Path | None]
) -> None:
    """See that no output is an input, lies in one or holds one, or replaces a file of a run; also through links.

    Parameters
    ----------
    tables : mapping of str to Path or ObjectPath
        Tables by the option that names them: their files are found, too.
    others : mapping of str to Path or None
        Other files and folders that are read.

    Raises
    ------
    UsageError
        Naming both options.
    InputError
        If a folder of a table cannot be read.
    """
    here = {option: place(path).on_disk for option, path in tables.items()}
    sources = {option: path for option, path in {**here, **others}.items() if path is not None}
    for output in outputs:
        for option, path in sources.items():
            _require_apart(output, option, path)
        _require_no_file_of_a_run(output)
    for option, path in ((option, path) for option, path in here.items() if path is not None):
        for file in table_files(path):
            for output in outputs:
                _require_apart(output, option, file)


def _require_apart(output: Output, option: str, source: Path) -> None:
    if _same(output.path, source):
        _refuse(output, f"It is what {option} reads")
    if _inside(output.path, source):
        _refuse(output, f"It lies inside {source}, which {option} reads")
    if output.folder and _inside(source, output.path):
        _refuse(output, f"It holds {source}, which {option} reads and the run might delete")


def _refuse(output: Output, found: str) -> None:
    raise UsageError(
        f"{output.option} {output.path} must lie apart from what is read", found, f"Choose another {output.option}"
    )


def _require_no_file_of_a_run(output: Output) -> None:
    if output.folder:
        return
    real = Path(os.path.realpath(output.path))
    for folder in real.parents:
        if is_file(folder / MANIFEST_NAME) and _belongs(real.relative_to(folder), folder):
            raise UsageError(
                f"{output.option} {output.path} must not replace a file of a run",
                f"It is {real.relative_to(folder)} of the run in {folder}",
                f"Choose another {output.option}",
            )


def _belongs(name: PurePath, folder: Path) -> bool:
    """Whether the run in `folder` wrote the file `name`, or will; a damaged manifest does not say."""
    try:
        manifest = RunManifest.read(folder)
    except UsageError:
        manifest = None
    names = set() if manifest is None else {*manifest.artifacts, *manifest.leftovers}
    return name.as_posix() in {*names, MANIFEST_NAME} or name.parts[0] == UNITS_FOLDER


def _same(one: Path, other: Path) -> bool:
    """Whether both are one file or folder, or would be."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return os.path.realpath(one) == os.path.realpath(other)


def _inside(path: Path, folder: Path) -> bool:
    """Whether `path` lies below what is at `folder`, which may be a file; both are compared by what they are."""
    return exists(folder) and any(_same(parent, folder) for parent in Path(os.path.realpath(path)).parents)


def require_free(path: Path, option: str, *, overwrite: bool) -> None:
    """See that `option` names nothing that is there, unless it is to be replaced.

    Raises
    ------
    UsageError
        If it does.
    """
    if exists(path) and not overwrite:
        action = f"Give --overwrite, or another {option}"
        raise UsageError(f"{option} must not replace an earlier output", f"Found {path}", action)
