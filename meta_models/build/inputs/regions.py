"""Stretches of a genome: what to score where there is no annotation, from a BED file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from meta_models.build.inputs.contig_names import match_names, unknown_names
from meta_models.build.inputs.text_lines import TextLines, whole_number
from meta_models.errors import InputError

_HEADERS = ("track", "browser")
#: Numbers of columns that a BED file may have.
_COLUMNS = (3, 4, 5, 6, 12)
_STRANDS = {"+": "+", "-": "-", ".": "+-"}


class Region(NamedTuple):
    """A stretch of one strand: the forward interval ``[start, end)``, 0-based; `gene_id` is its gene, or its name."""

    contig: str
    start: int
    end: int
    strand: str
    gene_id: str | None = None


def read_regions(path: Path) -> tuple[Region, ...]:
    """Regions of a BED file with 3 to 6 or 12 columns, plain or gzip, in its order.

    The name is the gene id; without one it is ``contig:first-last`` (1-based). A region without a strand is two, one
    of each strand, named ``NAME(+)`` and ``NAME(-)``.

    Raises
    ------
    InputError
        Naming the line that holds something else, or a name that came before; or if there is no region.
    """
    lines, found = TextLines(path), dict[str, Region]()
    for number, line in lines:
        if line.split(maxsplit=1)[0] in _HEADERS:
            continue
        for region in _parsed(lines, number, line):
            name = region.gene_id or ""
            if name in found:
                action = "Each region needs a name of its own: it stands for the gene in the output"
                raise lines.error(number, f"a name that no region before has, not {name}", line, action)
            found[name] = region
    if not found:
        raise InputError(f"The file {path} must hold regions", "Found none")
    return tuple(found.values())


def place_regions(
    regions: Sequence[Region], lengths: Mapping[str, int], *, what: str, chrom_map: Mapping[str, str] | None = None
) -> tuple[Region, ...]:
    """`regions` with the names of contigs that the genome has.

    Parameters
    ----------
    lengths : Mapping of str to int
        Contigs of the genome.
    what : str
        Where the regions come from, for messages.

    Raises
    ------
    InputError
        If a contig is not in the genome, or a region goes beyond its end.
    """
    names = tuple(dict.fromkeys(region.contig for region in regions))
    matched = {name: contig for contig, name in match_names(names, lengths, what=what, chrom_map=chrom_map).items()}
    if unknown := [name for name in names if name not in matched]:
        raise unknown_names(unknown, lengths, what=what)
    placed = tuple(region._replace(contig=matched[region.contig]) for region in regions)
    beyond = [region for region in placed if region.end > lengths[region.contig]]
    if beyond:
        first, lines = beyond[0], {_line_name(region) for region in beyond}
        raise InputError(
            f"{what}: regions must lie within their contig",
            f"Found {len(lines):,} that do not, the first: {first.gene_id} ends at {first.end:,},"
            f" {first.contig} at {lengths[first.contig]:,}",
        )
    return placed


def _line_name(region: Region) -> str:
    """The name of the line that a region comes from: a line without a strand is two regions."""
    return (region.gene_id or "").removesuffix("(+)").removesuffix("(-)")


def _parsed(lines: TextLines, number: int, line: str) -> Iterator[Region]:
    fields = [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
    expected = "a BED line: contig, start, end (after start), and perhaps name, score and strand (+, - or .)"
    if len(fields) not in _COLUMNS:
        raise lines.error(number, expected, line)
    start, end = whole_number(fields[1]), whole_number(fields[2])
    strands = _STRANDS.get(fields[5] if len(fields) > 5 else ".")
    if not fields[0] or start is None or end is None or start >= end or strands is None:
        raise lines.error(number, expected, line)
    name = fields[3] if len(fields) > 3 and fields[3] not in ("", ".") else f"{fields[0]}:{start + 1}-{end}"
    for strand in strands:
        yield Region(fields[0], start, end, strand, name if len(strands) == 1 else f"{name}({strand})")
