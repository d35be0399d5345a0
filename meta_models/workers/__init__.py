"""Work in other processes: one interface, whether they are forked, started anew, or on other machines.

::

    with fresh(work, threads=2) as processes:
        processes.start("batch-00", argument)
        while len(processes):
            for ended in processes.ended():
                ended.unwrap()
"""

from meta_models.workers.executor import BROKEN, Died, Ended, Executor
from meta_models.workers.farm import HERE, Farm, Here, Portable
from meta_models.workers.forked import CAN_FORK, forked
from meta_models.workers.fresh import fresh
from meta_models.workers.jobs import Background, run_jobs, run_shares
from meta_models.workers.pieces import NumberedWork, run_pieces

__all__ = [
    "BROKEN",
    "CAN_FORK",
    "HERE",
    "Background",
    "Died",
    "Ended",
    "Executor",
    "Farm",
    "Here",
    "NumberedWork",
    "Portable",
    "forked",
    "fresh",
    "run_jobs",
    "run_pieces",
    "run_shares",
]
