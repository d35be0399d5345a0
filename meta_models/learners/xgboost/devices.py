"""Which device boosters are trained on, and why: a pure function of table, configuration and what there is."""

from __future__ import annotations

import xgboost as xgb

from meta_models.choice import EXTERNAL, Choice
from meta_models.config import TrainingConfig
from meta_models.errors import MemoryBudgetError, UsageError
from meta_models.resources import Gpu, NoGpu, find_gpu

AUTO, CPU, CUDA = "auto", "cpu", "cuda"
DEVICE_SHARE = 0.9  # of the GPU's memory, planned for
DEVICE_PROCESS = 1_500_000_000  # context, kernels, histograms
DEVICE_VALUE_BYTES = 2  # the quantised value, and its copy while the matrix comes over from the host
DEVICE_ROW_BYTES = 100  # gradients, predictions, labels, weights and row partition of one booster


def present_gpu() -> Gpu | NoGpu:
    """The GPU that this installation of XGBoost can use."""
    if not xgb.build_info().get("USE_CUDA", False):
        return NoGpu("this XGBoost was built without CUDA")
    return find_gpu()


def device_peak(rows: int, features: int) -> int:
    """Predicted peak in bytes of the GPU's memory."""
    return DEVICE_PROCESS + rows * (DEVICE_VALUE_BYTES * features + DEVICE_ROW_BYTES)


def choose_device(rows: int, features: int, config: TrainingConfig, gpu: Gpu | NoGpu) -> Choice:
    """``"cpu"`` or ``"cuda"``, with the reason.

    Parameters
    ----------
    rows, features : int
        Most rows of one matrix, and its columns.

    Raises
    ------
    UsageError
        If ``--device cuda`` is asked for, and cannot be used.
    MemoryBudgetError
        If it is asked for, and the matrix does not fit into the GPU's memory.
    """
    if config.device == CPU:
        return Choice(CPU, "named by --device cpu")
    if isinstance(gpu, NoGpu) or _obstacle(config):
        why = gpu.reason if isinstance(gpu, NoGpu) else _obstacle(config)
        if config.device == CUDA:
            raise UsageError(
                "--device cuda needs a GPU and the matrix in its memory", f"But {why}", "Give --device cpu"
            )
        return Choice(CPU, why)
    need, room = device_peak(rows, features), int(DEVICE_SHARE * gpu.bytes)
    sizes = f"{need / 1e9:.1f} GB of {room / 1e9:.1f} GB of {gpu.name}"
    if need <= room:
        return Choice(CUDA, f"the matrix needs {sizes}")
    if config.device == CUDA:
        raise MemoryBudgetError("The matrix must fit into the GPU's memory", f"It needs {sizes}", "Give --device cpu")
    return Choice(CPU, f"the matrix would need {sizes}")


def with_device(config: TrainingConfig, rows: int, features: int) -> TrainingConfig:
    """`config` with the device that `choose_device` takes on this machine."""
    return config.model_copy(update={"device": choose_device(rows, features, config, present_gpu()).name})


def _obstacle(config: TrainingConfig) -> str:
    """What in `config` keeps the matrix out of the GPU's memory; empty where nothing does."""
    if config.strategy == EXTERNAL:
        return f"--strategy {EXTERNAL} keeps the matrix on disk"
    if config.strict_memory:
        return "--strict-memory bounds address space, of which CUDA reserves more than there is memory"
    return ""
