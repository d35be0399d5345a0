"""What is written down of the files that a run reads, and whether they are still those."""

from __future__ import annotations

from collections.abc import Sequence

from meta_models.errors import InputError
from meta_models.places.place import TablePath
from meta_models.places.places import place
from meta_models.run_folder import InputRecord


def describe_input(path: TablePath, name: str | None = None, *, of: str | None = None) -> InputRecord:
    """Size and SHA-256 of an input file: of its content, or of what a store says of an object's content.

    Parameters
    ----------
    name : str, optional
        What it is called; its path by default.
    of : str, optional
        What the digest is to be of; see :meth:`~meta_models.places.place.Place.digest`.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    there = place(path)
    digest, found = there.digest(of)
    return InputRecord(path=name or str(path), bytes=there.size(), sha256=digest, of=found)


def require_inputs(paths: Sequence[TablePath], records: Sequence[InputRecord], table: str) -> None:
    """See that files are those that were written down, in whatever place they are now.

    Raises
    ------
    InputError
        If their content differs, there are more or fewer, or the content of one cannot be compared.
    """
    same = len(paths) == len(records) and all(
        describe_input(path, of=record.of).sha256 == record.sha256 for path, record in zip(paths, records, strict=True)
    )
    if not same:
        raise InputError(
            "The table must be the one that the run was trained on",
            f"{table!r} has other content, or other files",
            "Give --dataset, where the table lies now",
        )
