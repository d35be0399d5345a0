"""A long table of scores as four bigWig files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import polars as pl
import pyarrow as pa

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
    library = import_module("pyBigWig")
    folder.mkdir()
    frame = pl.DataFrame(table)
    for strand, word in _WORDS.items():
        for kind in ("donor", "acceptor"):
            file = library.open(str(folder / f"{kind}_{word}.bw"), "w")
            file.addHeader(list(lengths.items()))
            for contig in lengths:
                rows = frame.filter(pl.col("chrom") == contig, pl.col("strand") == strand)
                if rows.height:
                    starts = (rows["position"] - 1).to_list()
                    ends, values = rows["position"].to_list(), rows[kind].cast(pl.Float64).to_list()
                    file.addEntries([contig] * len(starts), starts, ends=ends, values=values)
            file.close()
