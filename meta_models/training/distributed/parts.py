"""What each shard contributes to a fit: the scores of its rows, and the first one the predictor, for all have the same.

A part is a unit in a store of its own, beside the shards: there as a whole, or not yet.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from meta_models.learners.seam import Fitted
from meta_models.run_folder import UnitKey, UnitStore
from meta_models.training.distributed.meeting import Meeting
from meta_models.training.fitting.unit_codec import SCORES, encode


class Parts:
    """The parts of the fits that the processes of a meeting do."""

    def __init__(self, meeting: Meeting) -> None:
        self._store, self._shards = UnitStore(meeting.folder / "parts"), meeting.shards

    def put(self, job: str, key: UnitKey, shard: int, fitted: Fitted, seconds: float) -> None:
        """Keep the part of `shard`, which took so many `seconds`."""
        files = encode(fitted)
        kept = files if shard == 0 else {SCORES: files[SCORES]}
        self._store.put(_name(job, shard), key, kept, timing={"total": seconds})

    def timing(self, job: str) -> dict[str, float]:
        """Seconds that the fit took."""
        return self._store.timing(_name(job, 0))

    def whole(self, job: str, key: UnitKey) -> bool:
        """Whether all parts of the fit are there."""
        return all(self._store.holds(_name(job, shard), key) for shard in range(self._shards))

    def joined(self, job: str, key: UnitKey) -> dict[str, bytes]:
        """The files of the unit that the fit becomes, once all parts can be seen."""
        found = [self._store.awaited(_name(job, shard), key).files() for shard in range(self._shards)]
        return {**found[0], SCORES: _concatenated([files[SCORES] for files in found])}


def _concatenated(arrays: Sequence[bytes]) -> bytes:
    joined = io.BytesIO()
    np.save(joined, np.concatenate([np.load(io.BytesIO(data), allow_pickle=False) for data in arrays]))
    return joined.getvalue()


def _name(job: str, shard: int) -> str:
    return f"{job}.{shard}"
