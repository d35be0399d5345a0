"""Opening the scores that the command line names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from meta_models.build.scores.base import ScoreSource
from meta_models.build.scores.bedgraph import BedGraphScores
from meta_models.build.scores.bigwig import BigWigScores
from meta_models.build.scores.npz import NpzScores
from meta_models.build.scores.openspliceai import OpenSpliceAIScores
from meta_models.build.scores.spec import parse_score_spec
from meta_models.build.scores.table import TableScores

#: What reads each kind: called with the key, the path and a folder for working files (or None).
KINDS: dict[str, Callable[[str, Path, Path | None], ScoreSource]] = {
    "bigwig": BigWigScores,
    "bedgraph": BedGraphScores,
    "openspliceai": OpenSpliceAIScores,
    "table": TableScores,
    "npz": NpzScores,
}


def open_scores(spec: str, *, scratch: Path | None = None) -> ScoreSource:
    """Open the scores of ``KEY=[KIND:]PATH``.

    Parameters
    ----------
    spec : str
        Kinds are `KINDS`; where none is given it is found from the files.
    scratch : Path, optional
        Folder for working files (text and tables are sorted by position on disk: 8 to 12 bytes a row, twice for
        a moment); the system's folder for temporary files if None. They are removed by `close`.

    Raises
    ------
    UsageError
        If `spec` is written otherwise, or a library that it needs is not installed.
    InputError
        If the files are not as their kind should be.
    """
    parsed = parse_score_spec(spec)
    return KINDS[parsed.kind](parsed.key, parsed.path, scratch)
