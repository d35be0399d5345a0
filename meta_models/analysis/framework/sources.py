"""What analyses are handed: a place to write to, and a way to train again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa


class ArtifactWriter(Protocol):
    """Writes files into the run folder, each atomically. :class:`meta_models.run_folder.RunFolder` is one."""

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write `data` under `name`, which may hold ``/``."""

    def write_text(self, name: str, text: str) -> None:
        """Write `text` as UTF-8."""

    def write_json(self, name: str, value: object) -> None:
        """Write `value` as JSON."""

    def write_parquet(self, name: str, table: pa.Table) -> None:
        """Write `table` as Parquet."""


class Retrainer(Protocol):
    """Trains again on a cheap setting and on the folds of the run."""

    @property
    def setting(self) -> str:
        """How models are trained, in words."""

    def retrain(
        self,
        features: tuple[str, ...],
        *,
        rows: NDArray[np.bool_] | None = None,
        labels: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float64]:
        """Out-of-fold probabilities (n_rows, 3), trained on `rows` (by default all) with `labels` (the table's)."""

    def release(self) -> None:
        """Let go of what is kept for the next call."""
