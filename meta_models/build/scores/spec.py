"""``KEY=[KIND:]PATH``: the name of a base model, and which files its scores are in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meta_models.build.scores.four_files import BEDGRAPH_SUFFIXES, BIGWIG_SUFFIXES, folders_in, track_files
from meta_models.errors import InputError, UsageError
from meta_models.local_paths import exists, is_address, is_file, is_folder

KIND_NAMES = ("bigwig", "bedgraph", "openspliceai", "table", "npz")
DONOR_BED, ACCEPTOR_BED = "donor_predictions.bed", "acceptor_predictions.bed"
TABLE_SUFFIXES = (".parquet", ".pq", ".tsv", ".csv", ".txt", ".tsv.gz", ".csv.gz", ".txt.gz")
_VCF_SUFFIXES = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KIND = re.compile(r"([A-Za-z]+):(.+)", re.DOTALL)
#: Arrays that ``openspliceai predict --predict-all`` writes beside its BED files.
_BLOCK_FILES = ("predict.h5", "predict.pt")


@dataclass(frozen=True)
class ScoreSpec:
    """What ``KEY=[KIND:]PATH`` says.

    Attributes
    ----------
    kind : str
        One of `KIND_NAMES`; found from the files where it was not given.
    path : Path
        A file, a folder, or the beginning of the names of four files.
    """

    key: str
    kind: str
    path: Path


def parse_score_spec(text: str) -> ScoreSpec:
    """Read ``KEY=[KIND:]PATH``, and find the kind where it is left out.

    Raises
    ------
    UsageError
        If it is written otherwise, or names a kind that there is not.
    InputError
        If the files are not there, could be of several kinds or of none, or are delta scores of variants (VCF).
    """
    key, equals, rest = text.partition("=")
    if not equals or not rest or not _KEY.fullmatch(key):
        raise UsageError(
            "Scores are given as KEY=PATH or KEY=KIND:PATH, KEY of letters, digits and _", f"Found {text!r}"
        )
    kind, path = _split(rest)
    if is_address(path):
        raise InputError(f"Scores must be files on this machine, found {rest}", "It is an address", "Fetch them first")
    if path.name.lower().endswith(_VCF_SUFFIXES):
        raise InputError(
            "Base scores must be scores of positions", f"Found {path}: a VCF holds delta scores of variants",
            "Run the predictor on the sequences themselves",
        )  # fmt: skip
    _refuse_blocks(path)
    return ScoreSpec(key, kind or _detected(path), path)


def _refuse_blocks(path: Path) -> None:
    """Refuse the arrays of OpenSpliceAI, whose blocks of 5,000 positions do not say where they belong."""
    alone = path.name in _BLOCK_FILES or (is_folder(path) and not prediction_folders(path))
    folders = [path, *folders_in(path)] if is_folder(path) else [path.parent]
    blocks = [folder / name for folder in folders for name in _BLOCK_FILES if is_file(folder / name)]
    if alone and blocks:
        raise InputError(
            f"OpenSpliceAI's scores are read from {DONOR_BED} and {ACCEPTOR_BED}, which its predict writes",
            f"Found {blocks[0]}: an array of blocks, which does not say where they belong",
            "Give the folder that holds the two files",
        )


def _split(rest: str) -> tuple[str | None, Path]:
    match = _KIND.fullmatch(rest)
    if match is None or exists(rest):
        return None, Path(rest)
    if match[1].lower() not in KIND_NAMES:
        raise UsageError(f"Scores are of one of the kinds {', '.join(KIND_NAMES)}", f"Found {match[1]!r} in {rest!r}")
    return match[1].lower(), Path(match[2])


def _detected(path: Path) -> str:
    kinds = _kinds_of_file(path) if is_file(path) else _kinds_of_folder(path)
    if len(kinds) == 1:
        return kinds[0]
    if not kinds and not exists(path):
        raise InputError(
            f"Scores must be at {path}, or in four files whose names begin so", "No such file or folder exists",
            "Correct the path",
        )  # fmt: skip
    found = f"files of the kinds {', '.join(kinds)} at {path}" if kinds else f"no such files at {path}"
    choices = (
        "bigwig or bedgraph (four files: donor and acceptor, plus and minus), openspliceai (the folder of its predict),"
        " table (long Parquet, TSV or CSV), npz (an array a gene)"
    )
    raise InputError(f"Scores must be of one kind: {choices}", f"Found {found}", "Give KEY=KIND:PATH")


def _kinds_of_file(path: Path) -> Sequence[str]:
    name = path.name.lower()
    suffixes = {"table": TABLE_SUFFIXES, "npz": (".npz",)}
    return [kind for kind, endings in suffixes.items() if name.endswith(endings)]


def _kinds_of_folder(path: Path) -> Sequence[str]:
    suffixes = {"bigwig": BIGWIG_SUFFIXES, "bedgraph": BEDGRAPH_SUFFIXES}
    found = [kind for kind, endings in suffixes.items() if track_files(path, endings)]
    return [*found, *(["openspliceai"] if prediction_folders(path) else [])]


def prediction_folders(path: Path) -> list[Path]:
    """Folders with OpenSpliceAI's predictions: `path` itself, or one in it (``SpliceAI_5000_400``, say)."""
    folders = [path, *folders_in(path)] if is_folder(path) else []
    return [folder for folder in folders if is_file(folder / DONOR_BED) and is_file(folder / ACCEPTOR_BED)]
