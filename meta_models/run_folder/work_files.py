"""Work that travels as a file, to a process that is started later or elsewhere.

Such a file is a pickle: reading it runs whatever is in it. It is written into the run folder and read from there by the
same person; a file that belongs to somebody else is refused.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from meta_models.errors import InputError, UsageError
from meta_models.run_folder.atomic import atomic_write
from meta_models.workers import Portable


@dataclass(frozen=True)
class PickledFile:
    """A file that holds one object.

    Attributes
    ----------
    sha256 : str
        Of its content; what has another one is not read.
    """

    path: Path
    sha256: str

    @classmethod
    def write(cls, path: Path, value: object) -> Self:
        """Write `value` into the file `path`, whose folder is there.

        Raises
        ------
        WriteError
            If that cannot be done.
        """
        data = pickle.dumps(value)
        atomic_write(path, data)
        return cls(path, hashlib.sha256(data).hexdigest())

    def read(self) -> Any:
        """The object.

        Raises
        ------
        InputError
            If the file is not there, or has another content.
        UsageError
            If it belongs to another user.
        """
        try:
            with self.path.open("rb") as stream:
                owner, data = os.fstat(stream.fileno()).st_uid, stream.read()
        except OSError as error:
            found = f"Found: {error.strerror}"
            raise InputError(f"The file {self.path} must be readable", found, "Is the folder shared?") from error
        if owner not in (os.geteuid(), 0):
            raise UsageError(
                f"{self.path} must be yours: reading it runs what is in it", f"It belongs to user {owner}", "Plan anew"
            )
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise InputError(f"The file {self.path} must be as it was written", "Found other content", "Plan anew")
        return pickle.loads(data)  # noqa: S301 - of this user, with the hash that was given


@dataclass(frozen=True)
class Order:
    """Units to be done by one process.

    Attributes
    ----------
    file : PickledFile
        The work, a function of a module, and its argument.
    parts : tuple of str
        Which of its units.
    threads, limit : int
        Threads that the process may use, and bytes at which it stops itself.
    """

    file: PickledFile
    parts: tuple[str, ...]
    threads: int
    limit: int


def do_order(order: Order) -> Any:
    """Do what is in the file of `order`; runs in a process of its own."""
    work, argument = _read_work(order.file)
    return work(argument.only(order.parts).placed(order.threads, order.limit))


def _read_work(file: PickledFile) -> tuple[Callable[[Any], Any], Portable]:
    work, argument = file.read()
    return work, argument
