"""Which files make up a table, and whether their footers agree."""

from __future__ import annotations

import contextlib
import re
import zlib
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from meta_models.dataset.reading.not_tables import other_kind
from meta_models.errors import InputError, WriteError
from meta_models.places import Form, TablePath, place
from meta_models.schema import TEXT, is_kmer

PARQUET_SUFFIXES = (".parquet", ".pq")
TEXT_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
INFO_FILE = "dataset_info.json"
#: Folders that ``meta-models build`` writes side by side: whole genes, and the table of sampled rows.
GENES_FOLDER, MASTER_FOLDER = "genes", "master"
_SHOWN = 20
#: Files in a folder that are no tables: a few tell what folder it is.
_FOREIGN = 5
#: Folders that tell what wrote a table.
_LAKES = {"_delta_log": "a Delta table", ".hoodie": "a Hudi table"}
#: Names that polars takes for patterns of names.
_PATTERN = re.compile(r"\*|\^.*\$")


class Kind(StrEnum):
    """What a column holds, as far as reading it is concerned."""

    NUMERIC = "numeric"
    STRING = "string"
    NULL = "null"
    OTHER = "other"


@dataclass(frozen=True)
class TableFile:
    """One Parquet file of a table.

    Attributes
    ----------
    types : dict of str to pyarrow.DataType
        Columns in the order of the file.
    row_groups : tuple of int
        Rows of each row group.
    origin : Path or ObjectPath
        The file that the user gave: `path` itself, or the text file that was converted to it.
    sha256 : str or None
        Of a file that this run wrote for itself: what it was when it was written.
    partitions : mapping of str to str or None
        Columns of one value that the names of its folders give it; `types` has them, too.
    index : frozenset of str
        Columns that pandas wrote its row index into, as the footer says.
    stamp : str
        What would be another text had the file been written again since its footer was read.
    """

    path: TablePath
    types: dict[str, pa.DataType]
    row_groups: tuple[int, ...]
    origin: TablePath
    sha256: str | None = None
    partitions: Mapping[str, str | None] = field(default_factory=dict)
    index: frozenset[str] = frozenset()
    stamp: str = ""

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return sum(self.row_groups)

    def require_unchanged(self) -> None:
        """See that the file is still the one whose footer was read.

        Raises
        ------
        InputError
            If it was written again, or is gone.
        """
        if place(self.path).stamp() != self.stamp:
            raise InputError(
                "The files of a table must stay as they were when it was opened",
                f"{str(self.origin)!r} was changed since",
                "Run it again with --resume: what was trained is kept",
            )

    def verify(self) -> None:
        """Compare a file that this run wrote with what was written.

        Raises
        ------
        WriteError
            If it is another one by now.
        """
        if self.sha256 is not None and place(self.path).digest()[0] != self.sha256:
            raise WriteError(
                f"The working file {self.path} must be as it was written", "Found other content", "Check the disk"
            )


@contextlib.contextmanager
def reading(path: TablePath) -> Iterator[None]:
    """Translate what polars and pyarrow raise on a bad file into an `InputError` that names it.

    polars' ``PanicException`` is not an ``Exception``; it is translated, too.
    """
    try:
        yield
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        pa.ArrowException,
        OSError,
        UnicodeError,
        EOFError,
        zlib.error,
    ) as e:
        detail = " ".join(str(e).split())[:300] or type(e).__name__
        raise place(path).fault(detail) from e


def discover(source: TablePath) -> tuple[TablePath, ...]:
    """The files of a table, sorted by path.

    A folder is walked without following links to folders already seen; names that start with ``.`` or ``_`` are
    skipped, so is the ``dataset_info.json`` of `source`; one of a folder within it, which nobody would read, is
    refused. Any other file is refused: it may be a part of the table.

    Raises
    ------
    InputError
        If `source` does not exist, is neither file nor folder, or holds no table or foreign files.
    """
    form = place(source).form()
    if form is Form.FILE:
        _require_table_suffix(source)
        return (source,)
    if form is Form.SPECIAL:
        raise InputError(f"The table {str(source)!r} must be a file or a folder", "Found a special file")
    found = sorted(_walk(source))
    _refuse_unread(found, source)
    foreign = [p for p in found if not str(p).lower().endswith(PARQUET_SUFFIXES + TEXT_SUFFIXES)]
    if foreign:
        raise InputError(
            f"The folder {str(source)!r} must hold table files only ({', '.join(PARQUET_SUFFIXES + TEXT_SUFFIXES)})",
            f"Found {len(foreign)} other: {_list(['/'.join(p.parts[len(source.parts) :]) for p in foreign], _FOREIGN)}",
            "Move them away, or start their names with '_' to have them skipped",
        )
    if not found:
        raise InputError(f"The folder {str(source)!r} must hold Parquet, CSV or TSV files", "Found none")
    if len({_is_text(p) for p in found}) > 1:
        raise InputError(f"The files in {str(source)!r} must be all Parquet or all text", "Found both")
    _refuse_links(found)
    return tuple(found)


def table_files(source: Path) -> tuple[Path, ...]:
    """The files on this machine that make up the table `source`, as they lie there: nothing of them is checked.

    Raises
    ------
    InputError
        If it may not be looked into.
    """
    try:
        return tuple(Path(str(p)) for p in _walk(source)) if source.is_dir() else (source,)
    except PermissionError as error:
        raise InputError(f"The table {str(source)!r} must be readable", str(error), "Check its permissions") from None


def _refuse_links(paths: Sequence[TablePath]) -> None:
    """Refuse a file that is there twice, by a link."""
    seen: dict[Hashable, TablePath] = {}
    for path in paths:
        _refuse_same(path, seen.setdefault(place(path).identity(), path))


def refuse_copies(files: Sequence[TableFile]) -> None:
    """Refuse a file that has rows and the content of another one; read are only those of equal sizes.

    Raises
    ------
    InputError
        Naming both.
    """
    sizes = {file.origin: place(file.origin).size() for file in files if file.rows}
    counts, seen = Counter(sizes.values()), dict[str, TablePath]()
    for path in (path for path, size in sizes.items() if counts[size] > 1):
        _refuse_same(path, seen.setdefault(place(path).digest()[0], path))


def _refuse_same(path: TablePath, first: TablePath) -> None:
    if path is not first:
        raise InputError(
            "Each row of a table must stand in it once",
            f"{str(path)!r} is {str(first)!r} again (a link or a copy of it)",
            "Move one of them away, or start its name with '_' to have it skipped",
        )


def _require_table_suffix(path: TablePath) -> None:
    if not str(path).lower().endswith(PARQUET_SUFFIXES + TEXT_SUFFIXES):
        wanted = ", ".join(PARQUET_SUFFIXES + TEXT_SUFFIXES)
        what = other_kind(path)
        raise InputError(
            f"A table file must end in one of {wanted}",
            f"Found {str(path)!r}{f', {what}: it is no table' if what else ''}",
            "meta-models build makes a table of a genome, an annotation and scores" if what else "Rename it",
        )


def _is_text(path: TablePath) -> bool:
    return str(path).lower().endswith(TEXT_SUFFIXES)


def _walk(folder: TablePath) -> Iterator[TablePath]:
    for root, folders, names in place(folder).tree():
        _refuse_lake(root, folders, names)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in names:
            if name.startswith((".", "_")) or (name == INFO_FILE and root == folder):
                continue
            if not place(root).plain(name):
                raise InputError("A table folder must hold plain files", f"Found {str(root / name)!r}", "Remove it")
            yield root / name


def _refuse_unread(paths: Sequence[TablePath], folder: TablePath) -> None:
    """Refuse facts of a folder within a table: they are read of the folder that is the table alone."""
    within = [path.parent for path in paths if path.name == INFO_FILE]
    if within:
        raise InputError(
            f"{INFO_FILE} must stand in the folder that is named as the table",
            f"Found it in {str(within[0])!r}, within {str(folder)!r}",
            "Name the former, or move the file into the latter",
        )


def _refuse_lake(folder: TablePath, folders: Sequence[str], names: Sequence[str]) -> None:
    """Refuse tables of which a log says which files count: others may be deleted or replaced rows."""
    kind = next((kind for name, kind in _LAKES.items() if name in folders), None)
    if kind is None and folder.name == "metadata" and any(name.endswith(".metadata.json") for name in names):
        kind, folder = "an Iceberg table", folder.parent
    if kind is not None:
        raise InputError(
            "A table folder must hold the files of the table and no others",
            f"{str(folder)!r} is {kind}: its log says which files count, and some may be of older versions",
            "Export its current version to Parquet with the tool that wrote it",
        )


def read_footer(path: TablePath, *, origin: TablePath | None = None, sha256: str | None = None) -> TableFile:
    """The schema and the row groups of a Parquet file, from its footer.

    Raises
    ------
    InputError
        If the file is no Parquet file, or has a column that cannot be read or named.
    """
    stamp = place(path).stamp()
    with reading(path), place(path).open() as stream, pq.ParquetFile(stream) as file:
        schema, meta = file.schema_arrow, file.metadata
        groups = tuple(meta.row_group(i).num_rows for i in range(meta.num_row_groups))
    check_names(schema.names, origin or path)
    types = {field.name: field.type for field in schema}
    wide = [f"{name!r}: {dtype}" for name, dtype in types.items() if pa.types.is_decimal256(dtype)]
    if wide:
        raise InputError(
            "Decimals may have at most 38 digits", f"{str(path)!r} has {_list(wide)}", "Write them as float"
        )
    return TableFile(path, types, groups, origin or path, sha256, index=_pandas_index(schema), stamp=stamp)


def _pandas_index(schema: pa.Schema) -> frozenset[str]:
    """Columns of the row index in what pandas keeps in the footer; a range is kept as its bounds, in no column."""
    try:
        said = (schema.pandas_metadata or {}).get("index_columns", [])
    except (ValueError, AttributeError):  # another program's text under that key
        return frozenset()
    return frozenset(name for name in said if isinstance(name, str))


def check_names(names: Sequence[str], path: TablePath) -> None:
    """Refuse column names that are not unique, empty, no plain text, or that polars takes for patterns.

    Raises
    ------
    InputError
        Naming the file `path` and the columns.
    """
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InputError("Column names must be unique", f"{str(path)!r} has twice: {_list(twice)}", "Rename them")
    unfit = [name for name in names if not name.isprintable() or _PATTERN.fullmatch(name) or not name]
    if unfit:
        raise InputError(
            "Column names must be plain text, and neither '*' nor begin with '^' and end with '$'",
            f"{str(path)!r} has {_list([repr(name) for name in unfit])}",
            "Rename them (an empty name is the index that pandas writes unless index=False)",
        )


def kind_of(dtype: pa.DataType) -> Kind:
    """What a column of this Arrow type can be used for."""
    if pa.types.is_dictionary(dtype):
        return kind_of(dtype.value_type)
    if pa.types.is_null(dtype):
        return Kind.NULL
    if pa.types.is_boolean(dtype) or pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        return Kind.NUMERIC
    if pa.types.is_decimal(dtype):
        return Kind.NUMERIC
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
        return Kind.STRING
    return Kind.OTHER


def as_text(column: str, dtype: pa.DataType) -> pl.Expr:
    """An identifier as text: 7 in a file of whole numbers is 7.0 in one of floats (pandas, with gaps); NaN is null."""
    value = pl.col(column)
    plain = dtype.value_type if pa.types.is_dictionary(dtype) else dtype
    if not pa.types.is_floating(plain):
        return value.cast(pl.String)
    whole = value.cast(pl.Int64, strict=False)
    return pl.when(value == whole).then(whole.cast(pl.String)).otherwise(value.fill_nan(None).cast(pl.String))


@dataclass(frozen=True)
class TableSchema:
    """What the footers of all files agree on.

    Attributes
    ----------
    kinds : dict of str to Kind
        Every column of the table, in the order of the first file, k-mers that it lacks at the end.
    dtypes : dict of str to str
        Arrow types, joined by ``|`` where files differ.
    notes : tuple of str
        Widened columns and absent k-mer columns.
    """

    kinds: dict[str, Kind]
    dtypes: dict[str, str]
    notes: tuple[str, ...]


def unify(files: tuple[TableFile, ...]) -> TableSchema:
    """Compare the columns of all files.

    Numeric types may differ and k-mer columns may be absent (noted); anything else must agree.

    Raises
    ------
    InputError
        Listing every mismatch (file, column, type).
    """
    columns = list(dict.fromkeys(name for file in files for name in file.types))
    kinds: dict[str, Kind] = {}
    dtypes: dict[str, str] = {}
    wrong: list[str] = []
    notes: list[str] = []
    for column in columns:
        have = [file for file in files if column in file.types]
        types = {str(file.types[column]) for file in have}
        found = {kind_of(file.types[column]) for file in have} - {Kind.NULL} or {Kind.NULL}
        kinds[column], dtypes[column] = min(found), "|".join(sorted(types))
        if len(found) > 1:
            wrong += [f"{f.origin.name}: column {column!r} is {f.types[column]}" for f in have]
        elif len(types) > 1:
            read_as = "text" if column in TEXT else "the widest"
            notes.append(f"column {column!r} has the types {', '.join(sorted(types))}; read as {read_as}")
        if len(have) < len(files):
            lacking = [file.origin.name for file in files if column not in file.types]
            if is_kmer(column):
                notes.append(f"k-mer column {column!r} is absent from {_list(lacking, 3)}; count 0 there")
            else:
                wrong += [f"{name}: column {column!r} is missing" for name in lacking]
    if wrong:
        raise InputError(
            "All files of a table must have the same columns and types",
            f"{len(wrong)} mismatches: {_list(wrong)}",
            "Write the files anew with one schema",
        )
    return TableSchema(kinds, dtypes, tuple(notes))


def _list(items: list[str], most: int = _SHOWN) -> str:
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
