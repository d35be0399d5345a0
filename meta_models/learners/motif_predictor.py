"""A predictor that computes the motif scores of rows from their base codes, and hands them to the learner's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.features import MOTIF_COLUMNS, MOTIF_SCORES, Motifs
from meta_models.features.motifs import motif_windows
from meta_models.learners.seam import Json, Learner, MalformedModel, Matrix, Predictor

#: What stands among the files of a predictor that has motifs.
MOTIF_FILE = "motifs.json"
_MOST_INPUTS = 1_000_000


@dataclass(frozen=True)
class MotifLayout:
    """Where base codes stand among the columns of a table, and motif scores among those of a learner.

    Attributes
    ----------
    table : int
        Columns of the table; they are the first ones of the learner.
    learner : int
        Columns that the learner was given: those of the table, and the motif scores of all folds.
    codes : tuple of int, (29,)
        Columns :data:`~meta_models.features.MOTIF_COLUMNS` of the table.
    scores : tuple of int, (2,)
        Columns of the learner that hold the motif scores.
    """

    table: int
    learner: int
    codes: tuple[int, ...]
    scores: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.table, self.learner, *self.codes, *self.scores)
        if not all(type(number) is int for number in numbers) or not 0 < self.table < self.learner <= _MOST_INPUTS:
            raise ValueError("the columns of motifs are counted by whole numbers")
        known = len(self.codes) == len(MOTIF_COLUMNS) and len(self.scores) == len(MOTIF_SCORES)
        behind = all(self.table <= number < self.learner for number in self.scores)
        if not known or not behind or not all(0 <= number < self.table for number in self.codes):
            raise ValueError("base codes are columns of the table, and motif scores stand behind them")

    def widened(self, matrix: Matrix, motifs: Motifs) -> Matrix:
        """The rows (n, learner) that the learner reads; the motif scores of other folds, which it never uses, are 0."""
        wide = np.zeros((len(matrix), self.learner), np.float32)
        wide[:, : self.table] = matrix
        wide[:, list(self.scores)] = motifs.scores(matrix[:, list(self.codes)])
        return wide

    def narrowed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (..., learner) of the learner's columns as values (..., table) of the table's.

        What a motif score has is shared alike by the bases of its window: their sum stays the same.
        """
        narrow = values[..., : self.table].copy()
        for column, (first, last) in zip(self.scores, motif_windows(), strict=True):
            bases = list(self.codes[first:last])
            narrow[..., bases] += values[..., column, None] / len(bases)
        return narrow


class MotifPredictor(Predictor):
    """A learner's predictor over columns of a table and the motif scores that are computed from them.

    Parameters
    ----------
    inner : Predictor
        Of ``layout.learner`` columns.
    motifs : Motifs
        Fitted on the rows that `inner` was trained on.
    layout : MotifLayout
    """

    def __init__(self, inner: Predictor, motifs: Motifs, layout: MotifLayout) -> None:
        if inner.n_inputs != layout.learner:
            raise ValueError(f"the predictor takes {inner.n_inputs} columns, {layout.learner} are made")
        self.inner, self.motifs, self.layout = inner, motifs, layout
        self.n_inputs, self.n_targets = layout.table, inner.n_targets

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """As the learner's predictor, of a matrix of the table's columns."""
        return self.inner.scores(self.layout.widened(matrix, self.motifs))

    def log_odds(self, matrix: Matrix) -> NDArray[np.float64]:
        """As the learner's predictor."""
        return self.inner.log_odds(self.layout.widened(matrix, self.motifs))

    def files(self) -> dict[str, bytes]:
        """Those of the learner's predictor, and the motifs."""
        return {**self.inner.files(), MOTIF_FILE: self.own_file}

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        """Of the table's columns; those of a motif score are shared by the bases of its window."""
        return {name: self.layout.narrowed(values) for name, values in self.inner.importances().items()}

    def contributions(self, matrix: Matrix, *, approximate: bool = False) -> NDArray[np.float64] | None:
        """Of the table's columns; those of a motif score are shared by the bases of its window."""
        found = self.inner.contributions(self.layout.widened(matrix, self.motifs), approximate=approximate)
        if found is None:
            return None
        return np.concatenate([self.layout.narrowed(found[..., :-1]), found[..., -1:]], axis=-1)

    def at_stage(self, rounds: int) -> Predictor:
        """The same after so many rounds."""
        return MotifPredictor(self.inner.at_stage(rounds), self.motifs, self.layout)

    def facts(self) -> Mapping[str, Json]:
        """Those of the learner's predictor."""
        return self.inner.facts()

    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""
        self.inner.set_threads(n)

    @cached_property
    def own_file(self) -> bytes:
        """The motifs and where they stand, as JSON."""
        tables = {name: table.ravel().tolist() for name, table in self.motifs.to_arrays().items()}
        layout = {"table": self.layout.table, "learner": self.layout.learner, "codes": list(self.layout.codes),
                  "scores": list(self.layout.scores)}  # fmt: skip
        return json.dumps({"layout": layout, **tables}, sort_keys=True, allow_nan=False).encode("ascii")


def restore_predictor(learner: Learner, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
    """The predictor of `learner` whose files these are, with motifs where they hold some.

    Raises
    ------
    MalformedModel
        If anything in them is not such as `Predictor.files` makes it.
    """
    if MOTIF_FILE not in files:
        return learner.restore(files, n_inputs, n_targets)
    try:
        motifs, layout = _parsed(files[MOTIF_FILE])
    except (InputError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise MalformedModel(f"{MOTIF_FILE} is not as it was written: {str(error)[:200]}") from error
    if layout.table != n_inputs:
        raise MalformedModel(f"{MOTIF_FILE} is of {layout.table} columns, not {n_inputs}")
    own = {name: data for name, data in files.items() if name != MOTIF_FILE}
    return MotifPredictor(learner.restore(own, layout.learner, n_targets), motifs, layout)


def join_predictors(learner: Learner, parts: Sequence[Predictor]) -> Predictor:
    """Predictors of one target each as one of all, as `Learner.join`; all have the same motifs, or none has any."""
    first = parts[0]
    if not isinstance(first, MotifPredictor):
        return learner.join(parts)
    inner = [part.inner for part in parts if isinstance(part, MotifPredictor) and part.own_file == first.own_file]
    if len(inner) != len(parts):
        raise ValueError("predictors that are joined have the same motifs")
    return MotifPredictor(learner.join(inner), first.motifs, first.layout)


def _parsed(data: bytes) -> tuple[Motifs, MotifLayout]:
    values: Any = json.loads(data)
    if set(values) != {"layout", *MOTIF_SCORES}:
        raise ValueError("its fields are others")
    layout = values["layout"]
    found = MotifLayout(layout["table"], layout["learner"], tuple(layout["codes"]), tuple(layout["scores"]))
    tables = {name: _table(values[name]) for name in MOTIF_SCORES}
    return Motifs.from_arrays(tables), found


def _table(values: object) -> NDArray[np.float32]:
    """A flat list of numbers as the table (L, 5, 5) that it was."""
    if not isinstance(values, list) or not all(type(value) is float for value in values):
        raise ValueError("a table of motifs is a list of numbers")
    side = 5
    return np.array(values, np.float32).reshape(-1, side, side)
