"""Bootstrap statistics of metrics that are functions of sums over rows: losses, decisions, calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta_models.metrics.arrays import Floats, ratio, sums_by
from meta_models.metrics.decisions import N, accuracy_of, class_f1_of, decided, macro_f1_of
from meta_models.metrics.probabilities import BINS, bin_of, brier_score_of, log_loss_of, normalised
from meta_models.metrics.weights import as_weight
from meta_models.schema import SITE_CLASSES, SpliceClass


def by_target(name: str, target: SpliceClass) -> str:
    """Key of a per-class figure among those of a statistic over all classes: ``"class_f1/donor"``."""
    return f"{name}/{target.label}"


class SumStatistic:
    """Accuracy, F1, log-loss, Brier score and calibration errors of one scorer, from sums over rows by family.

    Parameters
    ----------
    labels : (n,) int
    scores : (n, 3) float
    weight : (n,) float, optional
    family : (n,) int
        Codes 0 .. `n_families` - 1.
    """

    def __init__(
        self, labels: ArrayLike, scores: ArrayLike, weight: ArrayLike | None, family: ArrayLike, n_families: int
    ) -> None:
        y, codes = np.asarray(labels, np.intp), np.asarray(family, np.intp)
        weights, probabilities = as_weight(weight, len(y)), normalised(scores)
        self._families = n_families
        self._cells = _sums(codes, n_families, y * N + decided(probabilities), N * N, weights)
        losses = (log_loss_of(y, probabilities), brier_score_of(y, probabilities), np.ones(len(y)))
        self._losses = np.stack([sums_by(codes, weights * loss, n_families) for loss in losses])
        self._gaps = {
            target: _sums(
                codes,
                n_families,
                bin_of(probabilities[:, target], BINS),
                BINS,
                weights * (probabilities[:, target] - (y == target)),
            )
            for target in SITE_CLASSES
        }

    @property
    def n_families(self) -> int:
        """Number of families."""
        return self._families

    @property
    def block_rows(self) -> int:
        """Numbers held for each resample."""
        return BINS

    def __call__(self, multiplicity: Floats) -> dict[str, Floats]:
        """Figures by name; per-class ones as ``"<name>/<class>"``."""
        matrix = (self._cells @ multiplicity).T.reshape(-1, N, N)
        log_loss, brier, total = self._losses @ multiplicity
        figures = {
            "accuracy": accuracy_of(matrix),
            "macro_f1": macro_f1_of(matrix),
            "log_loss": ratio(log_loss, total),
            "brier_score": ratio(brier, total),
        }
        for target in SITE_CLASSES:
            figures[by_target("class_f1", target)] = class_f1_of(matrix, target)
            gap = np.abs(self._gaps[target] @ multiplicity).sum(axis=0)
            figures[by_target("expected_calibration_error", target)] = ratio(gap, total)
        return figures


def _sums(codes: NDArray[np.intp], n_families: int, column: NDArray[np.intp], width: int, values: Floats) -> Floats:
    """Sums of `values` as (width, n_families)."""
    return sums_by(column * n_families + codes, values, width * n_families).reshape(width, n_families)
