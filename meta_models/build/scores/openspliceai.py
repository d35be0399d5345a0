"""The two BED files that OpenSpliceAI's ``predict`` writes."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.source_files import FileFacts, file_facts
from meta_models.build.scores.checks import ScoreTally, as_scores
from meta_models.build.scores.file_scores import FileScores, Sample, Wanted
from meta_models.build.scores.openspliceai_rows import Row, read_rows
from meta_models.build.scores.spans import Spans
from meta_models.build.scores.spec import ACCEPTOR_BED, DONOR_BED, prediction_folders
from meta_models.build.scores.store import IntervalStore
from meta_models.errors import InputError

logger = logging.getLogger(__name__)
_BATCH = 65_536


class OpenSpliceAIScores(FileScores):
    """Scores in the folder that ``openspliceai predict`` wrote, or the one above it.

    The names in the files say which stretch of the genome a row was predicted for: these stretches are covered, and
    a position without a row has the score 0 (``predict`` leaves out scores up to its threshold). Rows beyond their
    stretch come from padding and are left out; where stretches overlap, the highest score of a position counts, for a
    prediction near an end lacks context. Versions place donors and acceptors differently, so shifts must be measured.

    Raises
    ------
    InputError
        If the files are not there, a line holds something else, or a score is no probability.
    """

    kind = "openspliceai"

    def __init__(self, key: str, path: Path, scratch: Path | None = None) -> None:
        what = f"scores {key} ({path})"
        self._paths = _bed_files(path)
        self._spans, self._stores = Spans(), list[IntervalStore]()
        try:
            for bed in self._paths:
                self._stores.append(IntervalStore(scratch, 1, f"{what}, {bed.name}", keep_highest=True))
                self._fill(bed, self._stores[-1])
                self._stores[-1].finish()
            if not self._spans.contigs:
                raise InputError(f"{what} must hold predictions", "Found none")
        except BaseException:
            self.close()
            raise
        super().__init__(key, self._spans.contigs, what)

    def close(self) -> None:
        """Remove the working files."""
        for store in self._stores:
            store.close()

    @property
    def sparse(self) -> bool:
        """Never: what is covered has a score everywhere, 0 where there is no row."""
        return False

    def facts(self) -> dict[str, object]:
        """As :meth:`ScoreSource.facts`; a position without a row has the score 0."""
        return {**super().facts(), "absent": "zero"}

    def _fill(self, bed: Path, store: IntervalStore) -> None:
        tally, beyond = ScoreTally(str(bed)), 0
        waiting: dict[tuple[str, str], list[Row]] = {}
        for number, row in enumerate(read_rows(bed), 1):
            self._spans.add(row.contig, row.strand, row.first, row.last)
            if row.first <= row.position < row.last:
                waiting.setdefault((row.contig, row.strand), []).append(row)
            else:
                beyond += 1
            if number % _BATCH == 0:
                _hand_over(waiting, store, tally)
        _hand_over(waiting, store, tally)
        tally.raise_if_wrong()
        if beyond:
            logger.info("%s: %d rows beyond the sequences that were predicted are left out", bed, beyond)

    def _forward(self, wanted: Wanted) -> NDArray[np.float32]:
        where = wanted.name, wanted.strand, wanted.start, wanted.end
        scores = np.concatenate([store.fetch(*where) for store in self._stores], axis=1)
        covered = self._spans.inside(*where)
        scores[np.isnan(scores) & covered[:, None]] = 0
        return scores

    def _covers(self, name: str, strand: str) -> bool:
        return self._spans.has(name, strand)

    def _sample(self) -> Sample:
        samples = [store.sample() for store in self._stores]
        return Sample(np.concatenate([sample.scores for sample in samples]), sum(sample.runs for sample in samples))

    def _files(self) -> dict[str, FileFacts]:
        return {name: file_facts(bed) for name, bed in zip(("donor", "acceptor"), self._paths, strict=True)}


def _bed_files(path: Path) -> tuple[Path, Path]:
    folders = prediction_folders(path)
    if len(folders) != 1:
        found = ", ".join(folder.name for folder in folders) or "none"
        raise InputError(
            f"{path} must be the folder of one prediction, with {DONOR_BED} and {ACCEPTOR_BED}", f"Found {found}"
        )
    return folders[0] / DONOR_BED, folders[0] / ACCEPTOR_BED


def _hand_over(waiting: dict[tuple[str, str], list[Row]], store: IntervalStore, tally: ScoreTally) -> None:
    for (contig, strand), rows in waiting.items():
        values = as_scores([row.score for row in rows])[:, None]
        tally.add(values, None, lambda k, rows=rows: f"line {rows[k].number:,}")  # type: ignore[misc]
        if not tally.wrong:
            starts = np.array([row.position for row in rows], np.int64)
            store.add(contig, strand, starts, starts + 1, values)
    waiting.clear()
