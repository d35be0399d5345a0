"""The plan of a run: what would be done, where, and what it would hold."""

from __future__ import annotations

import dataclasses
import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from meta_models.analysis.runner import analysis_needs
from meta_models.cluster import dask_farm
from meta_models.config import TrainingConfig
from meta_models.console import say
from meta_models.dataset.opening import Tables, open_tables
from meta_models.dataset.positions import Positions
from meta_models.dataset.profile import DatasetProfile
from meta_models.errors import ExitCode
from meta_models.pipeline.starts import Beginnings
from meta_models.pipeline.table_checks import check_tables
from meta_models.resources import MemoryBudget, cpu_limit
from meta_models.run_folder import RunFolder
from meta_models.training.plan import Plan, make_plan
from meta_models.training.several.learners import require_units
from meta_models.workers import HERE, Farm

logger = logging.getLogger(__name__)


@contextmanager
def farm_of(config: TrainingConfig, folder: RunFolder | None, budget: MemoryBudget) -> Iterator[Farm]:
    """Where units are done; without a `folder` it is only looked at."""
    if config.distributed is None:
        yield HERE
        return
    exchange = nullcontext() if folder is None else folder.scratch("exchange")
    with (
        exchange as at,
        dask_farm(config.distributed, exchange=at, threads=config.threads, budget=budget.bytes) as farm,
    ):
        yield farm


def print_plan(config: TrainingConfig, beginnings: Beginnings, budget: MemoryBudget) -> ExitCode:
    """Print what `config` would do, as JSON on stdout; nothing is written.

    Raises
    ------
    MetaModelsError
        As the run itself would, of its tables and its options.
    """
    with tempfile.TemporaryDirectory() as work_dir, farm_of(config, None, budget) as farm:
        tables = open_tables(config, Path(work_dir), budget.bytes, beginnings.known_genes)
        check_tables(tables, config, beginnings)
        plan = farmed(plan_of(tables.profile(), config, budget, tables.positions), tables, farm)
        require_farmable(plan, farm)
        say(json.dumps({**plan.to_dict(), "workers": farm.to_dict()}, indent=2) + "\n")
        if not plan.fits:
            logger.warning("This run would not start: %s does not fit into the memory budget", plan.choice.name)
    return ExitCode.DONE


def plan_of(profile: DatasetProfile, config: TrainingConfig, budget: MemoryBudget, positions: Positions) -> Plan:
    """What is done with a table of that `profile`, and what it holds at most."""
    cpus = cpu_limit(config.threads)
    return make_plan(profile, config, budget, cpus, positions, needs=analysis_needs(profile, config, cpus.count))


def farmed(plan: Plan, tables: Tables, farm: Farm) -> Plan:
    """`plan` with what the workers of `farm` would hold, where it is they who hold the rows."""
    if not plan.strategy.needs_cluster:
        return plan
    units = plan.strategy.farmed_units(farm, tables.dataset, tables.positions, plan.profile, plan.config)
    return dataclasses.replace(plan, units=units)


def require_farmable(plan: Plan, farm: Farm) -> None:
    """UsageError where `farm` is apart and the strategy has no units that others could do."""
    if farm.apart:
        require_units(plan.strategy, "--distributed")
