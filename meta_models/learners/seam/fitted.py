"""What a job gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meta_models.learners.seam.predictor import Json, Predictor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Fitted:
    """Returned by `Prepared.fit`.

    Attributes
    ----------
    scores : ndarray of float32 (n_score, n_targets, n_stages)
        Scores of the job's score rows, in row order, as the restored predictor gives them; one stage where the learner
        has none.
    stages : tuple of int
        Numbers of rounds that `scores` were taken after; (0,) where the learner has none.
    rounds : int
        Rounds that the predictor has; 0 where the learner has none.
    curves : mapping of str to tuple of float
        Log-loss after each round: ``train``, and ``held_out`` (stop rows, or score rows where there are none).
    facts : mapping
        What else the learner wants to tell of this fit (stopped early, rows of a cap, convergence).
    """

    predictor: Predictor
    scores: NDArray[np.float32]
    stages: tuple[int, ...] = (0,)
    rounds: int = 0
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)
