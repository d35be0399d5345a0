"""How far a weighted average precision may be from that of all positions of the very same genes: the design interval.

``1 - AP`` is nearly a weighted sum of rare events, sampled negatives that outrank sites. Its distribution is skewed,
and what is most wrong with a normal interval is that it knows nothing of negatives that were not drawn. The interval
here is the one for weighted sums of Poisson counts: gamma distributions with the sum's own mean and variance, the upper
one with a further event of a large weight added (Fay and Feuer). That event is one more sampled negative of the mean
weight, ranked where the highest sampled negative stands or above one site in twenty, whichever is higher.

References
----------
Fay and Feuer, Confidence intervals for directly standardized rates: a method based on the gamma distribution,
Statistics in Medicine 16, 1997, 791-801.
"""

from __future__ import annotations

from scipy.special import gammaincinv

from meta_models.metrics.bootstrap import Interval
from meta_models.metrics.heavy_rows import MENTIONED_LOSS

#: Fewer effective rows behind the loss than this: the variance itself is not known, so there is no interval.
FEW_EFFECTIVE_ROWS = 15.0
_LEVEL = 0.95


def design_interval(figure: float, loss: float, error: float, unseen: float, effective_rows: float) -> Interval:
    """The 95 % interval of average precision on all positions of the same genes.

    Parameters
    ----------
    figure : float
        Weighted average precision.
    loss, error, unseen, effective_rows : float
        What sampled negatives take from it, its linearised standard error, what one more would take, and the effective
        number of rows behind `loss`: see :class:`~meta_models.metrics.heavy_rows.HeavyRows`.
    """
    if loss >= MENTIONED_LOSS and effective_rows < FEW_EFFECTIVE_ROWS:
        return Interval(None, None, f"only {effective_rows:.1f} effective sampled negatives carry a loss of {loss:.3f}")
    tail = (1 - _LEVEL) / 2
    least, most = _quantile(tail, loss, error**2), _quantile(1 - tail, loss + unseen, error**2 + unseen**2)
    return Interval(max(0.0, figure - (most - loss)), min(1.0, figure + (loss - least)))


def _quantile(probability: float, mean: float, variance: float) -> float:
    """Of the gamma distribution with this mean and variance."""
    if mean <= 0 or variance <= 0:
        return mean
    return float(gammaincinv(mean**2 / variance, probability) * variance / mean)
