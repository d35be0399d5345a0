"""What a learner makes of the rows, made when the first fit needs it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

from meta_models.learners.seam import Learner, Prepared, Resources, TrainingRows
from meta_models.learners.seam.inputs import TrainingInputs
from meta_models.learners.seam.start import Starts
from meta_models.learners.seam.tables import FeatureTable
from meta_models.training.fitting.inputs.motif_columns import MotifColumns, WithMotifs
from meta_models.training.fitting.inputs.start_margins import with_starts


class Preparation:
    """Rows that are prepared at the first call of `prepared`, and let go of at the end of the context.

    Parameters
    ----------
    config : LearnerConfig
        The section of `learner`.
    motifs : callable, optional
        Fits the motif columns that are added to the rows.
    """

    def __init__(
        self, learner: Learner, rows: TrainingInputs, config: Any, resources: Resources,
        motifs: Callable[[], MotifColumns] | None = None,
    ) -> None:  # fmt: skip
        self.learner, self.resources = learner, resources
        self._rows: TrainingInputs | None = rows
        self._config, self._motifs = config, motifs
        self._stack = ExitStack()
        self._prepared: Prepared | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._prepared = None
        self._stack.close()

    @property
    def prepared(self) -> Prepared:
        """What the learner made of the rows; the sample of rows goes when it is there."""
        if self._prepared is None:
            if self._rows is None:
                raise AssertionError("rows are prepared once")
            rows, columns, began = self._rows, None, _beginning(self._rows)
            if self._motifs is not None and isinstance(rows, TrainingRows):
                columns = self._motifs()
                rows = columns.rows(rows)
            self._rows = None
            prepared = self._stack.enter_context(self.learner.prepare(rows, self._config, self.resources))
            prepared = prepared if columns is None else WithMotifs(prepared, columns)
            self._prepared = prepared if began is None else with_starts(self.learner, *began, prepared)
        return self._prepared


def _beginning(rows: TrainingInputs) -> tuple[FeatureTable, tuple[str, ...], Starts] | None:
    """What margins are taken from that fits begin at; None where they begin anew. The sample of rows is not held."""
    if not isinstance(rows, TrainingRows) or not rows.starts:
        return None
    return rows.table, rows.features, rows.starts
