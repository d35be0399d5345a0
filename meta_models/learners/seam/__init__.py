"""The seam between learners and everything else: what a learner is given, and what it must offer.

A learner is fitted on rows (or genes) that are prepared once and serve every job: each fold, each class, the final
model. What is served, stored, explained and scored out of fold is the `Predictor` that its files make again.

Nothing heavy is imported here: the command line reads the options of a learner before it knows what to do.
"""

from meta_models.learners.seam.fit import FitJob, Prepared, TrainingRows
from meta_models.learners.seam.fitted import Fitted
from meta_models.learners.seam.learner import Learner
from meta_models.learners.seam.memory import Footprint, Resources, Shape
from meta_models.learners.seam.options import LearnerConfig, Tune
from meta_models.learners.seam.predictor import CLIP, LEAST_VALUE, Json, MalformedModel, Matrix, Predictor
from meta_models.learners.seam.traits import Traits

__all__ = [
    "CLIP",
    "LEAST_VALUE",
    "FitJob",
    "Fitted",
    "Footprint",
    "Json",
    "Learner",
    "LearnerConfig",
    "MalformedModel",
    "Matrix",
    "Predictor",
    "Prepared",
    "Resources",
    "Shape",
    "TrainingRows",
    "Traits",
    "Tune",
]  # fmt: skip
