"""From what `--dataset` names to a `Dataset`: its files, their footers and ``dataset_info.json``; no row is read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from meta_models.dataset.built import is_built, table_of
from meta_models.dataset.info import read_info
from meta_models.dataset.reading.convert import convert_text
from meta_models.dataset.reading.files import (
    GENES_FOLDER,
    TEXT_SUFFIXES,
    Kind,
    TableFile,
    TableSchema,
    discover,
    read_footer,
    refuse_copies,
    unify,
)
from meta_models.dataset.reading.partitions import with_partitions
from meta_models.dataset.reading.read_ahead import side_by_side
from meta_models.dataset.reading.reader import TEXT_ROWS, Dataset
from meta_models.errors import InputError
from meta_models.places import TablePath, place
from meta_models.schema import (
    MAIN_BASE,
    REQUIRED_COLUMNS,
    BaseModel,
)
from meta_models.wording import counted

logger = logging.getLogger(__name__)


def open_dataset(
    source: TablePath,
    *,
    work_dir: Path,
    base_score_columns: Sequence[str] | None = None,
    label: str = "",
    required: Sequence[str] = REQUIRED_COLUMNS,
) -> Dataset:
    """Open a table: find its files, compare their footers, read ``dataset_info.json``. No row is read.

    Parameters
    ----------
    source : Path or ObjectPath
        Parquet, CSV or TSV file, or a folder of them; of a folder of ``meta-models build`` its table of rows.
    work_dir : Path
        Where text files are converted to Parquet.
    base_score_columns : sequence of three str, optional
        Donor, acceptor and neither score of the main base model, where they are named otherwise.
    label : str
        What the table is called in messages; `source` by default.
    required : sequence of str
        Columns that must be there: those of the contract by default; a table that is only to be scored needs neither
        genes nor labels. Scores of the main base model among them must be numbers.

    Raises
    ------
    InputError
        If the files are not a table as the contract says.
    """
    if source.name == GENES_FOLDER and is_built(source.parent):
        found = f"{source} holds the whole genes of a built folder"
        raise InputError("A table must have a row a position", found, f"Give the built folder itself: {source.parent}")
    source = table_of(source)
    paths = discover(source)
    text = str(paths[0]).lower().endswith(TEXT_SUFFIXES)
    read = convert_text(paths, work_dir) if text else _footers(paths)
    refuse_copies(read)
    files = tuple(with_partitions(file, source) for file in _with_rows(read))
    schema = unify(files)
    for note in schema.notes:
        logger.warning("%s", note)
    renamed = _renamed(schema, base_score_columns)
    dataset = Dataset(label or str(source), files, schema, read_info(source), renamed)
    _check(dataset, required)
    if BaseModel(MAIN_BASE.name) in dataset.bases:
        raise InputError(
            f"{MAIN_BASE.name!r} is the name of the base model of donor_score, acceptor_score and neither_score",
            f"Found {', '.join(BaseModel(MAIN_BASE.name).columns)} in {dataset.source!r}, too",
            "Rename those columns",
        )
    return dataset


def _footers(paths: Sequence[TablePath]) -> tuple[TableFile, ...]:
    return tuple(side_by_side(paths, read_footer, place(paths[0]).at_a_time))


def _with_rows(files: tuple[TableFile, ...]) -> tuple[TableFile, ...]:
    """Those of `files` that have rows, if any has: a header alone says nothing of types."""
    empty = [file.origin.name for file in files if not file.rows]
    if not empty or len(empty) == len(files):
        return files
    logger.warning("Left out, for they have no rows: %s", ", ".join(empty))
    return tuple(file for file in files if file.rows)


def _renamed(schema: TableSchema, base_score_columns: Sequence[str] | None) -> dict[str, str]:
    if base_score_columns is None:
        return {}
    wanted = dict(zip(("donor_score", "acceptor_score", "neither_score"), base_score_columns, strict=True))
    renamed = {name: disk for name, disk in wanted.items() if name != disk}
    missing = [disk for disk in renamed.values() if disk not in schema.kinds]
    taken = [name for name in renamed if name in schema.kinds]
    if missing or taken:
        found = f"missing: {', '.join(missing)}" if missing else f"the table has {', '.join(taken)} as well"
        raise InputError("--base-score-columns must name columns of the table", found, "Name other columns")
    return renamed


def _check(dataset: Dataset, required: Sequence[str]) -> None:
    missing = [c for c in required if c not in dataset.columns]
    if missing:
        scores = not set(missing).isdisjoint(MAIN_BASE.columns)
        raise InputError(
            f"The table {dataset.source!r} needs the columns {', '.join(required)}",
            f"Missing: {', '.join(missing)} (it has {len(dataset.columns)} columns: "
            f"{', '.join(dataset.columns[:12])}{', ...' if len(dataset.columns) > 12 else ''})",
            "Add them, or rename columns" + (", or give --base-score-columns" if scores else ""),
        )
    if dataset.n_rows == 0:
        raise InputError(
            f"The table {dataset.source!r} must have rows", f"Found 0 in {counted(len(dataset.files), 'file')}"
        )
    for column in (c for c in MAIN_BASE.columns if c in required):
        if dataset.kind(column) is not Kind.NUMERIC:
            found = f"Found the type {dataset.dtype(column)}{_first_text(dataset, column)}"
            raise InputError(
                f"Column {column!r} must hold numbers", found, "Write it anew, empty where it has no value"
            )


def _first_text(dataset: Dataset, column: str) -> str:
    """Where a text column holds something else than a number first; nothing where it holds numbers as text."""
    row = 0
    text = pl.col(column).is_not_null() & pl.col(column).cast(pl.String).cast(pl.Float64, strict=False).is_null()
    for frame in dataset.iter_frames([pl.col(column)], TEXT_ROWS) if dataset.kind(column) is Kind.STRING else ():
        found = frame.with_row_index("row", row).filter(text)
        if found.height:
            return f"; row {found['row'][0] + 1} holds {found[column][0]!r}"
        row += frame.height
    return ""
