"""The options of the learners of genes: what they share, and what each body adds."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from meta_models.learners.neural.architecture import Architecture, LearnerName
from meta_models.learners.seam import LearnerConfig, Tune


class NeuralConfig(LearnerConfig):
    """What all learners of genes have in common."""

    channels: Annotated[
        int, Field(ge=4, le=512, description="Width of the net: channels of each position."), Tune(16, 64, log=True)
    ] = 32
    kernel: Annotated[int, Field(ge=3, le=63, description="Positions that a convolution sees; odd.")] = 9
    crop: Annotated[int, Field(ge=16, le=65_536, description="Positions of a crop, without its margins.")] = 1024
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of activations dropped."), Tune(0, 0.4)] = 0.2
    unknown_models: Annotated[
        float,
        Field(ge=0, lt=1, description="Share of the crops of a step in which a base model is unknown, each by itself."),
        Tune(0, 0.5),
    ] = 0.3
    residual: Annotated[
        bool,
        Field(description="The net adds to a learned mix of the base models' log-probabilities; off: it stands alone."),
    ] = True
    ends: Annotated[
        bool,
        Field(description="Distance to the gene's ends as inputs: they come from the annotation."),
    ] = False
    epochs: Annotated[
        int, Field(ge=1, le=10_000, description="Passes over the training genes, at most."), Tune(6, 20)
    ] = 8
    patience: Annotated[
        int, Field(ge=1, description="Epochs without a lower loss on the stop genes after which training ends.")
    ] = 3
    learning_rate: Annotated[
        float, Field(gt=0, le=1, description="Highest step size of the one-cycle schedule."), Tune(1e-3, 1e-2, log=True)
    ] = 4e-3
    further_rate: Annotated[
        float,
        Field(gt=0, le=1, description="Share of the learning rate with which a net goes on from that of another run."),
    ] = 1.0
    weight_decay: Annotated[
        float, Field(ge=0, le=1, description="Decay of the weights (AdamW)."), Tune(1e-4, 1e-1, log=True)
    ] = 1e-2
    loss: Annotated[Literal["cross-entropy", "focal"], Field(description="What is minimised.")] = "cross-entropy"
    focal_gamma: Annotated[
        float, Field(ge=0, le=5, description="Focal loss: how much less a position counts that is right already.")
    ] = 2.0
    siteless_share: Annotated[
        float,
        Field(gt=0, le=1, description="Share of the crops without a site in an epoch; each counts 1 / share."),
    ] = 0.25
    watched_share: Annotated[
        float,
        Field(ge=0, le=1, description="Share of the crops of held-out genes whose loss is told; it decides nothing."),
    ] = 0.25
    batch: Annotated[
        int, Field(ge=256, le=10_000_000, description="Positions of a batch, margins and padding included.")
    ] = 8192

    @abstractmethod
    def architecture(self, base_models: tuple[str, ...], evidence: tuple[str, ...]) -> Architecture:
        """The net that these options and inputs make."""

    @model_validator(mode="after")
    def _makes_a_net(self) -> Self:
        self.architecture((), ())
        return self


class TcnConfig(NeuralConfig):
    """A dilated convolutional net: each of its blocks sees twice as far as the one before."""

    blocks: Annotated[int, Field(ge=1, le=10, description="Residual blocks, of dilation 1, 2, 4, ..."), Tune(3, 7)] = 6

    def architecture(self, base_models: tuple[str, ...], evidence: tuple[str, ...]) -> Architecture:
        """Convolutions only: the margins are what the blocks see together."""
        return _architecture(self, "tcn", base_models, evidence, layers=self.blocks)


class FrontedConfig(NeuralConfig):
    """A net whose layers begin with what a few convolutions found."""

    front: Annotated[
        int,
        Field(ge=1, le=8, description="Residual blocks of convolutions before the layers, of dilation 1, 2, 4, ..."),
        Tune(1, 4),
    ] = 3


class RecurrentConfig(FrontedConfig):
    """A recurrent net that reads each crop both ways, after a convolution."""

    layers: Annotated[int, Field(ge=1, le=4, description="Recurrent layers."), Tune(1, 2)] = 1
    context: Annotated[
        int,
        Field(
            ge=0,
            le=8192,
            description="Positions on either side of a crop from which the net reads; the longest memory "
            "that cells begin with.",
        ),
    ] = 128
    crop: Annotated[
        int, Field(ge=16, le=65_536, description="Positions of a crop, without its margins: a part of the model.")
    ] = 256


class GruConfig(RecurrentConfig):
    """Gated recurrent units."""

    def architecture(self, base_models: tuple[str, ...], evidence: tuple[str, ...]) -> Architecture:
        """As many units each way as channels."""
        return _architecture(
            self, "gru", base_models, evidence, layers=self.layers, front=self.front, reach=self.context
        )


class LstmConfig(RecurrentConfig):
    """Long short-term memory."""

    def architecture(self, base_models: tuple[str, ...], evidence: tuple[str, ...]) -> Architecture:
        """As many units each way as channels."""
        return _architecture(
            self, "lstm", base_models, evidence, layers=self.layers, front=self.front, reach=self.context
        )


class TransformerConfig(FrontedConfig):
    """A Transformer encoder whose positions attend to those around them."""

    layers: Annotated[int, Field(ge=1, le=12, description="Encoder layers."), Tune(2, 4)] = 2
    heads: Annotated[int, Field(ge=1, le=16, description="Heads of attention; they divide the channels.")] = 4
    window: Annotated[
        int, Field(ge=4, le=512, description="Positions on either side that a position attends to."), Tune(32, 128)
    ] = 64
    crop: Annotated[int, Field(ge=16, le=65_536, description="Positions of a crop, without its margins.")] = 512

    def architecture(self, base_models: tuple[str, ...], evidence: tuple[str, ...]) -> Architecture:
        """The margins are what the layers see together."""
        return _architecture(
            self, "transformer", base_models, evidence, layers=self.layers, front=self.front, reach=self.window,
            heads=self.heads,
        )  # fmt: skip


def _architecture(
    config: NeuralConfig, learner: LearnerName, base_models: tuple[str, ...], evidence: tuple[str, ...],
    *, layers: int, front: int = 0, reach: int = 0, heads: int = 0,
) -> Architecture:  # fmt: skip
    return Architecture(
        learner=learner, channels=config.channels, layers=layers, front=front, kernel=config.kernel, reach=reach,
        heads=heads, dropout=config.dropout, crop=config.crop, residual=config.residual, ends=config.ends,
        base_models=base_models, evidence=evidence,
    )  # fmt: skip
