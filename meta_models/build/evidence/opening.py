"""Opening the evidence that the command line names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from meta_models.build.evidence.base import EvidenceSource
from meta_models.build.evidence.bigwig import BigWigEvidence
from meta_models.build.evidence.star import StarEvidence
from meta_models.build.scores.four_files import BIGWIG_SUFFIXES
from meta_models.errors import UsageError
from meta_models.local_paths import exists, is_address, real

#: What reads each kind: called with the name and the paths.
EVIDENCE_KINDS: dict[str, Callable[[str, tuple[Path, ...]], EvidenceSource]] = {
    "bigwig": BigWigEvidence,
    "star": StarEvidence,
}
_SPEC = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]*)=(?:(?P<kind>[A-Za-z]+):)?(?P<paths>.+)", re.DOTALL)


def open_evidence(spec: str) -> EvidenceSource:
    """Open the evidence of ``NAME=bigwig:FILE`` or ``NAME=star:FILE[,FILE...]``.

    The kind may be left out where the files end as ``.bw``, ``.bigwig`` or ``SJ.out.tab``.

    Raises
    ------
    UsageError
        If `spec` is written otherwise, or a library that it needs is not installed.
    InputError
        If the files are not as their kind should be.
    """
    match, paths = _SPEC.fullmatch(spec), evidence_files(spec)
    kind = (match["kind"] or _detected(paths)) if match else None
    if match is None or kind is None or kind.lower() not in EVIDENCE_KINDS:
        raise UsageError(
            "Evidence is given as NAME=bigwig:FILE or NAME=star:SJ.out.tab[,SJ.out.tab...], NAME of letters, digits"
            " and _",
            f"Found {spec!r}",
        )
    return EVIDENCE_KINDS[kind.lower()](match["name"], paths)


def evidence_files(spec: str) -> tuple[Path, ...]:
    """The files that `spec` names, separated by commas where there is no file of that whole name.

    None where it is not written as evidence is.

    Raises
    ------
    UsageError
        If a name is empty, is an address, or stands there twice.
    """
    match = _SPEC.fullmatch(spec)
    names = [] if match is None else [match["paths"]] if exists(match["paths"]) else match["paths"].split(",")
    if odd := [name for name in names if not name or is_address(name)]:
        raise UsageError(f"Evidence must be files on this machine, found {spec!r}", f"{odd[0]!r} is none", "Correct it")
    found = tuple(Path(name) for name in names)
    if len({real(path) for path in found}) < len(found):
        raise UsageError("Evidence must name each file once", f"Found {spec!r}", "Its reads would count twice")
    return found


def _detected(paths: tuple[Path, ...]) -> str | None:
    names = [path.name.lower() for path in paths]
    if all(name.endswith(BIGWIG_SUFFIXES) for name in names):
        return "bigwig"
    star = ("sj.out.tab", "sj.out.tab.gz", "sj.tab", "sj.tab.gz")
    return "star" if all(name.endswith(star) for name in names) else None
