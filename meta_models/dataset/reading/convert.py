"""CSV and TSV tables, converted to Parquet before anything else reads them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv

from meta_models.dataset.reading.files import TableFile, check_names, read_footer, reading
from meta_models.dataset.reading.lines import QUOTE, quote_of, require_rows
from meta_models.dataset.reading.text_faults import Lines, look_through, require_text, without_blank_lines
from meta_models.errors import InputError
from meta_models.places import TablePath, place
from meta_models.run_folder import as_arrow, atomic_path, hash_file, require_space, write_parquet
from meta_models.run_folder.native_files import plain_name
from meta_models.schema import GENOMIC_POSITION, METADATA, NULL_TEXTS, POSITION, TEXT, WEIGHT, base_models

logger = logging.getLogger(__name__)
ROW_GROUP_ROWS = 16_384
#: How pandas writes the whole numbers of a column with gaps: 7.0 is the 7 of another file, as in `as_text`.
_WHOLE = r"^(-?\d+)\.0$"
_GZIP = b"\x1f\x8b"


def convert_text(paths: Sequence[TablePath], folder: Path) -> tuple[TableFile, ...]:
    """Write each CSV/TSV file (also .gz) as Parquet into `folder`, with the types of all its values.

    Names of genes, chromosomes and the like are text, also where they look like numbers.

    Raises
    ------
    InputError
        Naming the file that cannot be parsed.
    WriteError
        If `folder` cannot be written to; before anything is read where it has no room for half the size of the text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder, sum(place(path).size() for path in paths) // 2)
    return tuple(_fetched(path, folder, f"{number:05d}.parquet") for number, path in enumerate(paths))


def _fetched(path: TablePath, folder: Path, name: str) -> TableFile:
    """Convert the file to one of that `name` in `folder`; what the converted file is known by is the address."""
    logger.info("converting %s to Parquet", path)
    with place(path).here(folder) as file:
        try:
            return replace(_convert(file, folder / name), origin=path)
        except InputError as error:
            told = (error.expected, error.found, error.action)
            raise InputError(*(part.replace(str(file), str(path)) for part in told)) from error


def _convert(path: Path, target: Path) -> TableFile:
    with reading(path), plain_name(path) as name:
        require_text(path)
        lines = look_through(path)
        try:
            return _converted(path, name, target, lines)
        except InputError as error:
            if lines.comment is None:
                raise
            number, text = lines.comment
            found = f"Line {number} begins with '#': {text!r} ({error.found})"
            raise InputError(f"{str(path)!r} must hold rows only", found, "Remove lines that are comments") from error


def _converted(path: Path, name: str, target: Path, lines: Lines) -> TableFile:
    """Convert the file `path`, which goes by the absolute `name`, too."""
    separator = "\t" if ".tsv" in path.name.lower() else ","
    quote, names = _layout(path, separator)
    texts = {name: pl.String for name in names if name in TEXT}
    with reading(path):
        scan = pl.scan_csv(
            name, separator=separator, infer_schema_length=None, schema_overrides=texts, null_values=list(NULL_TEXTS),
            glob=False, encoding="utf8", quote_char=quote,
        )  # fmt: skip
        scan = without_blank_lines(scan, lines)
        wide = [name for name, dtype in scan.collect_schema().items() if dtype in (pl.Int128, pl.UInt128)]
        scan = scan.with_columns(pl.col(wide).cast(pl.Float64), pl.col(list(texts)).str.replace(_WHOLE, "$1"))
    # no value shows what a column holds: another file may say that it is numbers
    scan = scan.with_columns(pl.lit(None).alias(name) for name in _without_values(scan, path))
    schema = as_arrow(scan.collect_schema().to_frame()).schema
    with atomic_path(target) as temporary:
        batches = pa.RecordBatchReader.from_batches(schema, _batches(scan, path))
        write_parquet(temporary, batches, row_group_rows=ROW_GROUP_ROWS)
    table = read_footer(target, origin=path, sha256=hash_file(target))
    require_rows(path, lines.filled - 1, pl.scan_parquet(target, glob=False), separator)
    return table


def _layout(path: Path, separator: str) -> tuple[str | None, list[str]]:
    """What quotes fields, and the names of the columns.

    A TSV whose lines have as many fields as its header only where fields are quoted is quoted.
    """
    with reading(path):
        quote = quote_of(path, separator)
    try:
        return quote, _column_names(path, separator, quote)
    except InputError:
        if quote is not None:
            raise
        try:
            return QUOTE, _column_names(path, separator, QUOTE)
        except InputError:
            pass
        raise


def _column_names(path: Path, separator: str, quote: str | None) -> list[str]:
    """Names of the columns; refuses what polars would pass over in silence: lines with too few fields, names twice."""
    with reading(path), path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        lines = pa.CompressedInputStream(file, "gzip") if packed else pa.PythonFile(file)
        names = _read_lines(lines, separator, quote)
    check_names(names, path)
    return names


def _read_lines(lines: pa.NativeFile, separator: str, quote: str | None) -> list[str]:
    """Names of the columns, after all lines were seen to have as many fields."""
    options = {
        "read_options": pyarrow.csv.ReadOptions(use_threads=False),
        "parse_options": pyarrow.csv.ParseOptions(
            delimiter=separator, quote_char=quote or False, newlines_in_values=True
        ),
        "convert_options": pyarrow.csv.ConvertOptions(check_utf8=False, null_values=[], strings_can_be_null=False),
    }
    with pyarrow.csv.open_csv(lines, **options) as reader:
        for _ in reader:
            pass
        names: list[str] = reader.schema.names
    return names


def _batches(scan: pl.LazyFrame, path: Path) -> Iterator[pa.RecordBatch]:
    """A generator of its own: what its consumer fails at is not about reading."""
    with reading(path):
        for frame in scan.collect_batches(chunk_size=ROW_GROUP_ROWS, maintain_order=True):
            yield from as_arrow(frame).to_batches()


def _without_values(scan: pl.LazyFrame, path: Path) -> list[str]:
    """Columns in which no row has a value.

    Warns of columns that are text for a few values only: they are left out, and somebody may miss them.
    """
    names = [name for name, dtype in scan.collect_schema().items() if dtype == pl.String and name not in TEXT]
    with reading(path):
        found = scan.select(
            pl.struct(
                values=pl.col(name).count(),
                texts=_is_text(name).sum(),
                first=pl.col(name).filter(_is_text(name)).first(),
                row=_is_text(name).arg_true().first() + 1,
            ).alias(name)
            for name in names
        ).collect()
    facts = {name: found[name][0] for name in names}
    scores = (column for base in base_models(scan.collect_schema().names()) for column in base.columns)
    numbers = {*scores, WEIGHT, POSITION, GENOMIC_POSITION}
    for name, (values, texts, first, row) in ((name, fact.values()) for name, fact in facts.items()):
        if 2 * texts < values:
            words = f"{texts} of its {values} values are no numbers, such as {first!r} in row {row}"
            _tell_of_texts(name, path, words, numbers)
    return [name for name, fact in facts.items() if not fact["values"]]


def _tell_of_texts(name: str, path: Path, found: str, numbers: Collection[str]) -> None:
    """Refuse a column of scores, weights or positions that is text for a few values; warn of any other column."""
    if name in numbers:
        action = f"Leave the field empty, or write one of {', '.join(NULL_TEXTS[1:])}, where there is no value"
        raise InputError(f"Column {name!r} of {str(path)!r} must hold numbers", f"Found {found}", action)
    if name not in METADATA:
        logger.warning("Column %r of %s is text: %s", name, path, found)


def _is_text(name: str) -> pl.Expr:
    column = pl.col(name)
    return column.is_not_null() & column.cast(pl.Float64, strict=False).is_null()
