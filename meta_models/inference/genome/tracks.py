"""Genome browser tracks of a prediction: bigWig and bedGraph of every position, BED of the predicted sites.

All use forward-strand coordinates. A position that several rows share (genes overlap) has the largest of their
probabilities. bedGraph and BED count from 0, end exclusive; they are sorted by chromosome (in the order of bytes) and
position.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.errors import InputError, UsageError
from meta_models.inference.genome.track_positions import STRANDS, TrackPositions, highest
from meta_models.local_paths import read_utf8
from meta_models.names import chromosome_key
from meta_models.run_folder import atomic_path
from meta_models.run_folder.atomic import write_error
from meta_models.run_folder.native_files import plain_name
from meta_models.schema import CLASS_NAMES, SITE_CLASSES
from meta_models.wording import counted

logger = logging.getLogger(__name__)
#: Digits after the point of probabilities in bedGraph.
_DIGITS = 6
_BED_SCORE = 1000
_NO_SIZES: Mapping[str, int] = MappingProxyType({})
_SIZES = "--chrom-sizes needs a name and a size a line in {}"


def chosen_formats(asked: Sequence[str] | None) -> tuple[str, ...]:
    """The formats to write: those asked for, or all that can be written here; says which one cannot."""
    if asked is not None:
        return tuple(asked)
    if find_spec("pyBigWig") is None:
        logger.warning("No bigWig tracks: they need pyBigWig (pip install '.[genomics]')")
        return ("bed", "bedgraph")
    return ("bed", "bedgraph", "bigwig")


def track_files(folder: Path, formats: Sequence[str]) -> tuple[Path, ...]:
    """The files of the tracks in these formats: one of each site class, but a single BED."""
    names = [f"{c.label}.bedGraph" for c in SITE_CLASSES] if "bedgraph" in formats else []
    names += [f"{c.label}.bw" for c in SITE_CLASSES] if "bigwig" in formats else []
    names += ["predicted_sites.bed"] if "bed" in formats else []
    return tuple(folder / name for name in names)


def require_tracks(formats: Sequence[str], columns: Iterable[str]) -> None:
    """Refuse at the start what could not be written at the end.

    Raises
    ------
    UsageError
        If bigWig is asked for and pyBigWig is not installed.
    InputError
        If the table has no genomic coordinates.
    """
    if "bigwig" in formats and find_spec("pyBigWig") is None:
        raise UsageError(
            "bigWig tracks need pyBigWig",
            "It is not installed",
            "Run pip install '.[genomics]', or give --track-formats bed bedgraph",
        )
    missing = sorted({"chrom", "genomic_position"} - set(columns))
    if missing:
        raise InputError("--tracks needs the columns chrom and genomic_position", f"Missing: {', '.join(missing)}")


def read_chrom_sizes(path: Path) -> dict[str, int]:
    """Sizes of chromosomes, by the normal forms of their names, from a file with a name and a size a line.

    Raises
    ------
    InputError
        If it cannot be read, a line holds something else, or a chromosome has two sizes.
    """
    try:
        lines = read_utf8(path).splitlines()
    except (OSError, UnicodeError) as error:
        raise InputError(_SIZES.format(path), str(error)) from None
    sizes: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name, size = [*line.split(), "", ""][:2]
        if not name or name.startswith("#"):
            continue
        if not (size.isascii() and size.isdigit()):
            raise InputError(_SIZES.format(path), f"Line {number} holds {line[:80]!r}", "Write the size as a number")
        if (other := sizes.setdefault(chromosome_key(name), int(size))) != int(size):
            found = f"Line {number} holds {name} with {size}, with {other} before"
            raise InputError(_SIZES.format(path), found, "Leave one size of it")
    return sizes


def write_tracks(
    folder: Path, rows: TrackPositions, formats: Sequence[str], sizes: Mapping[str, int] | None = None,
    known: Mapping[str, int] = _NO_SIZES,
) -> tuple[Path, ...]:  # fmt: skip
    """Write the tracks into `folder`; each file is whole or absent. Returns what was written.

    Parameters
    ----------
    sizes : mapping of str to int, optional
        Sizes of chromosomes for the header of bigWig, by the normal forms of their names. By default those that are
        `known` of the genome, and the last position of the table on the others.
    known : mapping of str to int
        Lengths of contigs, by the normal forms of their names.

    Raises
    ------
    InputError
        If no row has coordinates, or a chromosome has no size or a smaller one.
    WriteError
        If the file system refuses.
    """
    if not rows.ends:
        raise InputError("--tracks needs rows with chrom and genomic_position", "Found none")
    header = _header(rows, sizes, known) if "bigwig" in formats else []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, folder) from error
    if rows.left_out:
        logger.warning("Not in the tracks, for want of chromosome or position: %s", counted(rows.left_out, "row"))
    written = track_files(folder, formats)
    for path in written:
        if path.suffix == ".bedGraph":
            _write_bedgraph(path, rows, path.stem)
        elif path.suffix == ".bw":
            _write_bigwig(path, rows, path.stem, header)
        else:
            _write_bed(path, rows)
    return written


def _header(rows: TrackPositions, sizes: Mapping[str, int] | None, known: Mapping[str, int]) -> list[tuple[str, int]]:
    keys = {chrom: chromosome_key(chrom) for chrom in rows.chromosomes()}
    if sizes is None:
        return [(chrom, max(rows.ends[chrom], known.get(key, 0))) for chrom, key in keys.items()]
    header = [(chrom, sizes.get(key, 0)) for chrom, key in keys.items()]
    short = [f"{chrom} ({size} of {rows.ends[chrom]})" for chrom, size in header if size < rows.ends[chrom]]
    if short:
        raise InputError(
            "--chrom-sizes must hold every chromosome of the table in its full size",
            f"Too small or absent: {', '.join(short[:20])}",
            "Give the sizes of the assembly that genomic_position is in",
        )
    return header


def _write_bigwig(path: Path, rows: TrackPositions, name: str, header: list[tuple[str, int]]) -> None:
    import pyBigWig

    with atomic_path(path) as temporary, plain_name(temporary) as plain:
        track = pyBigWig.open(plain, "w")
        try:
            track.addHeader(header)
            for chrom, records in rows.sorted():
                positions, values = highest(records, name)
                track.addEntries(chrom, positions - 1, values=values.astype(np.float64), span=1)
        finally:
            track.close()


def _write_bedgraph(path: Path, rows: TrackPositions, name: str) -> None:
    """Neighbours of equal value (to six digits) become one line, within a bucket."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(f'track type=bedGraph name="{name}" description="meta-model {name} probability"\n'.encode())
        for chrom, records in rows.sorted():
            positions, values = highest(records, name)
            start, stop, level = _merged(positions, np.asarray(np.round(values, _DIGITS), np.float64))
            frame = pl.DataFrame({"start": start, "stop": stop, "value": level})
            frame = frame.select(pl.lit(chrom).alias("chrom"), pl.all())
            frame.write_csv(
                file, separator="\t", include_header=False, float_precision=_DIGITS, float_scientific=False,
                quote_style="never",
            )  # fmt: skip


def _merged(
    positions: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Start (from 0), end and value of runs of neighbouring positions with one value."""
    new = np.ones(len(positions), bool)
    new[1:] = (np.diff(positions) != 1) | (np.diff(values) != 0)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(positions)) - 1
    return positions[first] - 1, positions[last], values[first]


def _write_bed(path: Path, rows: TrackPositions) -> None:
    """One line for each predicted site and strand; the score is 1,000 times its probability."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for chrom, records in rows.sorted():
            file.write(_bed_lines(chrom, records[records["decided"] > 0]).encode())


def _bed_lines(chrom: str, sites: NDArray[np.void]) -> str:
    text = io.StringIO()
    best: dict[tuple[int, int, int], float] = {}
    for record in sites:
        key = (int(record["position"]), int(record["strand"]), int(record["decided"]))
        best[key] = max(best.get(key, 0.0), float(record[CLASS_NAMES[key[2]]]))
    for (position, strand, decided), probability in sorted(best.items()):
        score = round(_BED_SCORE * min(probability, 1.0))
        text.write(f"{chrom}\t{position - 1}\t{position}\t{CLASS_NAMES[decided]}\t{score}\t{STRANDS[strand]}\n")
    return text.getvalue()
