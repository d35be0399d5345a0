"""The single model: one predictor of all classes."""

from __future__ import annotations

from collections.abc import Sequence

from meta_models.learners.seam import Matrix, Predictor
from meta_models.learners.seam.genes import GenePredictor
from meta_models.model.base import FittedModel, ModelInfo, Probabilities
from meta_models.model.calibrators import Calibrator


class SingleModel(FittedModel):
    """What one learner was fitted to, whose scores are calibrated and normalised to sum 1.

    Parameters
    ----------
    predictor : Predictor
        Of a score for each class in the order of ``info.classes``.
    feature_names : sequence of str, (F,)
        The last ones are its own scores, where it reads whole genes; the others are for the calibrators then.
    learner : str
        Name of the learner that restores the predictor from its files.
    info : ModelInfo
    calibrators : K calibrators, or None
        Applied to the scores before they are normalised.

    Raises
    ------
    ValueError
        If there is not one score for each class, or the predictor takes another number of features.
    """

    def __init__(
        self,
        predictor: Predictor,
        feature_names: Sequence[str],
        *,
        info: ModelInfo,
        learner: str = "xgboost",
        calibrators: Sequence[Calibrator] | None = None,
    ) -> None:
        super().__init__(feature_names, calibrators=calibrators, info=info)
        if predictor.n_targets != self.n_classes:
            raise ValueError(f"a score for each class is needed, found {predictor.n_targets}")
        others = len(feature_names) - predictor.n_inputs
        if others < 0 or (others and not isinstance(predictor, GenePredictor)):
            raise ValueError(f"the predictor takes {predictor.n_inputs} features, {len(feature_names)} were named")
        self.predictor, self.learner = predictor, learner

    @property
    def n_members(self) -> int:
        """One."""
        return 1

    @property
    def singles(self) -> tuple[SingleModel, ...]:
        """Itself."""
        return (self,)

    @property
    def gene_predictor(self) -> GenePredictor | None:
        """The predictor, where it reads whole genes."""
        return self.predictor if isinstance(self.predictor, GenePredictor) else None

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The features that the predictor takes."""
        return self.feature_names[-self.predictor.n_inputs :]

    def scores_of(self, matrix: Matrix) -> Probabilities:
        """Scores (n, K) of a float32 (n, F) matrix, NaN where a value is missing."""
        return self.predictor.scores(matrix[:, -self.predictor.n_inputs :])

    def predict_scores(self, X: object) -> Probabilities:
        """Uncalibrated scores, float64 (n, K); rows need not sum to 1. `X` as in :meth:`predict_proba`."""
        return self.map_chunks(X, self.scores_of)

    def with_calibrators(self, calibrators: Sequence[Calibrator] | None) -> SingleModel:
        """The same predictor with other calibrators, or none."""
        return self._with(self.info, calibrators)

    def with_info(self, info: ModelInfo) -> SingleModel:
        """The same predictor and calibrators with another origin."""
        return self._with(info, self.calibrators)

    def _with(self, info: ModelInfo, calibrators: Sequence[Calibrator] | None) -> SingleModel:
        return SingleModel(self.predictor, self.feature_names, learner=self.learner, info=info, calibrators=calibrators)
