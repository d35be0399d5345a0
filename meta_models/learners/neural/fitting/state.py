"""The course of training as bytes, after each epoch, and back. Imported only where PyTorch is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from meta_models.learners.neural.fitting.loop import Course
from meta_models.learners.neural.net.tensors import to_bytes

_TOLD = "course"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def course_bytes(course: Course, key: str) -> bytes:
    """All that training goes on from. Random numbers need no state: each epoch seeds its own."""
    tensors = {f"net.{name}": tensor for name, tensor in course.net.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in course.best_tensors.items()}
    for number, moments in course.optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{name}": moments[name] for name in _MOMENTS}
    told = {"key": key, "epoch": course.epoch, "best": course.best, "train": course.train, "held_out": course.held_out}
    tensors[_TOLD] = torch.tensor(list(json.dumps(told).encode()), dtype=torch.uint8)
    return to_bytes(tensors)


def resume(course: Course, payload: bytes, key: str) -> None:
    """Bring `course` to where `course_bytes` was called.

    Raises
    ------
    ValueError
        If `payload` is of another job.
    """
    try:
        tensors = safetensors.torch.load(payload)
        told = json.loads(bytes(tensors.pop(_TOLD).tolist()))
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"the state of a net cannot be read: {error}") from None
    if told.pop("key") != key:
        raise ValueError("the state is that of a net with other genes, options, inputs or libraries")
    course.net.load_state_dict(_under("net.", tensors))
    course.best_tensors = _under("best.", tensors)
    groups = course.optimizer.state_dict()["param_groups"]
    course.optimizer.load_state_dict({"state": _moments(_under("adam.", tensors)), "param_groups": groups})
    for name, value in told.items():
        setattr(course, name, value)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _moments(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        number, moment = name.split(".")
        found.setdefault(int(number), {})[moment] = tensor
    return found
