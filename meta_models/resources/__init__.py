"""What this process may use, and what it uses: memory, CPUs and disk.

A limit is read where the kernel enforces it: the process's own control group and every group above it, the rlimits, the
batch system's variables, the machine. Use is the summed proportional set size of the process tree.
"""

from meta_models.resources.cgroup import oom_kill_count
from meta_models.resources.cuda import Gpu, NoGpu, find_gpu
from meta_models.resources.guard import PeakSampler
from meta_models.resources.heap import keep_freed_memory, share_arenas
from meta_models.resources.limits import (
    CpuLimit,
    Limit,
    MemoryBudget,
    MemoryLimit,
    address_space_limit,
    apply_address_space_limit,
    cpu_count,
    cpu_limit,
    free_disk,
    memory_budget,
    memory_limit,
    named_limit,
    require_address_space,
)
from meta_models.resources.usage import TreeMemory, kill_children, tree_memory, tree_pss

__all__ = [
    "CpuLimit",
    "Gpu",
    "Limit",
    "MemoryBudget",
    "MemoryLimit",
    "NoGpu",
    "PeakSampler",
    "TreeMemory",
    "address_space_limit",
    "apply_address_space_limit",
    "cpu_count",
    "cpu_limit",
    "find_gpu",
    "free_disk",
    "keep_freed_memory",
    "kill_children",
    "memory_budget",
    "memory_limit",
    "named_limit",
    "oom_kill_count",
    "require_address_space",
    "share_arenas",
    "tree_memory",
    "tree_pss",
]
