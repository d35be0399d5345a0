"""CSV and TSV tables, converted to Parquet before anything else reads them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv

from meta_models.dataset.files import TableFile, check_names, read_footer, reading
from meta_models.run_folder import as_arrow, atomic_path, hash_file, require_space, write_parquet
from meta_models.schema import METADATA, NULL_TEXTS, TEXT

logger = logging.getLogger(__name__)
ROW_GROUP_ROWS = 16_384
#: How pandas writes the whole numbers of a column with gaps: 7.0 is the 7 of another file, as in `as_text`.
_WHOLE = r"^(-?\d+)\.0$"
_GZIP = b"\x1f\x8b"


def convert_text(paths: tuple[Path, ...], folder: Path) -> tuple[TableFile, ...]:
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
    require_space(folder, sum(path.stat().st_size for path in paths) // 2)
    return tuple(_convert(path, folder / f"{number:05d}.parquet") for number, path in enumerate(paths))


def _convert(path: Path, target: Path) -> TableFile:
    logger.info("converting %s to Parquet", path)
    separator = "\t" if ".tsv" in path.name.lower() else ","
    texts = {name: pl.String for name in _column_names(path, separator) if name in TEXT}
    with reading(path):
        scan = pl.scan_csv(
            path, separator=separator, infer_schema_length=None, schema_overrides=texts, null_values=list(NULL_TEXTS),
            glob=False, encoding="utf8",
        )  # fmt: skip
        wide = [name for name, dtype in scan.collect_schema().items() if dtype in (pl.Int128, pl.UInt128)]
        scan = scan.with_columns(pl.col(wide).cast(pl.Float64), pl.col(list(texts)).str.replace(_WHOLE, "$1"))
    # no value shows what a column holds: another file may say that it is numbers
    scan = scan.with_columns(pl.lit(None).alias(name) for name in _without_values(scan, path))
    schema = as_arrow(scan.collect_schema().to_frame()).schema
    with atomic_path(target) as temporary:
        batches = pa.RecordBatchReader.from_batches(schema, _batches(scan, path))
        write_parquet(temporary, batches, row_group_rows=ROW_GROUP_ROWS)
    return read_footer(target, origin=path, sha256=hash_file(target))


def _column_names(path: Path, separator: str) -> list[str]:
    """Names of the columns; refuses what polars would mend in silence: lines with too few fields, names twice."""
    with reading(path), path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        lines = pa.CompressedInputStream(file, "gzip") if packed else pa.PythonFile(file)
        names = _read_lines(lines, separator)
    check_names(names, path)
    return names


def _read_lines(lines: pa.NativeFile, separator: str) -> list[str]:
    """Names of the columns, after all lines were seen to have as many fields."""
    options = {
        "read_options": pyarrow.csv.ReadOptions(use_threads=False),
        "parse_options": pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
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
            pl.struct(values=pl.col(name).count(), texts=_texts(name).count(), first=_texts(name).first()).alias(name)
            for name in names
        ).collect()
    facts = {name: found[name][0] for name in names}
    for name, (values, texts, first) in ((name, fact.values()) for name, fact in facts.items()):
        if 2 * texts < values and name not in METADATA:
            logger.warning(
                "Column %r of %s is text: %d of its %d values are no numbers, such as %r",
                name, path, texts, values, first,
            )  # fmt: skip
    return [name for name, fact in facts.items() if not fact["values"]]


def _texts(name: str) -> pl.Expr:
    column = pl.col(name)
    return column.filter(column.is_not_null() & column.cast(pl.Float64, strict=False).is_null())
