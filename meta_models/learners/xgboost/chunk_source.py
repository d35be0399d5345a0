"""XGBoost's way through a table: an iterator over chunks, and which of its passes look at the values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.learners.xgboost.missing import MISSING

#: Chunks of pass number k, 1 the first.
OpenPass = Callable[[int], Iterator[NDArray[np.float32]]]


class ChunkSource(xgb.DataIter):
    """The table as XGBoost's data iterator; each pass over it is opened anew.

    XGBoost calls it through ctypes and keeps only an ``Exception`` for later. An interrupt (SIGINT, SIGTERM) that
    arrives here would be printed and lost: it ends the iteration and is kept in `interrupt` for the caller to raise.

    Parameters
    ----------
    open_pass : callable
        Called with the number of a pass, gives its chunks, C-ordered float32 arrays.
    cache : Path, optional
        Folder for the pages of an external matrix.
    """

    def __init__(self, open_pass: OpenPass, cache: Path | None = None) -> None:
        self._open = open_pass
        self.passes = 0
        self._chunks: Iterator[NDArray[np.float32]] = iter(())
        self.interrupt: KeyboardInterrupt | SystemExit | None = None
        super().__init__(release_data=True, cache_prefix=None if cache is None else str(cache / "matrix"))

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand over one more chunk; False where the pass has ended."""
        try:
            chunk = None if self.interrupt else next(self._chunks, None)
            if chunk is not None:
                input_data(data=chunk)
        except (KeyboardInterrupt, SystemExit) as interrupt:
            self.interrupt, chunk = interrupt, None
        return chunk is not None

    def reset(self) -> None:
        """Begin the next pass."""
        self.passes += 1
        self._chunks = self._open(self.passes)


@cache
def pass_of_values() -> int | None:
    """Number of the only pass over an in-memory matrix with given bins that looks at the values; None if it is not one.

    Where no value is missing, XGBoost 3.2 goes over the chunks first to count rows and last to lay out columns that it
    has found already: zeros do as well, and the table need not be decoded for them. As that is written nowhere, it is
    tried with the XGBoost that is installed: a matrix of few rows made so must be the one that is made from the values
    alone, and train the same trees.
    """
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 6)).astype(np.float32)
    values[:, 1], values[:, 2] = np.round(values[:, 1]), rng.random(300) < 0.02  # few values; nearly always the same
    values[::7, 3] = MISSING
    labels = (values[:, 0] + values[:, 1] + rng.normal(size=300) > 0).astype(np.float32)
    passes, whole = _trial(values, labels, None)
    found = [number for number in range(1, passes + 1) if _trial(values, labels, number)[1] == whole]
    return found[0] if len(found) == 1 else None


def zeros(n_rows: int, n_columns: int, chunk_rows: int) -> Iterator[NDArray[np.float32]]:
    """Chunks of a table of zeros; they take no memory, as nothing is written to them."""
    nothing = np.zeros((min(n_rows, chunk_rows), n_columns), np.float32)
    for start in range(0, n_rows, chunk_rows):
        yield nothing[: min(chunk_rows, n_rows - start)]


def _trial(values: NDArray[np.float32], labels: NDArray[np.float32], number: int | None) -> tuple[int, bytes]:
    """How many passes there were, and what the matrix holds and trains, with values in pass `number`, or in all."""

    def chunks(now: int) -> Iterator[NDArray[np.float32]]:
        if number is None or now == number:
            return (values[start : start + 70] for start in range(0, len(values), 70))
        return zeros(len(values), values.shape[1], 110)

    source = ChunkSource(chunks)
    ref = xgb.QuantileDMatrix(values[:150], max_bin=32, nthread=1)
    matrix = xgb.QuantileDMatrix(source, ref=ref, max_bin=32, nthread=1)
    matrix.set_label(labels)
    booster = xgb.train({"tree_method": "hist", "max_bin": 32, "max_depth": 4, "nthread": 1}, matrix, 3)
    held = matrix.get_data()
    return source.passes, b"".join(map(bytes, (held.indptr, held.indices, held.data, booster.save_raw("ubj"))))
