"""CSV and TSV tables, converted to Parquet before anything else reads them."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl

from meta_models.dataset.files import reading

logger = logging.getLogger(__name__)
_NULLS = ["", "NA", "NaN", "nan", "null", "NULL", "None"]


def convert_text(paths: tuple[Path, ...], folder: Path) -> tuple[Path, ...]:
    """Write each CSV/TSV file (also .gz) as Parquet into `folder`, with the types of all its values.

    Raises
    ------
    InputError
        Naming the file that cannot be parsed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    converted = []
    for number, path in enumerate(paths):
        target = folder / f"{number:05d}.parquet"
        logger.info("converting %s to Parquet", path)
        separator = "\t" if ".tsv" in path.name.lower() else ","
        with reading(path):
            scan = pl.scan_csv(
                path, separator=separator, infer_schema_length=None, null_values=_NULLS, glob=False, encoding="utf8"
            )
            scan.sink_parquet(target, row_group_size=16_384)
        converted.append(target)
    return tuple(converted)
