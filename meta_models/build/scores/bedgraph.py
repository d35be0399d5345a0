"""Four bedGraph files: donor and acceptor on both strands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.source_files import FileFacts, file_facts
from meta_models.build.inputs.text_lines import TextLines, decimal_number, whole_number
from meta_models.build.scores.checks import ScoreTally, as_scores
from meta_models.build.scores.file_scores import FileScores, Sample, Wanted
from meta_models.build.scores.four_files import BEDGRAPH_SUFFIXES, ROLES, find_four, role_name
from meta_models.build.scores.store import IntervalStore

_BATCH = 65_536
_HEADERS = ("track", "browser")
#: Start (0-based), end (exclusive) and value of a line, and its number.
_Line = tuple[int, int, float, int]


class BedGraphScores(FileScores):
    """Scores in four bedGraph files (plain or gzip), in a folder or with a common beginning of their names.

    Lines hold contig, start (0-based), end (exclusive) and score, in any order. A contig is covered where both files
    of the strand have a line of it.

    Raises
    ------
    InputError
        If there are not four such files, a line holds something else, a score is no probability, or a position of a
        strand comes twice.
    """

    kind = "bedgraph"

    def __init__(self, key: str, path: Path, scratch: Path | None = None) -> None:
        what = f"scores {key} ({path})"
        self._paths = find_four(path, BEDGRAPH_SUFFIXES)
        self._stores: list[IntervalStore] = []
        try:
            for score in range(2):
                self._stores.append(IntervalStore(scratch, 1, what))
                for strand in "+-":
                    read_bedgraph(self._paths[score, strand], strand, self._stores[score])
                self._stores[score].finish()
        except BaseException:
            self.close()
            raise
        self._places = [set(store.places) for store in self._stores]
        names = dict.fromkeys(contig for store in self._stores for contig, _ in store.places)
        super().__init__(key, tuple(names), what)

    def close(self) -> None:
        """Remove the working files."""
        for store in self._stores:
            store.close()

    def _forward(self, wanted: Wanted) -> NDArray[np.float32]:
        return np.concatenate(
            [store.fetch(wanted.name, wanted.strand, wanted.start, wanted.end) for store in self._stores], axis=1
        )

    def _covers(self, name: str, strand: str) -> bool:
        return all((name, strand) in places for places in self._places)

    def _sample(self) -> Sample:
        samples = [store.sample() for store in self._stores]
        return Sample(np.concatenate([sample.scores for sample in samples]), sum(sample.runs for sample in samples))

    def _files(self) -> dict[str, FileFacts]:
        return {role_name(role): file_facts(self._paths[role]) for role in ROLES}


def read_bedgraph(path: Path, strand: str, store: IntervalStore) -> int:
    """Add the intervals of a file to `store`.

    Returns
    -------
    int
        Intervals added: as many as the file has lines that are no comment, no header and not empty.

    Raises
    ------
    InputError
        Naming the line that holds something else, or the number of scores that are no probabilities.
    """
    lines, tally, count = TextLines(path), ScoreTally(str(path)), 0
    waiting: dict[str, list[_Line]] = {}
    for number, line in lines:
        if line.split(maxsplit=1)[0] in _HEADERS:
            continue
        contig, interval = _parsed(lines, number, line)
        waiting.setdefault(contig, []).append(interval)
        count += 1
        if count % _BATCH == 0:
            _hand_over(waiting, strand, store, tally)
    _hand_over(waiting, strand, store, tally)
    tally.raise_if_wrong()
    return count


def _parsed(lines: TextLines, number: int, line: str) -> tuple[str, _Line]:
    fields = line.split("\t") if "\t" in line else line.split()
    if len(fields) == 4 and fields[0].strip():
        start, end, value = whole_number(fields[1].strip()), whole_number(fields[2].strip()), decimal_number(fields[3])
        if start is not None and end is not None and value is not None and start < end < 2**32:
            return fields[0].strip(), (start, end, value, number)
    raise lines.error(number, "contig, start, end (after start) and score of a bedGraph", line)


def _hand_over(waiting: dict[str, list[_Line]], strand: str, store: IntervalStore, tally: ScoreTally) -> None:
    for contig, intervals in waiting.items():
        starts, ends, scores, numbers = zip(*intervals, strict=True)
        values = as_scores(scores)[:, None]
        tally.add(values, None, lambda k, numbers=numbers: f"line {numbers[k]:,}")  # type: ignore[misc]
        if not tally.wrong:
            store.add(contig, strand, np.array(starts, np.int64), np.array(ends, np.int64), values)
    waiting.clear()
