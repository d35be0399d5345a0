"""A net as files, and back: JSON from the closed list of architectures, and tensors. Only where PyTorch is there."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from pydantic import ValidationError

from meta_models.learners.neural.architecture import MAX_PARAMETERS, Architecture
from meta_models.learners.neural.net.network import GeneNet
from meta_models.learners.neural.net.tensors import from_bytes, to_bytes
from meta_models.learners.seam import MalformedModel
from meta_models.schema import CLASSES

NET, WEIGHTS = "net.json", "weights.safetensors"
_NET_AT_MOST = 1_000_000


def net_files(net: GeneNet) -> dict[str, bytes]:
    """``net.json`` and ``weights.safetensors``. Of a net of genes they are what earlier versions wrote, and read."""
    absent = None if net.plan.window else {"window"}
    return {NET: net.plan.model_dump_json(indent=1, exclude=absent).encode(), WEIGHTS: to_bytes(net.state_dict())}


def restore_net(files: Mapping[str, bytes], learner: str, n_inputs: int, n_targets: int) -> GeneNet:
    """The net that `net_files` came from.

    Raises
    ------
    MalformedModel
        If anything in them is not such as `net_files` makes it.
    """
    if set(files) != {NET, WEIGHTS}:
        raise MalformedModel(f"files must be {NET} and {WEIGHTS}, found {', '.join(sorted(files))[:300]}")
    plan = _plan(files[NET])
    if (plan.learner, len(CLASSES), len(CLASSES)) != (learner, n_inputs, n_targets):
        raise MalformedModel(
            f"a {learner} that gives back {n_inputs} columns as scores of {n_targets} classes was expected, "
            f"found a {plan.learner} of {len(CLASSES)}"
        )
    return _net(plan, files[WEIGHTS])


def _plan(payload: bytes) -> Architecture:
    if len(payload) > _NET_AT_MOST:
        raise MalformedModel(f"{NET} may have {_NET_AT_MOST} bytes, found {len(payload)}")
    try:
        return Architecture.model_validate_json(payload)
    except ValidationError as error:
        found = "; ".join(" ".join([*map(str, each["loc"]), each["msg"]]) for each in error.errors(include_url=False))
        raise MalformedModel(f"{NET} that describes no net: {found[:300]}") from None


def _net(plan: Architecture, payload: bytes) -> GeneNet:
    with torch.device("meta"):
        net = GeneNet(plan)
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    if sum(map(math.prod, shapes.values())) > MAX_PARAMETERS:
        raise MalformedModel(f"a net may have {MAX_PARAMETERS} weights")
    tensors = from_bytes(payload, shapes)
    if any(bool((value < 0).any()) for name, value in tensors.items() if name.endswith(".variance")):
        raise MalformedModel("variances must not be negative")
    if not bool((tensors["scale"] > 0).all()):
        raise MalformedModel("scales must be positive")
    net.to_empty(device="cpu")
    net.load_state_dict(tensors)
    net.eval()
    return net
