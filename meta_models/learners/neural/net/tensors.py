"""Tensors by name as bytes, and back: what is read is compared with what is expected before anything is allocated."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from meta_models.learners.seam import MalformedModel

#: What safetensors calls the types that are written here, and their bytes.
_TYPES = {"F32": 4}
_HEADER_AT_MOST = 1_000_000
_LENGTH_BYTES = 8


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as a safetensors file: equal bytes for equal tensors."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return bytes(safetensors.torch.save(whole))


def from_bytes(payload: bytes, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Names and shapes of the tensors that there must be, all float32, and no other.

    Raises
    ------
    MalformedModel
        If the file is of another size, or says that it has other tensors, or they are not finite.
    """
    header = _header(payload, sum(map(math.prod, shapes.values())))
    found = {name: value for name, value in header.items() if name != "__metadata__"}
    if found.keys() != shapes.keys():
        odd = sorted(found.keys() ^ shapes.keys())
        raise MalformedModel(f"tensors must be those of the net; unexpected or absent: {', '.join(odd)[:300]}")
    for name, shape in shapes.items():
        _check(name, found[name], shape)
    tensors = _loaded(payload)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise MalformedModel(f"tensor {name} must be finite")
    return tensors


def _header(payload: bytes, values: int) -> dict[str, Any]:
    length = int.from_bytes(payload[:_LENGTH_BYTES], "little")
    if len(payload) < _LENGTH_BYTES or length > _HEADER_AT_MOST:
        raise MalformedModel(f"a file of tensors begins with its header's length, found {length}")
    if len(payload) != _LENGTH_BYTES + length + values * _TYPES["F32"]:
        raise MalformedModel(f"a file of {values} numbers was expected, found {len(payload)} bytes")
    try:
        header = json.loads(payload[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except (ValueError, RecursionError) as error:
        raise MalformedModel(f"the header of tensors must be JSON: {str(error)[:300]}") from None
    if not isinstance(header, dict):
        raise MalformedModel(f"the header of tensors must be an object, found {type(header).__name__}")
    return header


def _check(name: str, found: Any, shape: tuple[int, ...]) -> None:
    said = (found.get("dtype"), found.get("shape")) if isinstance(found, dict) else found
    if said != ("F32", list(shape)):
        raise MalformedModel(f"tensor {name} must be F32 of shape {list(shape)}, found {str(said)[:300]}")


def _loaded(payload: bytes) -> dict[str, Tensor]:
    try:
        return dict(safetensors.torch.load(payload))
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise MalformedModel(f"tensors that cannot be read: {str(error)[:300]}") from None
