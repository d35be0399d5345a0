"""Model files as bytes and from disk. The only place that may run the pickle machine, and only when told to."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from meta_models.errors import InputError, UnsafeModelFile
from meta_models.model import FittedModel
from meta_models.persistence import codec, envelope
from meta_models.persistence.archive import MAX_BYTES, Archive

logger = logging.getLogger(__name__)


def dump_model(model: FittedModel) -> bytes:
    """The model file of `model`; equal models give equal bytes, whatever the date.

    Raises
    ------
    TypeError, ValueError
        If `model` cannot be stored so that :func:`load_model` would read it again.
    """
    return envelope.wrap(codec.encode(model))


@dataclass(frozen=True)
class ModelFile:
    """A model and the file that it was read from; returned by `open_model_file`.

    Attributes
    ----------
    size : int
        Bytes.
    sha256 : str
        Of the whole file.
    entries : mapping of str to str
        SHA-256 of every entry of the archive, in hexadecimal.
    """

    model: FittedModel
    size: int
    sha256: str
    entries: Mapping[str, str]


def open_model_file(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> ModelFile:
    """As :func:`load_model`, never with pickle, and with what the file consists of."""
    data = _read(Path(path), max_bytes)
    model = _decoded(data, path, max_bytes)
    archive = Archive(envelope.unwrap(data), max_bytes=max_bytes)
    entries = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in sorted(archive.entries)}
    return ModelFile(model, len(data), hashlib.sha256(data).hexdigest(), entries)


def load_model(path: str | os.PathLike[str], *, allow_pickle: bool = False, max_bytes: int = MAX_BYTES) -> FittedModel:
    """Read a model file, without running anything that stands in it.

    Parameters
    ----------
    path : path
        A regular file.
    allow_pickle : bool
        Unpickle a file that was not written by :func:`dump_model`. That can run any code: only for files of your own.
    max_bytes : int
        Largest file, and most bytes that it may inflate to.

    Raises
    ------
    InputError
        If `path` is no readable regular file.
    UnsafeModelFile
        If it was not written by :func:`dump_model`, or was altered since.
    """
    data = _read(Path(path), max_bytes)
    if allow_pickle and not envelope.is_wrapped(data):
        return _unpickled(data, path)
    return _decoded(data, path, max_bytes)


def _decoded(data: bytes, path: object, max_bytes: int) -> FittedModel:
    try:
        return codec.decode(envelope.unwrap(data), max_bytes=max_bytes)
    except UnsafeModelFile as error:
        raise UnsafeModelFile(error.expected, f"{error.found.rstrip('.')}, in {path}", error.action) from None


def _restore_model(data: bytes) -> FittedModel:
    """What ``pickle.load`` calls with the archive in a model file."""
    return codec.decode(data, max_bytes=MAX_BYTES)


def _read(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file. Opening never blocks, as it would for a FIFO without a writer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise InputError("A readable model file is needed", f"Found {path}: {error}", "Check the path") from None
    try:
        size = _regular_size(os.fstat(descriptor), path, max_bytes)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(size + 1)
    finally:
        os.close(descriptor)


def _regular_size(status: os.stat_result, path: Path, max_bytes: int) -> int:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise UnsafeModelFile("A model file is needed", f"Found {kind}: {path}", "Name the file, model_multiclass*.pkl")
    if status.st_size > max_bytes:
        found = f"Found {status.st_size} bytes in {path}"
        raise UnsafeModelFile(f"A model file has at most {max_bytes} bytes", found, "Raise max_bytes if it is yours")
    return status.st_size


def _unpickled(data: bytes, path: object) -> FittedModel:
    logger.warning("Unpickling %s, which can run any code, because allow_pickle=True was given", path)
    try:
        model = pickle.loads(data)  # noqa: S301 - only on request, for files of the user's own
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError) as error:
        raise UnsafeModelFile("A pickled model is needed", f"Found {type(error).__name__}: {error}") from error
    if not callable(getattr(model, "predict_proba", None)):
        raise UnsafeModelFile("A pickled model is needed", f"Found {type(model).__name__} without predict_proba")
    return model  # type: ignore[no-any-return]
