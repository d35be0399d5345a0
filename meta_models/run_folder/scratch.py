"""Folders for working files, removed at the end, or by the next run where this one was killed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meta_models.run_folder.atomic import require_space, temporary_for, write_error
from meta_models.run_folder.signals import at_hard_stop


@contextmanager
def scratch_folder(run: Path, name: str, *, need: int = 0, elsewhere: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder for working files (a cache, say) of the run in the locked folder `run`.

    It lies in `run` under a temporary name, which the next run there removes if this one is killed; or in the folder
    `elsewhere`, under a name that only runs in `run` have, so that the next one of them removes it.

    Parameters
    ----------
    name : str
        What the files are for.
    need : int
        Bytes that will be written there.
    elsewhere : Path, optional
        Another folder, on another disk perhaps; made if absent.

    Raises
    ------
    WriteError
        If it cannot be made, or fewer than `need` bytes are free.
    """
    folder = temporary_for(run / name) if elsewhere is None else _own(elsewhere, run, name)
    shutil.rmtree(folder, ignore_errors=True)
    require_space(folder.parent, need)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise write_error(error, folder) from error

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    try:
        with at_hard_stop(remove):
            yield folder
    finally:
        remove()


def _own(parent: Path, run: Path, name: str) -> Path:
    digest = hashlib.sha256(os.fsencode(run.resolve())).hexdigest()[:16]
    return parent / f"meta-models-{digest}-{name}"
