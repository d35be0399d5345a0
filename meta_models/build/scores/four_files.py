"""Finding the four files of a track: donor and acceptor, plus and minus strand, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from meta_models.build.scores.checks import SCORES
from meta_models.errors import InputError
from meta_models.local_paths import is_file, is_folder

BIGWIG_SUFFIXES = (".bw", ".bigwig", ".big_wig")
BEDGRAPH_SUFFIXES = tuple(f".{name}{end}" for name in ("bedgraph", "bg", "bdg") for end in ("", ".gz"))
_STRAND = re.compile(r"(plus|forward|positive|fwd|pos)(?![a-z])|(minus|reverse|negative|rev|neg)(?![a-z])")
_WORDS = {"+": "plus", "-": "minus"}
#: Which score (0 donor, 1 acceptor) and which strand a file holds.
Role = tuple[int, str]
ROLES: tuple[Role, ...] = tuple((score, strand) for score in range(2) for strand in "+-")


def role_name(role: Role) -> str:
    """``donor_plus``, ``acceptor_minus``, ...: how a role stands in names of files and in messages."""
    return f"{SCORES[role[0]]}_{_WORDS[role[1]]}"


def find_four(path: Path, suffixes: tuple[str, ...]) -> dict[Role, Path]:
    """The file of each role, among those in the folder `path`, or whose names begin with `path`.

    Names are read without regard to case: ``spliceAiDonorPlus.bw`` is the same as ``x_donor_plus.bw``.

    Raises
    ------
    InputError
        If a role has no file, or several.
    """
    files = track_files(path, suffixes)
    by_role: dict[Role, list[Path]] = {role: [] for role in ROLES}
    for file in files:
        if (role := _role(file.name)) is not None:
            by_role[role].append(file)
    if any(len(found) != 1 for found in by_role.values()):
        raise _not_four(path, suffixes, by_role)
    return {role: found[0] for role, found in by_role.items()}


def track_files(path: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """Files with such suffixes in the folder `path`, or beside it with names that begin with its name."""
    folder, prefix = (path, "") if is_folder(path) else (path.parent, path.name)
    if not is_folder(folder):
        return ()
    names = (file for file in _entries(folder) if file.name.startswith(prefix) and not file.name.startswith("."))
    return tuple(sorted(file for file in names if file.name.lower().endswith(suffixes) and is_file(file)))


def folders_in(folder: Path) -> list[Path]:
    """The folders in `folder`, sorted.

    Raises
    ------
    InputError
        If it may not be looked into.
    """
    return sorted(entry for entry in _entries(folder) if is_folder(entry))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputError(f"The folder {folder} must be readable", f"Found: {error.strerror or error}") from error


def _role(name: str) -> Role | None:
    """The role that a name tells, if it tells one."""
    scores = [score for score, word in enumerate(SCORES) if word in name.lower()]
    strands = {"+" if match[1] else "-" for match in _STRAND.finditer(name.lower())}
    return (scores[0], strands.pop()) if len(scores) == 1 and len(strands) == 1 else None


def _not_four(path: Path, suffixes: tuple[str, ...], by_role: Mapping[Role, list[Path]]) -> InputError:
    found = "; ".join(
        f"{role_name(role)}: {', '.join(file.name for file in files) or 'none'}" for role, files in by_role.items()
    )
    example = ", ".join(f"{role_name(role)}{suffixes[0]}" for role in ROLES)
    return InputError(f"{path} must hold one file for each of {example}", f"Found {found}")
