"""Names of contigs in two files, brought together: exactly, by what they mean, or by a file that says which."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from meta_models.build.inputs.text_lines import TextLines
from meta_models.errors import InputError
from meta_models.names import chromosome_key
from meta_models.wording import counted

logger = logging.getLogger(__name__)
_SHOWN = 5


def match_names(
    names: Collection[str], genome: Collection[str], *, what: str, chrom_map: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The contig of the genome that each name of another file means.

    Parameters
    ----------
    names : collection of str
        Names in the other file.
    genome : collection of str
        Names in the genome.
    what : str
        The other file, as it is called in messages.
    chrom_map : mapping of str to str, optional
        From names of the other file to those of the genome; it wins.

    Returns
    -------
    dict of str to str
        From a name in `genome` to the one in `names`: the same; or one of the same normal form (``chr1`` and ``1``,
        ``chrM`` and ``MT``), where the genome has one such contig. Names that mean no contig are left out.

    Raises
    ------
    InputError
        If no name means a contig, or two names mean one.
    """
    mapped, own = _mapped(names, set(genome), chrom_map or {}, what), set(genome)
    exact = {name: name for name in names if name in own and name not in mapped.values()}
    found = {**exact, **mapped}
    otherwise = _by_meaning([name for name in names if name not in found.values()], genome, found, what)
    if otherwise:
        shown = ", ".join(f"{name} is {contig}" for contig, name in list(otherwise.items())[:_SHOWN])
        logger.info("%s: %d names of contigs are written otherwise in the genome: %s", what, len(otherwise), shown)
    found |= otherwise
    if not found:
        raise unknown_names(names, genome, what=what)
    meant = set(found.values())
    if left := [name for name in names if name not in meant]:
        logger.info("%s: left out is what lies on contigs that the genome lacks: %s", what, _listed(left))
    return found


def unknown_names(names: Collection[str], genome: Collection[str], *, what: str) -> InputError:
    """The error for names that the genome does not have: the first of both files, and the way out."""
    return InputError(
        f"{what} and the genome must name contigs alike (chr1 and 1 are the same)",
        f"Found {_listed(names)}; in the genome {_listed(genome)}",
        "Give --chrom-map FILE, with a name of that file, a tab and the name in the genome on each line",
    )


def read_chrom_map(path: Path) -> dict[str, str]:
    """Names of contigs in other files and the names in the genome, from a file of two columns with a tab between.

    Raises
    ------
    InputError
        If it cannot be read, a line has other columns, or a name comes twice with two meanings.
    """
    lines, found = TextLines(path), dict[str, str]()
    for number, line in lines:
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 2 or not all(fields):
            raise lines.error(number, "two names of a contig with a tab between", line)
        if found.setdefault(fields[0], fields[1]) != fields[1]:
            raise lines.error(number, f"one meaning of {fields[0]} ({found[fields[0]]} before)", line)
    if not found:
        raise InputError(f"The file {path} must hold names of contigs", "Found none")
    return found


def _mapped(names: Collection[str], genome: set[str], chrom_map: Mapping[str, str], what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        contig = chrom_map.get(name)
        if contig in genome and found.setdefault(contig, name) != name:
            raise InputError(
                f"One name of {what} must mean the contig {contig}", f"Found {found[contig]} and {name} in --chrom-map"
            )
    return found


def _by_meaning(names: Collection[str], genome: Collection[str], found: Mapping[str, str], what: str) -> dict[str, str]:
    """The contig that each of the `names` means, where the normal form of names tells; `found` are taken."""
    keys = Counter(map(chromosome_key, genome))
    contigs = {key: contig for contig in genome if keys[key := chromosome_key(contig)] == 1}
    meant: dict[str, str] = {}
    for name in names:
        contig = contigs.get(chromosome_key(name))
        if contig is not None and (other := found.get(contig) or meant.setdefault(contig, name)) != name:
            raise InputError(
                f"One name of {what} must mean the contig {contig}", f"Found {other} and {name}", "Name it in one way"
            )
    return meant


def _listed(names: Collection[str]) -> str:
    listed = ", ".join(list(names)[:_SHOWN])
    return f"{counted(len(names), 'name')} ({listed}{', ...' if len(names) > _SHOWN else ''})"
