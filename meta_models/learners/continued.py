"""A predictor that goes on from another one: its log-odds are what the earlier one says, and what was added since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.motif_predictor import join_predictors, restore_predictor
from meta_models.learners.seam import Json, Learner, MalformedModel, Matrix, Predictor

#: What stands among the files of a predictor that went on, and before the names of those of the earlier one.
EARLIER_FILE, EARLIER = "earlier.json", "earlier_"
#: Most predictors that went on from one another.
MOST_STEPS = 8
_MOST_INPUTS = 1_000_000


class ContinuedPredictor(Predictor):
    """What was fitted to the margins of an earlier predictor, and that predictor: both are served together.

    Parameters
    ----------
    earlier : Predictor
        Of the run that was gone on from.
    columns : sequence of int (earlier.n_inputs,)
        Columns of the rows that it reads.
    targets : sequence of int (own.n_targets,)
        Which of its targets those of `own` are.
    own : Predictor
        Its log-odds are added to those of `earlier`.
    """

    def __init__(self, earlier: Predictor, columns: Sequence[int], targets: Sequence[int], own: Predictor) -> None:
        if len(columns) != earlier.n_inputs or not all(0 <= column < own.n_inputs for column in columns):
            raise ValueError(f"the earlier predictor takes {earlier.n_inputs} of {own.n_inputs} columns")
        if len(targets) != own.n_targets or not all(0 <= target < earlier.n_targets for target in targets):
            raise ValueError(f"the targets are {own.n_targets} of the {earlier.n_targets} of the earlier predictor")
        self.earlier, self.columns, self.targets, self.own = earlier, list(columns), list(targets), own
        self.n_inputs, self.n_targets = own.n_inputs, own.n_targets

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Sigmoids (n, n_targets) of the log-odds."""
        from scipy.special import expit

        return np.asarray(expit(self.log_odds(matrix)))

    def log_odds(self, matrix: Matrix) -> NDArray[np.float64]:
        """The sum of both, (n, n_targets)."""
        before = self.earlier.log_odds(np.ascontiguousarray(matrix[:, self.columns]))
        return before[:, self.targets] + self.own.log_odds(matrix)

    def files(self) -> dict[str, bytes]:
        """Those of both, and how they go together."""
        earlier = {f"{EARLIER}{name}": data for name, data in self.earlier.files().items()}
        return {**self.own.files(), **earlier, EARLIER_FILE: self.own_file}

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        """The sum of both."""
        own, before = self.own.importances(), self.earlier.importances()
        return {name: values + self._placed(before[name]) for name, values in own.items() if name in before}

    def contributions(self, matrix: Matrix, *, approximate: bool = False) -> NDArray[np.float64] | None:
        """The sum of both; None where one has none."""
        own = self.own.contributions(matrix, approximate=approximate)
        before = self.earlier.contributions(np.ascontiguousarray(matrix[:, self.columns]), approximate=approximate)
        if own is None or before is None:
            return None
        placed = self._placed(before[..., :-1].swapaxes(0, 1)).swapaxes(0, 1)
        return np.concatenate([own[..., :-1] + placed, own[..., -1:] + before[:, self.targets, -1:]], axis=-1)

    def _placed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (earlier targets, ..., earlier inputs) as values (n_targets, ..., n_inputs)."""
        found = np.zeros((self.n_targets, *values.shape[1:-1], self.n_inputs))
        found[..., self.columns] = values[self.targets]
        return found

    def at_stage(self, rounds: int) -> ContinuedPredictor:
        """The same after so many rounds of its own."""
        return ContinuedPredictor(self.earlier, self.columns, self.targets, self.own.at_stage(rounds))

    def facts(self) -> Mapping[str, Json]:
        """Those of its own, but with the trees of both, where they have such; and those of the earlier one."""
        own, before = self.own.facts(), self.earlier.facts()
        counts = [count for facts in (own, before) if isinstance(count := facts.get("trees"), int)]
        return {**own, **({"trees": sum(counts)} if counts else {}), "earlier": dict(before)}

    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""
        self.own.set_threads(n)
        self.earlier.set_threads(n)

    @property
    def own_file(self) -> bytes:
        """How the two go together, as JSON."""
        facts = {"columns": self.columns, "targets": self.targets, "of": self.earlier.n_targets}
        return json.dumps(facts, sort_keys=True).encode("ascii")

    @cached_property
    def origin(self) -> tuple[tuple[int, ...], tuple[tuple[str, bytes], ...]]:
        """The columns and files of the earlier predictor: equal for all that went on from it."""
        return tuple(self.columns), tuple(sorted(self.earlier.files().items()))


def restore_served(
    learner: Learner, files: Mapping[str, bytes], n_inputs: int, n_targets: int, *, steps: int = MOST_STEPS
) -> Predictor:
    """The predictor whose files these are, with motifs, or what it went on from, where they hold such.

    Raises
    ------
    MalformedModel
        If anything in them is not such as `Predictor.files` makes it.
    """
    if EARLIER_FILE not in files:
        return restore_predictor(learner, files, n_inputs, n_targets)
    if not steps:
        raise MalformedModel(f"at most {MOST_STEPS} predictors may have gone on from one another")
    columns, targets, of = _parsed(files[EARLIER_FILE])
    before = {n.removeprefix(EARLIER): data for n, data in files.items() if n.startswith(EARLIER)}
    own = {n: data for n, data in files.items() if not n.startswith(EARLIER) and n != EARLIER_FILE}
    earlier = restore_served(learner, before, len(columns), of, steps=steps - 1)
    added = restore_predictor(learner, own, n_inputs, n_targets)
    try:
        return ContinuedPredictor(earlier, columns, targets, added)
    except ValueError as error:
        raise MalformedModel(f"{EARLIER_FILE} is not as it was written: {str(error)[:200]}") from error


def join_served(learner: Learner, parts: Sequence[Predictor]) -> Predictor:
    """Predictors of one target each as one of all, as `Learner.join`; all went on from one predictor, or none did."""
    first = parts[0]
    if not isinstance(first, ContinuedPredictor):
        return join_predictors(learner, parts)
    continued = [part for part in parts if isinstance(part, ContinuedPredictor) and part.origin == first.origin]
    if len(continued) != len(parts):
        raise ValueError("predictors that are joined went on from the same one")
    targets = [target for part in continued for target in part.targets]
    own = join_predictors(learner, [part.own for part in continued])
    return ContinuedPredictor(first.earlier, first.columns, targets, own)


def _parsed(data: bytes) -> tuple[list[int], list[int], int]:
    try:
        values: Any = json.loads(data)
        columns, targets, of = values["columns"], values["targets"], values["of"]
        whole = [*columns, *targets, of]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise MalformedModel(f"{EARLIER_FILE} is not as it was written: {str(error)[:200]}") from error
    if len(whole) > _MOST_INPUTS or not all(type(number) is int for number in whole) or not 0 < of <= len(whole):
        raise MalformedModel(f"{EARLIER_FILE} counts columns and targets by whole numbers")
    return columns, targets, of
