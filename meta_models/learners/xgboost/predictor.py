"""``binary:logistic`` boosters, one for each target: how every learner of trees is served, stored and explained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import Json, MalformedModel, Matrix, Predictor
from meta_models.learners.xgboost.check import MalformedBooster, check_booster
from meta_models.learners.xgboost.merged import MergedBoosters
from meta_models.learners.xgboost.missing import fill_missing

if TYPE_CHECKING:
    from xgboost import Booster, DMatrix

#: Rows explained at a time: bounds memory.
EXPLAINED_ROWS = 500


class BoosterPredictor(Predictor):
    """Boosters whose sigmoids are the scores of the targets.

    Parameters
    ----------
    boosters : sequence of xgboost.Booster, (n_targets,)
        Of the same features, without feature names: XGBoost forbids ``[``, ``]`` and ``<`` in names. All their trees
        are used.
    """

    def __init__(self, boosters: Sequence[Booster]) -> None:
        self.boosters = tuple(boosters)
        self.n_inputs = self.boosters[0].num_features()
        self.n_targets = len(self.boosters)
        if any(booster.num_features() != self.n_inputs for booster in self.boosters):
            raise ValueError(f"boosters differ in features: {[booster.num_features() for booster in self.boosters]}")
        self._merged = MergedBoosters(self.boosters)

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Sigmoids (n, n_targets)."""
        return self._merged.sigmoids(fill_missing(matrix))

    def log_odds(self, matrix: Matrix) -> NDArray[np.float64]:
        """Margins (n, n_targets)."""
        filled = fill_missing(matrix)
        margins = [b.inplace_predict(filled, predict_type="margin", validate_features=False) for b in self.boosters]
        return np.column_stack(margins).astype(np.float64)

    def files(self) -> dict[str, bytes]:
        """``target_<number>.ubj`` for each target."""
        return {_file(target): bytes(booster.save_raw("ubj")) for target, booster in enumerate(self.boosters)}

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        """Total gain and total cover of each feature."""
        return {name: self._totals(f"total_{name}") for name in ("gain", "cover")}

    def contributions(self, matrix: Matrix, *, approximate: bool = False) -> NDArray[np.float64]:
        """TreeSHAP, or with `approximate` what one walk down each tree adds (Saabas 2014): many times faster."""
        result = np.empty((len(matrix), self.n_targets, self.n_inputs + 1))
        for start, chunk in _chunks(fill_missing(matrix)):
            for target, booster in enumerate(self.boosters):
                values = booster.predict(
                    chunk, pred_contribs=True, approx_contribs=approximate, validate_features=False
                )
                result[start : start + len(values), target] = values
        return result

    def at_stage(self, rounds: int) -> BoosterPredictor:
        """The boosters cut to their first `rounds` rounds."""
        return BoosterPredictor([booster[: min(rounds, booster.num_boosted_rounds())] for booster in self.boosters])

    def facts(self) -> Mapping[str, Json]:
        """How many trees there are; there may be several in a round."""
        return {"trees": sum(map(_trees, self.boosters))}

    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""
        for booster in self.boosters:
            booster.set_param({"nthread": n})
        self._merged.set_threads(n)

    def _totals(self, kind: str) -> NDArray[np.float64]:
        totals = np.zeros((self.n_targets, self.n_inputs))
        for target, booster in enumerate(self.boosters):
            for name, value in booster.get_score(importance_type=kind).items():
                totals[target, int(name.removeprefix("f"))] = value
        return totals


def join_boosters(parts: Sequence[Predictor]) -> BoosterPredictor:
    """The boosters of all `parts`, in their order, as one predictor."""
    return BoosterPredictor([booster for part in parts for booster in _boosters_of(part)])


def restore_boosters(files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> BoosterPredictor:
    """What `BoosterPredictor.files` came from. XGBoost sees no booster that failed the check.

    Raises
    ------
    MalformedModel
        If a file is absent, or no sound booster of `n_inputs` features.
    """
    expected = [_file(target) for target in range(n_targets)]
    if set(files) != set(expected):
        raise MalformedModel(f"files must be {', '.join(expected)}, found {', '.join(sorted(files))[:300]}")
    return BoosterPredictor([_booster(name, files[name], n_inputs) for name in expected])


def load_booster(payload: bytes) -> Booster:
    """A booster from its UBJSON, which was checked before or is our own."""
    from xgboost import Booster

    return Booster(model_file=bytearray(payload))


def _booster(name: str, payload: bytes, n_inputs: int) -> Booster:
    from xgboost.core import XGBoostError

    try:
        check_booster(payload, n_features=n_inputs)
        return load_booster(payload)
    except (MalformedBooster, XGBoostError) as error:
        raise MalformedModel(f"{name} that is no sound booster: {str(error)[:300]}") from None


def _boosters_of(part: Predictor) -> tuple[Booster, ...]:
    if not isinstance(part, BoosterPredictor):
        raise TypeError(f"only boosters can be joined with boosters, found {type(part).__name__}")
    return part.boosters


def _file(target: int) -> str:
    return f"target_{target}.ubj"


def _trees(booster: Booster) -> int:
    learner = json.loads(booster.save_config())["learner"]
    return int(learner["gradient_booster"]["gbtree_model_param"]["num_trees"])


def _chunks(matrix: Matrix) -> Iterator[tuple[int, DMatrix]]:
    from xgboost import DMatrix

    for start in range(0, len(matrix), EXPLAINED_ROWS):
        yield start, DMatrix(matrix[start : start + EXPLAINED_ROWS])
