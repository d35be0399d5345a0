"""The parts of a prediction done by processes apart, on other machines perhaps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from meta_models.dataset.reading.read_ahead import shares
from meta_models.errors import InputError
from meta_models.inference.chunk_scorer import ChunkScorer
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support
from meta_models.inference.parts import Parts
from meta_models.inference.prior import PriorCorrection
from meta_models.inference.served import ServedTable
from meta_models.progress import Progress
from meta_models.resources import PeakSampler
from meta_models.run_folder import hash_file
from meta_models.workers import Farm, NumberedWork, run_pieces

#: Pieces of work for each process: more of them are spread more evenly, fewer load the model less often.
_PIECES = 4
_ADVICE = "Give workers more memory, or take fewer on a machine"


@dataclass(frozen=True)
class ShardWork(NumberedWork):
    """Some parts of a prediction; the model is loaded, and checked, where they are done.

    Attributes
    ----------
    model, sha256 : Path, str
        The model file.
    prior, uncertain, labels
        As in `ChunkScorer`.
    of : Parts
        All parts.
    """

    model: Path
    sha256: str
    table: ServedTable
    prior: PriorCorrection | None
    uncertain: tuple[float, float] | None
    labels: bool
    of: Parts

    @classmethod
    def all_of(cls, scorer: ChunkScorer, model: Path, sha256: str, of: Parts) -> Self:
        """Those of `of` that are not there yet, scored as `scorer` does with the model in the file `model`."""
        missing = tuple(of.missing())
        return cls(model, sha256, scorer.table, scorer.prior, scorer.uncertain, scorer.labels, of, numbers=missing)

    def pieces(self, count: int) -> Iterator[Self]:
        """Runs of parts, `count` of them at most."""
        size = max(1, math.ceil(len(self.numbers) / count))
        for first in range(0, len(self.numbers), size):
            yield replace(self, numbers=self.numbers[first : first + size])


def score_shard(work: ShardWork) -> int:
    """Score the parts of `work` into their store; how many rows they have. Runs in a process of its own.

    Raises
    ------
    InputError
        If the model file is another one than the driver's.
    """
    if hash_file(work.model) != work.sha256:
        raise InputError(f"{work.model} must be the same on all machines", "Found another content", "Share its folder")
    with PeakSampler(work.limit, advice=_ADVICE):
        model = load_model_with_ensemble_support(work.model)
        workers, for_each = shares(work.threads)
        model.set_threads(for_each)
        scorer = ChunkScorer(model, work.table, work.prior, work.uncertain, labels=work.labels)
        work.of.compute(scorer, Progress("Predicting"), workers, only=work.numbers)
    return work.of.rows_of(work.numbers)


def score_apart(work: ShardWork, farm: Farm, progress: Progress) -> int:
    """Have `farm` do the parts of `work`; how many parts were there already.

    Raises
    ------
    MetaModelsError
        What a part raised, or that its process died; what was finished is kept.
    """
    pieces = ((f"part-{piece.numbers[0]:06d}", piece) for piece in work.pieces(_PIECES * (farm.slots or 1)))
    with progress.started(work.of.n_rows):
        progress.advance(work.of.n_rows - work.of.rows_of(work.numbers))
        for rows in run_pieces(pieces, score_shard, farm, threads=work.threads):
            progress.advance(rows)
    work.of.await_parts(work.numbers)
    return len(work.of) - len(work.numbers)
