"""The closed list of nets: what says which net it is, and within which bounds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LearnerName = Literal["tcn", "gru", "lstm", "transformer"]

#: Positions on either side of a crop, at most: a net that needs more could not be trained on crops.
MAX_MARGIN = 16_384

#: Bases of a window around a row, at most: as far as a net may look.
MAX_WINDOW = 2 * MAX_MARGIN + 1

#: Tracks of numbers beside those of base models, at most: of rows each column is one.
MAX_EVIDENCE = 10_000

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
    window : int
        Bases around a row, itself included, of a net that reads windows of rows; 0: it reads genes.
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
    evidence: tuple[str, ...] = Field(max_length=MAX_EVIDENCE)
    window: int = Field(default=0, ge=0, le=MAX_WINDOW)

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
        """Positions on either side of a crop, or of a row, that its scores depend on."""
        return min(self._sight, self.window // 2) if self.window else self._sight

    @property
    def _sight(self) -> int:
        """How far the layers see together."""
        half = self.kernel // 2
        if self.learner == "tcn":
            return half * ((1 << self.layers) - 1)
        return half * ((1 << self.front) - 1) + self.reach * (self.layers if self.learner == "transformer" else 1)

    @property
    def reach_of_part(self) -> int:
        """Positions on either side of a part of a gene that its scores depend on.

        A recurrent net reads each crop from its margins on, so that a part needs the whole of its first crop.
        """
        whole_crop = self.learner in ("gru", "lstm") and not self.window
        return self.margin + (self.crop - 1 if whole_crop else 0)

    def of_windows(self, window: int) -> Architecture:
        """The same net for windows around rows of so many bases, or as many as it sees."""
        return Architecture.model_validate({**self.model_dump(), "window": min(window, 2 * self._sight + 1)})

    @model_validator(mode="after")
    def _sound(self) -> Architecture:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, found {self.kernel}")
        if (self.front == 0) != (self.learner == "tcn"):
            raise ValueError(
                f"a tcn has no blocks in front and a {self.learner} at least one, found {self.front}; "
                "a net that an earlier version stored without any must be trained again"
            )
        if self._sight > MAX_MARGIN:
            raise ValueError(f"a crop may need {MAX_MARGIN} positions on either side, this net needs {self._sight}")
        if self.window and (self.window % 2 == 0 or self.ends):
            raise ValueError(f"a window has a middle and knows no ends of genes, found {self.window} bases")
        if self.learner == "transformer" and (self.heads < 1 or self.channels % self.heads or self.reach < 1):
            raise ValueError(f"heads must divide channels, found {self.heads} and {self.channels}")
        if len({*self.base_models}) < len(self.base_models) or len({*self.evidence}) < len(self.evidence):
            raise ValueError("base models and evidence tracks must have names of their own")
        return self
