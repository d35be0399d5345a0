"""What a fit leaves: numpy in, numpy out, and files of data alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Matrix: TypeAlias = "NDArray[np.float32]"
Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"

#: Scores are kept so far from 0 and 1 where log-odds are taken of them.
CLIP = 1e-7
#: Every feature value lies above it: a learner that cannot have NaN may put it there for what is missing.
LEAST_VALUE = -1e30


class MalformedModel(ValueError):
    """Raised by `Learner.restore` where files are not such as `Predictor.files` makes; nothing native saw them."""


class Predictor(ABC):
    """A fitted learner: numpy in, numpy out. Several threads may call it at once.

    Attributes
    ----------
    n_inputs, n_targets : int
        Columns of the matrices that `scores` takes and gives.
    """

    n_inputs: int
    n_targets: int

    @abstractmethod
    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Scores (n, n_targets) in [0, 1] of a float32 (n, n_inputs) matrix, NaN where a value is missing."""

    def log_odds(self, matrix: Matrix) -> NDArray[np.float64]:
        """Log-odds (n, n_targets) of the scores; exact where a score is too near to 0 or 1 to tell them."""
        import numpy as np

        scores = np.clip(self.scores(matrix), CLIP, 1 - CLIP)
        return np.asarray(np.log(scores) - np.log1p(-scores))

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """All that `Learner.restore` needs, by plain file names: data only, equal bytes for equal predictors."""

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        """Importances by their name (``gain``, ``cover``, ``coefficient``), each (n_targets, n_inputs), at least 0."""
        return {}

    def contributions(self, matrix: Matrix, *, approximate: bool = False) -> NDArray[np.float64] | None:  # noqa: ARG002
        """What each feature adds to the log-odds of each target, (n, n_targets, n_inputs + 1).

        The last column is the same for all rows; a row sums to its log-odds. None where a learner has none.
        """
        return None

    def at_stage(self, rounds: int) -> Predictor:
        """The predictor after its first `rounds` rounds; of learners with trait ``stages`` only."""
        raise TypeError(f"{type(self).__name__} has no stages, {rounds} of them were asked for")

    def facts(self) -> Mapping[str, Json]:
        """What is worth saying of it: numbers of trees, of references, of weights."""
        return {}

    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""
        del n
