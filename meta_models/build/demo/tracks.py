"""A long table of scores as four bigWig files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import polars as pl
import pyarrow as pa

from meta_models.run_folder.native_files import plain_name

_WORDS = {"+": "plus", "-": "minus"}


def write_bigwigs(table: pa.Table, lengths: Mapping[str, int], folder: Path) -> None:
    """Write ``{donor,acceptor}_{plus,minus}.bw`` below `folder`; needs pyBigWig.

    Parameters
    ----------
    table : pyarrow.Table
        Columns chrom, position (1-based), strand, donor, acceptor, positions increasing in each contig and strand.
    lengths : mapping of str to int
        Of the contigs.
    """
    folder.mkdir()
    frame = pl.DataFrame(table)
    for strand, word in _WORDS.items():
        for kind in ("donor", "acceptor"):
            with plain_name(folder / f"{kind}_{word}.bw") as name:
                _write(name, frame.filter(pl.col("strand") == strand), kind, lengths)


def _write(name: str, frame: pl.DataFrame, kind: str, lengths: Mapping[str, int]) -> None:
    file = import_module("pyBigWig").open(name, "w")
    file.addHeader(list(lengths.items()))
    for contig in lengths:
        rows = frame.filter(pl.col("chrom") == contig)
        if rows.height:
            starts = (rows["position"] - 1).to_list()
            ends, values = rows["position"].to_list(), rows[kind].cast(pl.Float64).to_list()
            file.addEntries([contig] * len(starts), starts, ends=ends, values=values)
    file.close()
