"""A net that goes on from the weights of another run. Imported only where PyTorch is there."""

from __future__ import annotations

from meta_models.learners.neural.architecture import Architecture
from meta_models.learners.neural.net.files import restore_net
from meta_models.learners.neural.net.network import GeneNet
from meta_models.learners.neural.options import NeuralConfig
from meta_models.learners.seam.start import Start

#: What weights and scores do not depend on.
_FREE = {"format", "dropout"}


def architecture_differences(start: Start, config: NeuralConfig) -> tuple[str, ...]:
    """Where the net that `config` makes is another one than that of `start`, an option each; inputs apart."""
    theirs = _net(start).plan
    ours = config.architecture(theirs.base_models, theirs.evidence)
    free = _FREE if ours.reach_of_part > ours.margin else _FREE | {"crop"}
    return tuple(
        f"{name} {getattr(ours, name)}; {start.run} has {getattr(theirs, name)}"
        for name in Architecture.model_fields
        if name not in free and getattr(ours, name) != getattr(theirs, name)
    )


def started_net(start: Start, plan: Architecture) -> GeneNet:
    """The net `plan` with the weights of `start`, and the scales that these were trained with: it scores alike."""
    net = GeneNet(plan)
    net.load_state_dict(_net(start).state_dict())
    return net


def _net(start: Start) -> GeneNet:
    return restore_net(start.files, start.learner, start.n_inputs, start.n_targets)
