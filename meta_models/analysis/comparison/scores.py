"""The out-of-fold table as arrays: labels, weights, families and the probabilities of every scorer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.table import BEST_BASE, GENOMIC, TABLE
from meta_models.result import CALIBRATED, RAW, TrainingResult, probability_columns
from meta_models.schema import GENE, SpliceClass

META = "meta"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """The rows as they are (``"table"``, weights None) or weighted to what they stand for (``"genomic"``)."""

    name: str
    weights: Floats | None

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Floats | None:
        """The weights of `rows`."""
        return None if self.weights is None else self.weights[rows]

    def weights_or_ones(self, n_rows: int) -> Floats:
        """The weights, or `n_rows` ones."""
        return np.ones(n_rows) if self.weights is None else self.weights


@dataclass(frozen=True)
class Scores:
    """Arrays over the out-of-fold table, (n,) or (n, 3), read once and shared by the analyses.

    Attributes
    ----------
    result : TrainingResult
        Where they come from.
    """

    result: TrainingResult

    @property
    def frame(self) -> pl.DataFrame:
        """The out-of-fold table."""
        return self.result.oof

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """Class of each row, (n,)."""
        return self.frame["label"].to_numpy().astype(np.uint8)

    @cached_property
    def folds(self) -> NDArray[np.int16]:
        """Fold that held each row out, (n,)."""
        return self.frame["fold"].to_numpy().astype(np.int16)

    @cached_property
    def families(self) -> NDArray[np.int64]:
        """Number of the family of each row, in sorted order of their names, (n,)."""
        return codes_of(self.frame["family"])

    @cached_property
    def genes(self) -> NDArray[np.int64]:
        """Number of the gene of each row, in sorted order of their names, (n,)."""
        return codes_of(self.frame[GENE])

    @cached_property
    def populations(self) -> tuple[Population, ...]:
        """The headline population first: genomic where weights are known, then the table."""
        table = Population(TABLE, None)
        if self.result.weighting == "none":
            return (table,)
        return Population(GENOMIC, self.frame["weight"].to_numpy().astype(np.float64)), table

    @property
    def headline(self) -> Population:
        """The population that counts."""
        return self.populations[0]

    @cached_property
    def calibrated(self) -> Floats:
        """Calibrated probabilities of the meta-model, (n, 3)."""
        return self._columns(probability_columns(CALIBRATED))

    @cached_property
    def raw(self) -> Floats:
        """Probabilities before calibration, (n, 3)."""
        return self._columns(probability_columns(RAW))

    @cached_property
    def bases(self) -> dict[str, Floats]:
        """Scores of every base model by its name, (n, 3) each; the main one first."""
        return {base.name: self._columns(base.columns) for base in self.result.bases}

    @cached_property
    def main_base(self) -> Floats:
        """Scores of the main base model, (n, 3)."""
        return next(iter(self.bases.values()))

    @cached_property
    def best_base(self) -> Floats:
        """For each row the scores of the base model that was best on the other folds, (n, 3)."""
        out = self.main_base.copy()
        for fold, name in self.result.best_base_by_fold.items():
            held_out = self.folds == fold
            out[held_out] = self.bases[name][held_out]
        return out

    @cached_property
    def opponents(self) -> dict[str, Floats]:
        """What the meta-model is drawn against: the main base model and, where it is another one, the best."""
        names = list(self.bases)
        opponents = {f"base ({names[0]})": self.main_base}
        if set(self.result.best_base_by_fold.values()) - {names[0]}:
            opponents[self.best_base_name] = self.best_base
        return opponents

    @property
    def best_base_name(self) -> str:
        """``"best base (...)"`` with the names that were chosen."""
        return f"{BEST_BASE} ({', '.join(sorted(set(self.result.best_base_by_fold.values())))})"

    @property
    def scorers(self) -> dict[str, Floats]:
        """Opponents and the calibrated meta-model, last."""
        return {**self.opponents, META: self.calibrated}

    def is_class(self, target: SpliceClass) -> NDArray[np.bool_]:
        """Which rows are of class `target`, (n,)."""
        return np.asarray(self.labels == target.value)

    def _columns(self, names: tuple[str, str, str]) -> Floats:
        return self.frame.select(names).to_numpy().astype(np.float64)


def codes_of(column: pl.Series) -> NDArray[np.int64]:
    """Number of each value among the sorted distinct values of `column`, (n,)."""
    return column.rank("dense").to_numpy().astype(np.int64) - 1
