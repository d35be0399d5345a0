"""Folders whose names say what stands in a column (``chrom=chr1/``), as pyarrow, Spark and polars write them."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pyarrow as pa

from meta_models.dataset.reading.files import TableFile, check_names
from meta_models.errors import InputError
from meta_models.places import TablePath
from meta_models.schema import METADATA, TEXT

#: How a folder is named where the column has no value.
NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(path: TablePath, source: TablePath) -> dict[str, str | None]:
    """What the folders of `path` below `source` say of its rows.

    Of the folders `source` itself lies in, only those count that name a known column of metadata: a table may be a
    single partition of a larger one, but ``run=3/`` may be anybody's way to keep house.

    Raises
    ------
    InputError
        If two folders name the same column.
    """
    folder = source if source != path else source.parent
    below = path.parent.parts[len(folder.parts) :]
    above = folder.resolve().parts
    said = [_parsed(part) for part in below]
    said += [pair for pair in map(_parsed, above) if pair is not None and pair[0] in METADATA]
    found: dict[str, str | None] = {}
    for name, value in (pair for pair in said if pair is not None):
        if name in found:
            raise InputError("Each folder must name another column", f"{str(path)!r} names {name!r} twice")
        found[name] = value
    return found


def with_partitions(file: TableFile, source: TablePath) -> TableFile:
    """`file` with a column of text for each folder that names one, unless the file has it itself.

    Raises
    ------
    InputError
        If such a column would have to hold numbers.
    """
    found = {n: v for n, v in partitions_of(file.origin, source).items() if n not in file.types}
    if not found:
        return file
    check_names(tuple(found), file.origin)
    numbers = sorted(METADATA.intersection(found) - TEXT)
    if numbers:
        raise InputError(
            "Folders named after columns can hold text only",
            f"{str(file.origin.parent)!r} names {', '.join(numbers)}",
            "Write that column into the files, or rename the folders",
        )
    types = {**file.types, **dict.fromkeys(found, pa.string())}
    return replace(file, types=types, partitions=found)


def _parsed(part: str) -> tuple[str, str | None] | None:
    name, equals, value = part.partition("=")
    if not equals or not name:
        return None
    return name, None if value == NULL_FOLDER else unquote(value)
