"""Probabilities for other class shares than those they were calibrated at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.model import ModelInfo

Shares = tuple[float, float, float]


@dataclass(frozen=True)
class PriorCorrection:
    """From the class shares of calibration to those of the table; made by :func:`choose_prior`.

    Attributes
    ----------
    source, target : tuple of three float
        Shares of the classes, in the order of :class:`~meta_models.schema.SpliceClass`.
    origin : str
        Where `target` comes from.
    """

    source: Shares
    target: Shares
    origin: str

    def apply(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Re-weight each class by target over source share and divide each row by its sum; float64 (n, 3).

        It is right where classes look alike in both populations and only their shares differ.

        References
        ----------
        Saerens, Latinne and Decaestecker, Neural Computation 14, 2002, equation 2.4.
        """
        weighted = probabilities * (np.asarray(self.target) / np.asarray(self.source))
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


def choose_prior(info: ModelInfo, given: Shares | None, of_table: Shares | None) -> PriorCorrection | str:
    """The correction that ``--prevalence`` or the table's ``true_prevalence`` asks for, or why there is none.

    Raises
    ------
    InputError
        If shares are given, but the model does not say which ones it was calibrated at.
    """
    known = info.prevalence is not None and min(info.prevalence) > 0
    if given is not None:
        if not known or info.prevalence is None:
            raise InputError(
                "--prevalence needs a model that says at which class shares it was calibrated",
                "This model file does not say so",
                "Train it again, or leave --prevalence out",
            )
        return PriorCorrection(info.prevalence, given, "--prevalence")
    if of_table is None:
        return "give --prevalence NEITHER DONOR ACCEPTOR for them, the shares of the classes where they are to be right"
    if not known or info.prevalence is None:
        return "the model file does not say at which class shares it was calibrated"
    return PriorCorrection(info.prevalence, of_table, "true_prevalence in dataset_info.json")
