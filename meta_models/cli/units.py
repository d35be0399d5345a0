"""``meta-models unit``: some units of a planned run, done by a job array, a workflow, or by hand."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from meta_models.config import UnitConfig
from meta_models.console import say
from meta_models.errors import ExitCode, UsageError
from meta_models.resources import cpu_limit, memory_budget
from meta_models.run_folder import (
    Order,
    UnitPlan,
    UnitRecord,
    do_order,
    install_signal_handlers,
    library_versions,
    require_versions,
    shared_lock,
)
from meta_models.training.memory import BUDGET_SHARE
from meta_models.workers import fresh

logger = logging.getLogger(__name__)


def run_units(run: Path, which: str | None, options: UnitConfig) -> ExitCode:
    """Do the units that `which` stands for, one file of work after another; without it, list all of them.

    Raises
    ------
    UsageError
        If `run` is no planned run, has no such unit, was planned with other versions, or is being collected.
    MetaModelsError
        What a unit raised, or that its process died; those finished before are kept.
    """
    plan = UnitPlan.read(run)
    if which is None:
        say("".join(f"{name}\n" for name in plan.units))
        return ExitCode.DONE
    names = plan.chosen(which)
    if not plan.folder.is_dir():
        found = "Found no such folder on this machine"
        raise UsageError(f"The run was planned in {plan.folder}, and is done there", found, "Share that folder")
    require_versions(plan.versions, library_versions(), "this process")
    with install_signal_handlers(), shared_lock(run):
        _do(plan, names, options)
    return ExitCode.DONE


def _do(plan: UnitPlan, names: Sequence[str], options: UnitConfig) -> None:
    threads = cpu_limit(options.threads).count
    limit = int(BUDGET_SHARE * memory_budget(options.max_memory_gb).bytes)
    logger.info("Units: %s", " ".join(names) or "none, there are fewer than places")
    for file, parts in plan.by_file(names).items():
        order = Order(file, parts, threads, limit)
        with fresh(do_order, threads=threads, folder=plan.folder) as process:
            process.start(" and ".join(parts), order)
            for ended in process.ended():
                _tell(ended.unwrap().records)


def _tell(records: Sequence[tuple[str, UnitRecord]]) -> None:
    """What became of each unit."""
    for name, record in records:
        if record.reused:
            logger.info("%s: %s", name, record.reason)
        elif record.seconds is not None:
            logger.info("%s: done in %.1f s", name, record.seconds)
