"""The single model: a binary booster for each class against the rest; three for splice sites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meta_models.learners.xgboost.merged import MergedBoosters
from meta_models.learners.xgboost.missing import Matrix
from meta_models.model.base import FittedModel, ModelInfo, Probabilities
from meta_models.model.calibrators import Calibrator

if TYPE_CHECKING:
    from xgboost import Booster


class SigmoidMetaModel(FittedModel):
    """``binary:logistic`` boosters, one for each class, whose sigmoids are calibrated and normalised to sum 1.

    Parameters
    ----------
    boosters : sequence of xgboost.Booster, (K,)
        In the order of ``info.classes``: :class:`~meta_models.schema.SpliceClass` for splice sites. All their trees
        are used: cut them to the best round first (``booster[:rounds]``). They are copied, without training state or
        feature names, because XGBoost forbids ``[``, ``]`` and ``<`` in names; columns are matched by `feature_names`.
    feature_names : sequence of str, (F,)
    info : ModelInfo
    calibrators : K calibrators, or None
        Applied to the sigmoids before they are normalised.
    copy : bool
        False takes the boosters as they are; for boosters that were just read and have no names.

    Raises
    ------
    ValueError
        If there is not one booster for each class, or one was trained on another number of features.
    """

    def __init__(
        self,
        boosters: Sequence[Booster],
        feature_names: Sequence[str],
        *,
        info: ModelInfo,
        calibrators: Sequence[Calibrator] | None = None,
        copy: bool = True,
    ) -> None:
        super().__init__(feature_names, calibrators=calibrators, info=info)
        if len(boosters) != self.n_classes:
            raise ValueError(f"a booster for each class is needed, found {len(boosters)}")
        self.boosters = tuple(map(_plain_copy, boosters)) if copy else tuple(boosters)
        for booster in self.boosters:
            if booster.num_features() != len(feature_names):
                raise ValueError(f"a booster has {booster.num_features()} features, {len(feature_names)} were named")
        self._merged = MergedBoosters(self.boosters)

    @property
    def n_members(self) -> int:
        """One."""
        return 1

    def set_threads(self, n: int) -> None:
        """Use `n` threads for prediction."""
        for booster in self.boosters:
            booster.set_param({"nthread": n})
        self._merged.set_threads(n)

    def scores_of(self, matrix: Matrix) -> Probabilities:
        """Sigmoids (n, 3) of a float32 (n, F) matrix with ``MISSING`` for NaN."""
        return self._merged.sigmoids(matrix)

    def predict_sigmoids(self, X: object) -> Probabilities:
        """Uncalibrated one-vs-rest sigmoids, float64 (n, 3); rows do not sum to 1. `X` as in :meth:`predict_proba`."""
        return self.map_chunks(X, self.scores_of)

    def with_calibrators(self, calibrators: Sequence[Calibrator] | None) -> SigmoidMetaModel:
        """The same boosters with other calibrators, or none."""
        return self._with(self.info, calibrators)

    def with_info(self, info: ModelInfo) -> SigmoidMetaModel:
        """The same boosters and calibrators with another origin."""
        return self._with(info, self.calibrators)

    def _with(self, info: ModelInfo, calibrators: Sequence[Calibrator] | None) -> SigmoidMetaModel:
        other = SigmoidMetaModel(self.boosters, self.feature_names, info=info, calibrators=calibrators, copy=False)
        other._merged = self._merged
        return other


def _plain_copy(booster: Booster) -> Booster:
    from xgboost import Booster

    copy = Booster()
    copy.load_model(booster.save_raw("ubj"))
    copy.feature_names = None
    copy.feature_types = None
    return copy
