"""The NVIDIA GPU that this process may use, as the driver's own library names it.

References
----------
CUDA driver API, *initialization* and *device management*.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

_LIBRARY = "libcuda.so.1"


@dataclass(frozen=True)
class Gpu:
    """The first GPU that this process may use; found by `find_gpu`.

    Attributes
    ----------
    bytes : int
        Its memory.
    """

    name: str
    bytes: int


@dataclass(frozen=True)
class NoGpu:
    """Returned by `find_gpu` where there is none, and why."""

    reason: str


def find_gpu() -> Gpu | NoGpu:
    """Ask the driver for the first GPU that this process may use (``CUDA_VISIBLE_DEVICES`` holds)."""
    try:
        driver: Any = ctypes.CDLL(_LIBRARY)
    except OSError:
        return NoGpu(f"there is no NVIDIA driver ({_LIBRARY})")
    count, name, size = ctypes.c_int(0), ctypes.create_string_buffer(100), ctypes.c_size_t(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return NoGpu("the NVIDIA driver sees no GPU")
    if driver.cuDeviceGetName(name, len(name), 0) or driver.cuDeviceTotalMem_v2(ctypes.byref(size), 0):
        return NoGpu("the NVIDIA driver does not tell name and memory of the GPU")
    return Gpu(name.value.decode(errors="replace"), size.value)
