"""What a run reads, opened and checked against the machine and the plan before anything is computed."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from meta_models.config import TrainingConfig
from meta_models.dataset.built import table_of
from meta_models.dataset.info import info_file
from meta_models.dataset.opening import Tables, is_built_in, named_tables, open_tables, sequences_read
from meta_models.dataset.outputs import Output, require_apart
from meta_models.errors import UsageError
from meta_models.pipeline.planning import farmed, plan_of, require_farmable
from meta_models.pipeline.starts import Beginnings
from meta_models.pipeline.table_checks import check_tables
from meta_models.places import TablePath, describe_input, require_inputs, table_path
from meta_models.resources import MemoryBudget
from meta_models.result import Note
from meta_models.run_folder import EnvironmentRecord, RunFolder, describe_environment, require_space
from meta_models.training.distillation.teacher import require_teacher
from meta_models.training.plan import Plan
from meta_models.workers import Farm

logger = logging.getLogger(__name__)


def require_outputs_apart(config: TrainingConfig) -> None:
    """Before the run folder is made: nothing that is written there is read."""
    outputs = [] if config.out_dir is None else [Output("--out-dir", config.out_dir, folder=True)]
    outputs += [] if config.cache_dir is None else [Output("--cache-dir", config.cache_dir / "pages")]
    named = {f"--init-from {path}": path for path in config.init_from}
    named |= {f"--pretrain {path}": path for path in config.pretrain}
    others = {"--targets": config.targets, "--teacher": config.teacher, "--stages": config.stages, **named}
    require_apart(outputs, named_tables(config), others)


def opened(
    config: TrainingConfig, beginnings: Beginnings, folder: RunFolder, work_dir: Path, budget: MemoryBudget, farm: Farm
) -> tuple[Tables, Plan, tuple[Note, ...]]:
    """The tables, what is done with them, and what is to be told; the run fits the machine then."""
    tables = open_tables(config, work_dir, budget.bytes, beginnings.known_genes)
    if config.teacher is not None:
        require_inputs(tables.dataset.origins, require_teacher(config.teacher)[0].inputs, config.dataset)
    profile, notes = tables.profile(), check_tables(tables, config, beginnings)
    folder.update(inputs=tuple(describe_input(file.origin) for file in tables.dataset.files))
    plan = farmed(plan_of(profile, config, budget, tables.positions), tables, farm)
    folder.update(environment=_environment(tables, beginnings, plan, config))
    began = beginnings.notes(tables.left_out, config)
    lines = (*profile.lines(), *plan.chosen_lines(), *plan.shard_lines(), *(note.text for note in began))
    for line in lines:
        logger.info("%s", line)
    notes = (*notes, *began)
    tables, notes = _with_possible_genes(tables, plan, config, notes)
    _require_room(plan, tables, folder, farm)
    return tables, plan, notes


def _require_room(plan: Plan, tables: Tables, folder: RunFolder, farm: Farm) -> None:
    """Before anything is computed: memory, disk, and folders that all who do units can see."""
    plan.strategy.require_room(farm, plan.units, plan.predicted_peak, plan.budget.bytes)
    require_space(folder.path, plan.disk_bytes - folder.spared_bytes())
    require_farmable(plan, farm)
    pool = () if tables.pool is None else tables.pool.paths
    genes = () if tables.trained is None else tables.trained.files
    farm.require_shared([*tables.dataset.paths, *pool, *genes])


def _environment(tables: Tables, beginnings: Beginnings, plan: Plan, config: TrainingConfig) -> EnvironmentRecord:
    """What the run is made with, and the hashes of all that it reads beside the files of the table."""
    named: dict[str, list[TablePath]] = {
        "dataset": [] if is_built_in(config.dataset) else [info_file(table_of(table_path(config.dataset)))],
        "targets": [] if config.targets is None else [config.targets],
        "stages": [] if config.stages is None else [config.stages],
        **beginnings.files,
    }
    opened = {"oof_dataset": tables.whole_genes, "eval_dataset": tables.external, "mine_negatives": tables.pool}
    genes = sequences_read(config)
    named |= {} if genes is None else {"genes": list(genes.files)}
    named |= {option: list(table.origins) for option, table in opened.items() if table is not None}
    hashes = {
        option: {str(path): describe_input(path).sha256 for path in paths if path.is_file()}
        for option, paths in named.items()
    }
    known = {option: found for option, found in hashes.items() if found}
    return describe_environment(threads=plan.cpus.count, device=plan.device.name, other_inputs=known)


def _with_possible_genes(
    tables: Tables, plan: Plan, config: TrainingConfig, notes: tuple[Note, ...]
) -> tuple[Tables, tuple[Note, ...]]:
    """`tables` without whole genes where the strategy keeps no model that could score them, and a note on that."""
    if tables.genes is None or plan.strategy.keeps_fold_models:
        return tables, notes
    why = f"the strategy {plan.choice.name} does not keep the models of the folds"
    if config.whole_genes == "all" or config.oof_dataset is not None:
        action = "Take --strategy single_model, --eval-dataset or --whole-genes off"
        raise UsageError("Whole genes are scored by the models of the folds", why, action)
    note = Note("warning", f"Not every position of the genes was scored: {why}. The figures are of the table's rows.")
    return dataclasses.replace(tables, genes=None), (*notes, note)
