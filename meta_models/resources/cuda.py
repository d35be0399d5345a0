"""NVIDIA GPUs by the driver's own library: whether there is one, and arrays in its memory.

References
----------
CUDA driver API; CUDA array interface, version 3.
"""

from __future__ import annotations

import ctypes
import weakref
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import MemoryBudgetError

_LIBRARY = "libcuda.so.1"
_OUT_OF_MEMORY = 2


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
        driver = _driver()
    except OSError:
        return NoGpu(f"there is no NVIDIA driver ({_LIBRARY})")
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return NoGpu("the NVIDIA driver sees no GPU")
    name, size = ctypes.create_string_buffer(100), ctypes.c_size_t()
    _check(driver.cuDeviceGetName(name, 100, 0), "naming the GPU")
    _check(driver.cuDeviceTotalMem_v2(ctypes.byref(size), 0), "asking for its memory")
    return Gpu(name.value.decode(errors="replace"), size.value)


class DeviceArray:
    """A C-ordered float32 array, copied to the memory of the first GPU; freed with this object.

    XGBoost reads it by its ``__cuda_array_interface__``. It lives in the primary context, as all that XGBoost holds.

    Raises
    ------
    MemoryBudgetError
        If the GPU's memory does not hold it.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        driver, size = _with_context(), ctypes.c_size_t(values.nbytes)
        pointer = ctypes.c_uint64()
        _check(driver.cuMemAlloc_v2(ctypes.byref(pointer), size), f"allocating {values.nbytes:,} bytes")
        weakref.finalize(self, driver.cuMemFree_v2, pointer)
        _check(driver.cuMemcpyHtoD_v2(pointer, ctypes.c_void_p(values.ctypes.data), size), "copying to it")
        self.shape, self.dtype = values.shape, values.dtype
        self.__cuda_array_interface__: dict[str, Any] = {
            "shape": values.shape, "typestr": "<f4", "data": (pointer.value, False), "strides": None, "version": 3,
        }  # fmt: skip


@lru_cache(maxsize=1)
def _driver() -> Any:
    return ctypes.CDLL(_LIBRARY)


@lru_cache(maxsize=1)
def _with_context() -> Any:
    """The driver, with the first GPU's primary context, which XGBoost uses too, current in this thread."""
    driver, context = _driver(), ctypes.c_void_p()
    _check(driver.cuInit(0), "starting the driver")
    _check(driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0), "opening the GPU")
    _check(driver.cuCtxSetCurrent(context), "opening the GPU")
    return driver


def _check(code: int, doing: str) -> None:
    if code == _OUT_OF_MEMORY:
        raise MemoryBudgetError("The work must fit into the memory of the GPU", f"{doing} failed", "Give --device cpu")
    if code:
        raise RuntimeError(f"{doing} on the GPU failed with CUDA error {code}")
