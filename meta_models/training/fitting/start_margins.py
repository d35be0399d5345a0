"""Fits of rows that go on from another run's model: its margins are where they begin, and it is served with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.continued import ContinuedPredictor, restore_served
from meta_models.learners.seam import FitJob, Fitted, Learner, Predictor, Prepared
from meta_models.learners.seam.start import Start
from meta_models.learners.seam.tables import FeatureTable
from meta_models.progress import Progress


@dataclass(frozen=True)
class WithStart(Prepared):
    """What a learner prepared of rows, each fit on which begins at the margins of an earlier predictor.

    Attributes
    ----------
    columns : tuple of int
        Columns of the rows that the earlier predictor reads.
    margins : ndarray of float32 (n_rows, n_targets)
        Log-odds that it gives each row.
    """

    prepared: Prepared
    earlier: Predictor
    columns: tuple[int, ...]
    margins: NDArray[np.float32]

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int
    ) -> Fitted:
        """Fit `job` from there on."""
        started = replace(job, margins=self.margins[:, list(job.targets)])
        fitted = self.prepared.fit(started, labels, weights, threads=threads)
        whole = ContinuedPredictor(self.earlier, self.columns, job.targets, fitted.predictor)
        return replace(fitted, predictor=whole)

    def verify(self) -> None:
        """As what was prepared."""
        self.prepared.verify()

    def under(self, config: Any) -> Prepared | None:
        """As what was prepared."""
        prepared = self.prepared.under(config)
        return None if prepared is None else replace(self, prepared=prepared)


def with_start(
    learner: Learner, table: FeatureTable, features: tuple[str, ...], start: Start, prepared: Prepared
) -> WithStart:
    """What was `prepared` of the `features` of `table`, for fits that go on from `start`; one pass over the rows."""
    earlier = restore_served(learner, start.files, start.n_inputs, start.n_targets)
    columns = tuple(map(features.index, start.features))
    margins = np.empty((table.n_rows, earlier.n_targets), np.float32)
    first = 0
    chunks = table.iter_matrix(start.features)
    for chunk in Progress("Scoring with the earlier model").track(chunks, table.n_rows):
        margins[first : first + len(chunk)] = earlier.log_odds(chunk)
        first += len(chunk)
    return WithStart(prepared, earlier, columns, margins)
