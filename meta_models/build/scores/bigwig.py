"""Four bigWig files: donor and acceptor on both strands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.bigwig_file import BigWigFile
from meta_models.build.inputs.source_files import FileFacts, file_facts
from meta_models.build.scores.file_scores import FileScores, Sample, Wanted
from meta_models.build.scores.four_files import BIGWIG_SUFFIXES, ROLES, find_four, role_name

_WINDOW = 2**15
#: Values after which a sample is large enough, and windows of a file that are tried at most.
_ENOUGH, _WINDOWS = 200_000, 4096


class BigWigScores(FileScores):
    """Scores in four bigWig files, in a folder or with a common beginning of their names.

    A strand of a contig is covered where both of its files have a value there.
    A value of NaN is the same as none.

    Raises
    ------
    InputError
        If there are not four such files, or one cannot be read.
    UsageError
        If pyBigWig is not installed.
    """

    kind = "bigwig"

    def __init__(self, key: str, path: Path, _scratch: Path | None = None) -> None:
        self._tracks = {role: BigWigFile(file) for role, file in find_four(path, BIGWIG_SUFFIXES).items()}
        names = dict.fromkeys(name for track in self._tracks.values() for name in track.lengths)
        super().__init__(key, tuple(names), f"scores {key} ({path})")

    def close(self) -> None:
        """Close the files."""
        for track in self._tracks.values():
            track.close()

    def _forward(self, wanted: Wanted) -> NDArray[np.float32]:
        tracks = [self._tracks[score, wanted.strand] for score in range(2)]
        return np.stack([track.values(wanted.name, wanted.start, wanted.end) for track in tracks], axis=1)

    def _covers(self, name: str, strand: str) -> bool:
        return all(self._tracks[score, strand].has_values(name) for score in range(2))

    def _sample(self) -> Sample:
        parts, runs, found = [], 0, 0
        for values in self._windows():
            at = np.flatnonzero(~np.isnan(values))
            parts.append(values[at])
            runs, found = runs + _run_count(at), found + len(at)
            if found >= _ENOUGH:
                break
        return Sample(np.concatenate([np.empty(0, np.float32), *parts]), runs)

    def _windows(self) -> Iterator[NDArray[np.float32]]:
        """Windows of all files in an order that soon visits all parts of the genome."""
        track = self._tracks[ROLES[0]]
        starts = [(name, start) for name in track.lengths for start in range(0, track.lengths[name], _WINDOW)]
        order = np.random.default_rng(0).permutation(len(starts))[:_WINDOWS]
        for name, start in (starts[i] for i in order):
            for role in ROLES:
                yield self._tracks[role].values(name, start, start + _WINDOW)

    def _files(self) -> dict[str, FileFacts]:
        return {role_name(role): file_facts(track.path) for role, track in self._tracks.items()}


def _run_count(positions: NDArray[np.intp]) -> int:
    """Stretches of neighbouring positions in a sorted array of positions."""
    return int((np.diff(positions) != 1).sum()) + 1 if len(positions) else 0
