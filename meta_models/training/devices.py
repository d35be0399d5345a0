"""Which device a learner is fitted on, and why: a pure function of table, configuration and what there is."""

from __future__ import annotations

from meta_models.choice import EXTERNAL, Choice
from meta_models.config import TrainingConfig
from meta_models.errors import MemoryBudgetError, UsageError
from meta_models.learners.seam import Learner, Shape
from meta_models.resources import Gpu, NoGpu, find_gpu

AUTO, CPU, CUDA = "auto", "cpu", "cuda"
DEVICE_SHARE = 0.9  # of the GPU's memory, planned for


def present_gpu(learner: Learner) -> Gpu | NoGpu:
    """The GPU that this installation of the library of `learner` can use."""
    if CUDA not in learner.traits.devices:
        return NoGpu(f"{learner.name} uses no CUDA")
    obstacle = learner.gpu_obstacle()
    return NoGpu(obstacle) if obstacle else find_gpu()


def choose_device(shape: Shape, config: TrainingConfig, gpu: Gpu | NoGpu) -> Choice:
    """``"cpu"`` or ``"cuda"``, with the reason.

    Parameters
    ----------
    shape : Shape
        Most rows that are prepared at a time.

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
            raise UsageError("--device cuda needs a GPU and the table in its memory", f"But {why}", "Give --device cpu")
        return Choice(CPU, why)
    need, room = config.learner.device_bytes(shape, config.section), int(DEVICE_SHARE * gpu.bytes)
    sizes = f"{need / 1e9:.1f} GB of {room / 1e9:.1f} GB of {gpu.name}"
    if need <= room:
        return Choice(CUDA, f"the table needs {sizes}")
    if config.device == CUDA:
        raise MemoryBudgetError("The table must fit into the GPU's memory", f"It needs {sizes}", "Give --device cpu")
    return Choice(CPU, f"the table would need {sizes}")


def device_here(shape: Shape, config: TrainingConfig) -> str:
    """The device that `choose_device` takes on this machine."""
    return choose_device(shape, config, present_gpu(config.learner)).name


def _obstacle(config: TrainingConfig) -> str:
    """What in `config` keeps the table out of the GPU's memory; empty where nothing does."""
    if config.strategy == EXTERNAL:
        return f"--strategy {EXTERNAL} keeps the table on disk"
    if config.strict_memory:
        return "--strict-memory bounds address space, of which CUDA reserves more than there is memory"
    return ""
