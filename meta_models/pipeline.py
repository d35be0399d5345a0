"""From a table to a finished run folder. The one module that sees training, analysis and inference."""

from __future__ import annotations

import dataclasses
import json
import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from meta_models.analysis.framework.base import AnalysisContext
from meta_models.analysis.performance.targets import read_targets
from meta_models.analysis.plots.style import settings_in
from meta_models.analysis.runner import AnalysisRun, analysis_needs, run_analyses, selected
from meta_models.config import TrainingConfig
from meta_models.console import say
from meta_models.dataset.files import INFO_FILE
from meta_models.dataset.opening import Tables, is_built_in, named_tables, open_tables, require_one_meaning
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.positions import Positions, read_positions
from meta_models.dataset.profile import DatasetProfile
from meta_models.dataset.reader import Dataset
from meta_models.errors import ExitCode, UsageError
from meta_models.evaluations import evaluate_external, evaluate_training_genes
from meta_models.inference.overlap import TrainedOn, refuse_copies, refuse_overlap, require_genes
from meta_models.inference.stretches import require_columns, require_same_recipe
from meta_models.learners.registry import LEARNERS
from meta_models.model.inputs import resolve_columns
from meta_models.reporting import (
    SCREENED_GENES,
    SCREENING,
    SCREENING_EXCLUDED,
    ReportSources,
    require_analyses,
    require_learners,
    require_targets,
    save_report,
)
from meta_models.resources import MemoryBudget, PeakSampler, address_space_limit, cpu_limit, memory_budget
from meta_models.resources.blas import one_blas_thread
from meta_models.result import Note, TrainingResult
from meta_models.result_files import save_result
from meta_models.run_folder import (
    LOCK,
    EnvironmentRecord,
    MemoryFigures,
    RunFolder,
    describe_environment,
    describe_input,
    install_signal_handlers,
    require_space,
    requirements_lock,
)
from meta_models.schema import GENE
from meta_models.training.fitting.pool import Pool
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.mining.pool import require_features
from meta_models.training.plan import Plan, make_plan
from meta_models.training.retrainer import make_retrainer
from meta_models.training.screening.table import Screened, screen_table
from meta_models.training.several.learners import train

logger = logging.getLogger(__name__)


def run_training(config: TrainingConfig) -> ExitCode:
    """Do what ``meta-models train`` is asked to: train, evaluate and save, or print the plan.

    Raises
    ------
    MetaModelsError
        As its subclasses say; the run folder keeps what was finished.
    """
    selected(config)
    for name in config.learners:
        LEARNERS[name].require_library()
    require_one_meaning(config.dataset)
    if config.targets is not None:
        read_targets(config.targets)
    _require_apart(config)
    budget = memory_budget(config.max_memory_gb)
    hard_limit = address_space_limit(budget.bytes) if config.strict_memory else nullcontext()
    with hard_limit, install_signal_handlers(), one_blas_thread():
        if config.dry_run or config.out_dir is None:
            return _print_plan(config, budget)
        with (
            RunFolder.open(config.out_dir, overwrite=config.overwrite, resume=config.resume) as folder,
            folder.scratch("input") as work_dir,
            PeakSampler(budget.bytes, on_hard_stop=folder.fail) as sampler,
        ):
            analyses = _run(_resumed(config, folder), folder, work_dir, budget, sampler)
    return require_targets(analyses)


def _require_apart(config: TrainingConfig) -> None:
    """Before the run folder is made: nothing that is written there is read."""
    outputs = [] if config.out_dir is None else [Output("--out-dir", config.out_dir, folder=True)]
    outputs += [] if config.cache_dir is None else [Output("--cache-dir", config.cache_dir / "pages")]
    require_apart(outputs, named_tables(config), {"--targets": config.targets})


def _resumed(config: TrainingConfig, folder: RunFolder) -> TrainingConfig:
    """`config`, with the analyses that were added to the run which is resumed; says which options are other ones."""
    earlier = folder.earlier
    if not config.resume or earlier is None:
        return config
    if found := config.differences(earlier.config):
        logger.warning("Resumed with other options than before: %s. What they change is made again", ", ".join(found))
    if not earlier.analysed:
        return config
    added = TrainingConfig.from_mapping({**earlier.config, "resume": False, "overwrite": False})
    more = tuple(code for code in added.analyses if code not in config.analyses)
    folder.update(analysed=earlier.analysed)
    return config.model_copy(update={"analyses": (*config.analyses, *more), "targets": config.targets or added.targets})


def _print_plan(config: TrainingConfig, budget: MemoryBudget) -> ExitCode:
    with tempfile.TemporaryDirectory() as work_dir:
        tables = open_tables(config, Path(work_dir), budget.bytes)
        _check_tables(tables)
        plan = _plan(tables.profile(), config, budget, tables.positions)
        say(json.dumps(plan.to_dict(), indent=2) + "\n")
        if not plan.fits:
            logger.warning("This run would not start: %s does not fit into the memory budget", plan.choice.name)
    return ExitCode.DONE


def _plan(profile: DatasetProfile, config: TrainingConfig, budget: MemoryBudget, positions: Positions) -> Plan:
    cpus = cpu_limit(config.threads)
    return make_plan(profile, config, budget, cpus, positions, needs=analysis_needs(profile, config, cpus.count))


def _run(
    config: TrainingConfig, folder: RunFolder, work_dir: Path, budget: MemoryBudget, sampler: PeakSampler
) -> AnalysisRun:
    ends_at = None if config.max_hours is None else time.monotonic() + 3600 * config.max_hours
    folder.update(config=config.model_dump(mode="json"), seeds={"seed": config.seed})
    with _phase("reading", folder, sampler):
        tables = open_tables(config, work_dir, budget.bytes)
        dataset, positions, profile = tables.dataset, tables.positions, tables.profile()
        notes = _check_tables(tables)
        folder.update(inputs=tuple(describe_input(file.origin) for file in dataset.files))
        plan = _plan(profile, config, budget, positions)
        folder.update(environment=_environment(tables, plan, config))
        for line in (*profile.lines(), plan.selected(), plan.device_line()):
            logger.info("%s", line)
        tables, notes = _with_possible_genes(tables, plan, config, notes)
        plan.strategy.require_fit(plan.predicted_peak, budget.bytes)
        require_space(folder.path, plan.disk_bytes - folder.spared_bytes())
    with _phase("screening", folder, sampler):
        screened = screen_table(dataset, positions, config)
        _check_features(tables, screened.features)
        folder.clear_earlier()
        _save_screening(screened, folder)
        plan_lines = (plan.selected(), plan.device_line(), *plan.peak_lines())
        folder.update(lines={"profile": profile.lines(), "screening": _screening_lines(screened), "plan": plan_lines})
    with _phase("training", folder, sampler):
        task = _task(config, dataset, positions, plan, screened, folder, ends_at)
        result = train(plan.strategy, dataclasses.replace(task, pool=_read_pool(tables.pool, work_dir)))
        result = dataclasses.replace(result, notes=(*result.notes, *notes))
        save_result(result, plan.strategy.model_file, folder)
        logger.info("Saved %s", folder.path / plan.strategy.model_file)
    with _phase("analysis", folder, sampler), folder.scratch("figures") as figures, settings_in(figures):
        again, why_not = make_retrainer(result, dataset, budget=budget.bytes, threads=plan.cpus.count)
        context = AnalysisContext(result, folder, dataset, again, why_not, budget=budget.bytes, threads=plan.cpus.count)
        analyses = run_analyses(context)
    with _phase("external evaluation", folder, sampler):
        whole = evaluate_training_genes(result, tables, folder, plan.cpus.count)
        external = evaluate_external(result, tables, folder, plan.cpus.count)
    result = dataclasses.replace(
        result,
        memory=dataclasses.replace(result.memory, measured=sampler.peak_bytes),
        seconds={**folder.manifest.phases, **result.seconds},
    )
    folder.update(memory=_memory_figures(result, budget, sampler, folder))
    folder.write_text(LOCK, requirements_lock())
    model_file, screening = plan.strategy.model_file, screened.report.csv()
    save_report(ReportSources(result, analyses, model_file, screening, whole, external), folder)
    require_analyses(analyses)
    require_learners(result)
    return analyses


def _environment(tables: Tables, plan: Plan, config: TrainingConfig) -> EnvironmentRecord:
    """What the run is made with, and the hashes of all that it reads beside the files of the table."""
    source = Path(config.dataset)
    beside = (source if source.is_dir() else source.parent) / INFO_FILE
    named = {
        "dataset": [] if is_built_in(config.dataset) else [beside],
        "targets": [] if config.targets is None else [config.targets],
    }
    opened = {"oof_dataset": tables.whole_genes, "eval_dataset": tables.external, "mine_negatives": tables.pool}
    named |= {option: [f.origin for f in table.files] for option, table in opened.items() if table is not None}
    hashes = {
        option: {str(path): describe_input(path).sha256 for path in paths if path.is_file()}
        for option, paths in named.items()
    }
    known = {option: found for option, found in hashes.items() if found}
    return describe_environment(threads=plan.cpus.count, device=plan.device.name, other_inputs=known)


@contextmanager
def _phase(name: str, folder: RunFolder, sampler: PeakSampler) -> Iterator[None]:
    """Time the block, and record the most that it held."""
    with folder.phase(name):
        yield
    memory = folder.manifest.memory
    folder.update(memory=memory.model_copy(update={"phases": {**memory.phases, name: sampler.lap()}}))


def _read_pool(pool: Dataset | None, work_dir: Path) -> Pool | None:
    if pool is None:
        return None
    hashes = tuple(describe_input(file.origin).sha256 for file in pool.files)
    return Pool(pool, read_positions(pool), hashes, work_dir / "mined")


def _save_screening(screened: Screened, folder: RunFolder) -> None:
    folder.write_text(SCREENING, screened.report.csv())
    folder.write_text(SCREENING_EXCLUDED, screened.report.excluded_text())
    folder.write_text(SCREENED_GENES, "".join(f"{gene}\n" for gene in screened.genes))
    for line in _screening_lines(screened):
        logger.info("%s", line)


def _screening_lines(screened: Screened) -> tuple[str, ...]:
    removed = ", ".join(screened.report.excluded) or "none"
    told = {finding.feature for finding in screened.report.suspicious()}
    reported = len(told.intersection(screened.features))
    counts = f"{len(screened.report.excluded)} features removed ({removed}), {reported} reported and kept"
    return (f"Screening looked at {len(screened.genes)} genes ({SCREENED_GENES}): {counts}",)


def _task(
    config: TrainingConfig,
    dataset: Dataset,
    positions: Positions,
    plan: Plan,
    screened: Screened,
    folder: RunFolder,
    ends_at: float | None,
) -> TrainingTask:
    return TrainingTask(
        config=config,
        dataset=dataset,
        positions=positions,
        profile=plan.profile,
        features=screened.features,
        excluded=screened.excluded,
        screened=screened.rows,
        input_hashes=tuple(record.sha256 for record in folder.manifest.inputs),
        units=folder.units,
        strategy_reason=plan.choice.reason,
        budget=plan.budget.bytes,
        predicted_peak=plan.predicted_peak,
        threads=plan.cpus.count,
        device=plan.device.name,
        ends_at=ends_at,
        run_path=folder.path,
    )


def _memory_figures(
    result: TrainingResult, budget: MemoryBudget, sampler: PeakSampler, folder: RunFolder
) -> MemoryFigures:
    return MemoryFigures(
        predicted=result.memory.predicted,
        measured=result.memory.measured,
        budget=budget.bytes,
        budget_source=budget.source,
        method=sampler.method,
        phases=folder.manifest.memory.phases,
    )


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


def _check_tables(tables: Tables) -> tuple[Note, ...]:
    """Before anything is trained: ``--eval-dataset`` is free of training genes, ``--oof-dataset`` has some of them.

    Returns what a reader of their figures should know.
    """
    ours, external, whole = tables.positions, tables.external, tables.whole_genes
    found = [*(Note("warning", text) for text in ours.warnings), *(Note("info", text) for text in ours.joined)]
    if external is not None:
        positions = read_positions(external)
        known = TrainedOn.of_table(ours, tables.dataset.info.assembly)
        refuse_overlap(known, positions, external, table="--eval-dataset")
        refuse_copies(ours, positions, external.source)
        found += _notes_of(positions, "--eval-dataset")
        found += [Note("info", f"--eval-dataset: {text}") for text in positions.joined]
    if whole is not None:
        positions = read_positions(whole)
        require_genes(ours.frame[GENE], positions.frame[GENE], whole.source)
        found += _notes_of(positions, "--oof-dataset")
    for note in found:
        logger.log(logging.WARNING if note.level == "warning" else logging.INFO, "%s", note.text)
    return tuple(found)


def _notes_of(positions: Positions, option: str) -> list[Note]:
    return [Note("warning", f"{option}: {text}") for text in (*positions.notes, *positions.warnings)]


def _check_features(tables: Tables, features: tuple[str, ...]) -> None:
    """Before anything is trained: the features that are kept stand in the other tables, too."""
    own = tables.dataset.info.recipe
    for option, genes in (("--eval-dataset", tables.external_genes), ("the genes of --oof-dataset", tables.genes)):
        if genes is not None:
            require_same_recipe(own, genes.folder.recipe, option)
            require_columns(features, genes.folder.recipe)
    for option, table in (("--eval-dataset", tables.external), ("--oof-dataset", tables.whole_genes)):
        if table is not None:
            logger.debug("%s has %d of the features", option, len(resolve_columns(table.columns, features)))
    if tables.pool is not None:
        require_features(tables.pool, features)
