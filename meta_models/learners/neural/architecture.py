"""The closed list of nets: what says which net it is, and within which bounds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LearnerName = Literal["tcn", "gru", "lstm", "transformer"]

#: Positions on either side of a crop, at most: a net that needs more could not be trained on crops.
MAX_MARGIN = 16_384

#: Weights, at most: 64 MB.
MAX_PARAMETERS = 16_000_000


class Architecture(BaseModel):
    """What a net is, its weights apart. All that is allocated follows from it, and is bounded by it.

    Attributes
    ----------
    layers : int
        Blocks of the ``tcn``, layers of the others.
    front : int
        Residual blocks of convolutions before the layers; 0 for the tcn, which has no others.
    kernel : int
        Width of the convolutions; odd.
    reach : int
        Positions on either side: that the recurrent nets read before a crop, or that a position attends to; 0 for tcn.
    heads : int
        Of attention; 0 where there is none.
    crop : int
        Positions of a crop, without margins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    learner: LearnerName
    channels: int = Field(ge=4, le=512)
    layers: int = Field(ge=1, le=12)
    front: int = Field(default=0, ge=0, le=8)
    kernel: int = Field(ge=3, le=63)
    reach: int = Field(ge=0, le=8192)
    heads: int = Field(ge=0, le=16)
    dropout: float = Field(ge=0, lt=1)
    crop: int = Field(ge=16, le=65_536)
    residual: bool
    ends: bool
    base_models: tuple[str, ...] = Field(max_length=64)
    evidence: tuple[str, ...] = Field(max_length=256)

    @property
    def n_numbers(self) -> int:
        """Tracks of numbers: two of each base model, one of each evidence track."""
        return 2 * len(self.base_models) + len(self.evidence)

    @property
    def n_inputs(self) -> int:
        """Channels that the net reads: four bases, the numbers, and two distances where they are asked for."""
        return 4 + self.n_numbers + 2 * self.ends

    @property
    def margin(self) -> int:
        """Positions on either side of a crop that its scores depend on."""
        half = self.kernel // 2
        if self.learner == "tcn":
            return half * ((1 << self.layers) - 1)
        return half * ((1 << self.front) - 1) + self.reach * (self.layers if self.learner == "transformer" else 1)

    @property
    def reach_of_part(self) -> int:
        """Positions on either side of a part of a gene that its scores depend on.

        A recurrent net reads each crop from its margins on, so that a part needs the whole of its first crop.
        """
        return self.margin + (self.crop - 1 if self.learner in ("gru", "lstm") else 0)

    @model_validator(mode="after")
    def _sound(self) -> Architecture:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, found {self.kernel}")
        if (self.front == 0) != (self.learner == "tcn"):
            raise ValueError(
                f"a tcn has no blocks in front and a {self.learner} at least one, found {self.front}; "
                "a net that an earlier version stored without any must be trained again"
            )
        if self.margin > MAX_MARGIN:
            raise ValueError(f"a crop may need {MAX_MARGIN} positions on either side, this net needs {self.margin}")
        if self.learner == "transformer" and (self.heads < 1 or self.channels % self.heads or self.reach < 1):
            raise ValueError(f"heads must divide channels, found {self.heads} and {self.channels}")
        if len({*self.base_models}) < len(self.base_models) or len({*self.evidence}) < len(self.evidence):
            raise ValueError("base models and evidence tracks must have names of their own")
        return self
