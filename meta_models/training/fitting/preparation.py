"""What a learner makes of the rows, made when the first fit needs it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Self

from meta_models.learners.seam import Learner, Prepared, Resources, TrainingRows


class Preparation:
    """Rows that are prepared at the first call of `prepared`, and let go of at the end of the context.

    Parameters
    ----------
    config : LearnerConfig
        The section of `learner`.
    """

    def __init__(self, learner: Learner, rows: TrainingRows, config: Any, resources: Resources) -> None:
        self.learner, self.resources = learner, resources
        self._rows: TrainingRows | None = rows
        self._config = config
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
            context = self.learner.prepare(self._rows, self._config, self.resources)
            self._prepared, self._rows = self._stack.enter_context(context), None
        return self._prepared
