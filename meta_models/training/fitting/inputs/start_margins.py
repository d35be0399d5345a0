"""Fits of rows that go on from earlier models: their margins are where they begin, and they are served with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.continued import ContinuedPredictor, restore_served
from meta_models.learners.seam import FitJob, Fitted, Learner, Predictor, Prepared
from meta_models.learners.seam.start import Start, Starts
from meta_models.learners.seam.tables import FeatureTable
from meta_models.progress import Progress


@dataclass(frozen=True)
class Begun:
    """What a fit begins with.

    Attributes
    ----------
    columns : tuple of int
        Columns of the rows that the earlier predictor reads.
    margins : ndarray of float32 (n_rows, n_targets)
        Log-odds that it gives each row.
    """

    earlier: Predictor
    columns: tuple[int, ...]
    margins: NDArray[np.float32]

    @classmethod
    def empty(cls, learner: Learner, start: Start, features: tuple[str, ...], n_rows: int) -> Begun:
        """Without margins yet."""
        earlier = restore_served(learner, start.files, start.n_inputs, start.n_targets)
        columns = tuple(map(features.index, start.features))
        return cls(earlier, columns, np.empty((n_rows, earlier.n_targets), np.float32))


@dataclass(frozen=True)
class WithStarts(Prepared):
    """What a learner prepared of rows, each fit on which begins at the margins of an earlier predictor.

    Attributes
    ----------
    begun : mapping of int or None to Begun
        By folds; under None that of all others.
    """

    prepared: Prepared
    begun: Mapping[int | None, Begun]

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        """Fit `job` from there on."""
        begun = self.begun[job.fold if job.fold in self.begun else None]
        started = replace(job, margins=begun.margins[:, list(job.targets)])
        fitted = self.prepared.fit(started, labels, weights, threads=threads)
        whole = ContinuedPredictor(begun.earlier, begun.columns, job.targets, fitted.predictor)
        return replace(fitted, predictor=whole)

    def verify(self) -> None:
        """As what was prepared."""
        self.prepared.verify()

    def under(self, config: Any) -> Prepared | None:
        """As what was prepared."""
        prepared = self.prepared.under(config)
        return None if prepared is None else replace(self, prepared=prepared)


def with_starts(
    learner: Learner, table: FeatureTable, features: tuple[str, ...], starts: Starts, prepared: Prepared
) -> WithStarts:
    """What was `prepared` of the `features` of `table`, for fits that go on from `starts`; one pass over the rows."""
    begun = {fold: Begun.empty(learner, start, features, table.n_rows) for fold, start in starts.items()}
    read = tuple(dict.fromkeys(name for start in starts.values() for name in start.features))
    places = {fold: list(map(read.index, start.features)) for fold, start in starts.items()}
    first = 0
    for chunk in Progress("Scoring with the earlier model").track(table.iter_matrix(read), table.n_rows):
        for fold, found in begun.items():
            values = np.ascontiguousarray(chunk[:, places[fold]])
            found.margins[first : first + len(chunk)] = found.earlier.log_odds(values)
        first += len(chunk)
    return WithStarts(prepared, begun)
