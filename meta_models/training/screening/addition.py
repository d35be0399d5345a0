"""What a column adds over the base scores, on families that had no part in finding it out.

Small boosters on the protected columns (base scores and what is computed from them) give log-probabilities. A second
small booster sees these and one candidate column, with the shares of the classes in the column's quantile bins, which a
leak that folds over many times does not escape; it is compared with the same booster without the candidate. Whatever is
scored on one half of the families was fitted on the other half alone: within that half, log-probabilities and shares
come from the quarter that the row is not in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from meta_models.learners.xgboost.probe import Probe, fit_probe
from meta_models.schema import CLASSES
from meta_models.training.screening.column import N_BINS, POSITIVE, TARGETS, bin_rates
from meta_models.training.screening.sample import QUARTERS, ScreeningSample

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Fewest positive rows of a target and fewest families in each quarter; with fewer there is no judgement.
LEAST_POSITIVE_ROWS = 5
LEAST_FAMILIES = 2

_REFERENCE_ROUNDS, _CANDIDATE_ROUNDS = 60, 40
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Addition:
    """What a column adds for one target.

    Attributes
    ----------
    closed : float
        Share of the log-loss left by the base scores that the column takes away on held-out families; 1 is all of it,
        and it is negative where the column makes things worse.
    low, high : float
        95 % interval of `closed`, from a bootstrap over families.
    """

    closed: float
    low: float
    high: float


class BaseReference:
    """The base scores' own knowledge of the labels, and what columns add to it.

    Parameters
    ----------
    sample : ScreeningSample
    base : ndarray of intp
        Columns of `sample` that are protected because of their group.
    quarter : ndarray of intp, (n,)
        See :func:`quarters`.
    resamples : int
        Bootstrap samples behind the interval.
    seed, threads : int
    """

    def __init__(
        self, sample: ScreeningSample, base: NDArray[np.intp], quarter: NDArray[np.intp],
        *, resamples: int, seed: int, threads: int,
    ) -> None:  # fmt: skip
        self._sample, self._quarter, self._threads = sample, quarter, threads
        _, self._family = np.unique(sample.families, return_inverse=True)
        n_families = int(self._family.max()) + 1 if len(self._family) else 0
        rng = np.random.default_rng(seed)
        self.unusable = _why_unusable(sample, base, quarter, self._family)
        if self.unusable:
            return
        self._draws = rng.multinomial(n_families, np.full(n_families, 1 / n_families), size=resamples).astype(
            np.float64
        )
        scores = sample.columns(base.tolist())
        self._margins = [self._nested_margins(scores, half) for half in (0, 1)]
        probabilities = self._probabilities(None)
        self._loss = self._family_loss(probabilities)
        positive = POSITIVE[sample.labels]
        self.ap: Floats = np.array(
            [average_precision_score(positive[:, t], probabilities @ POSITIVE[:, t]) for t in range(len(TARGETS))]
        )

    def addition(self, column: Float32s, bins: NDArray[np.intp]) -> tuple[Addition, ...]:
        """What `column`, (n,), whose values are in these quantile `bins`, (n,), adds for each target."""
        candidates = [np.column_stack([column, self._nested_rates(bins, half)]) for half in (0, 1)]
        loss = self._family_loss(self._probabilities(candidates))
        closed = 1 - loss.sum(axis=0) / self._loss.sum(axis=0)
        drawn = 1 - (self._draws @ loss) / np.maximum(self._draws @ self._loss, np.finfo(float).tiny)
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        return tuple(Addition(*map(float, values)) for values in zip(closed, low, high, strict=True))

    def _nested_margins(self, scores: Float32s, half: int) -> Float32s:
        """Log-probabilities of all rows, (n, 3), from `scores`, without the labels of `half` and of a row's quarter."""
        margins = np.empty((len(self._quarter), len(CLASSES)), dtype=np.float32)
        for fit_rows, rows in self._nested(half):
            probe = self._fit(scores[fit_rows], fit_rows, _REFERENCE_ROUNDS)
            margins[rows] = np.log(np.maximum(probe(scores[rows]), _LEAST_PROBABILITY))
        return margins

    def _nested_rates(self, bins: NDArray[np.intp], half: int) -> Float32s:
        """Log-shares of the classes in the bins of all rows, (n, 3), without the same labels."""
        rates = np.empty((len(bins), len(CLASSES)), dtype=np.float32)
        codes = bins * len(CLASSES) + self._sample.labels
        for fit_rows, rows in self._nested(half):
            counts = np.bincount(codes[fit_rows], minlength=N_BINS * len(CLASSES))
            shares = bin_rates(counts.reshape(N_BINS, len(CLASSES)).astype(np.float64))
            rates[rows] = np.log(np.maximum(shares, _LEAST_PROBABILITY))[bins[rows]]
        return rates

    def _nested(self, half: int) -> tuple[tuple[Mask, Mask], ...]:
        """Rows to fit on and rows to apply it to: `half` has no part in fitting, nor has a row in its own value."""
        first, second = (self._quarter == q for q in ((2, 3) if half == 0 else (0, 1)))
        return (first, second), (second, first), (first | second, ~(first | second))

    def _probabilities(self, candidates: Sequence[Float32s] | None) -> Floats:
        """Probabilities of all rows, (n, 3), each from a booster that did not see the row's half."""
        probabilities = np.empty((len(self._quarter), len(CLASSES)))
        for half, margins in enumerate(self._margins):
            inputs = margins if candidates is None else np.column_stack([margins, candidates[half]])
            held_out = self._quarter // 2 == half
            probabilities[held_out] = self._fit(inputs[~held_out], ~held_out, _CANDIDATE_ROUNDS)(inputs[held_out])
        return probabilities

    def _fit(self, inputs: Float32s, rows: NDArray[np.bool_], rounds: int) -> Probe:
        return fit_probe(inputs, self._sample.labels[rows], rounds, self._threads)

    def _family_loss(self, probabilities: Floats) -> Floats:
        """Log-loss of each target summed over the rows of each family, (n_families, 3)."""
        chance = np.clip(probabilities @ POSITIVE, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
        positive = POSITIVE[self._sample.labels].astype(bool)
        loss = -np.log(np.where(positive, chance, 1 - chance))
        return np.stack([np.bincount(self._family, weights=loss[:, t]) for t in range(len(TARGETS))], axis=1)


def _why_unusable(
    sample: ScreeningSample, base: NDArray[np.intp], quarter: NDArray[np.intp], family: NDArray[np.intp]
) -> str:
    """Why nothing can be judged by what it adds; empty where it can."""
    if len(base) == 0:
        return "no base score is among the features"
    positive = POSITIVE[sample.labels]
    for q in range(QUARTERS):
        rows = quarter == q
        families = len(np.unique(family[rows]))
        fewest = int(positive[rows].sum(axis=0).min())
        if families < LEAST_FAMILIES or fewest < LEAST_POSITIVE_ROWS:
            return (
                f"a quarter of the screened families holds {families} families and {fewest} rows of the rarest class "
                f"(needs {LEAST_FAMILIES} and {LEAST_POSITIVE_ROWS})"
            )
    return ""
