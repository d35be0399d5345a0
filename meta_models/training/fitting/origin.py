"""What the fits of a task go on from: the model of another run, and what that was trained on."""

from __future__ import annotations

from dataclasses import dataclass

from meta_models.learners.seam.start import Start
from meta_models.model import ModelInfo
from meta_models.model.origin import started_from


@dataclass(frozen=True)
class Origin:
    """The model of another run that a learner goes on from.

    Attributes
    ----------
    start : Start
        What the learner is given.
    info : ModelInfo
        Of the run's model: all that it saw.
    model_sha256 : str
        Of the run's model file.
    """

    start: Start
    info: ModelInfo
    model_sha256: str

    def told(self, info: ModelInfo) -> ModelInfo:
        """`info` of a model that went on from this one: it has seen what both have seen."""
        facts = {"run": self.start.run, "learner": self.start.learner, "model_sha256": self.model_sha256}
        return started_from(info, self.info, facts)
