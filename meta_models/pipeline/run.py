"""A run from its tables to its report, phase by phase."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from meta_models.analysis.comparison.table import EvaluationTable
from meta_models.analysis.framework.base import AnalysisContext
from meta_models.analysis.performance.targets import read_targets
from meta_models.analysis.plots.style import settings_in
from meta_models.analysis.runner import AnalysisRun, run_analyses, selected
from meta_models.cluster import require_cluster
from meta_models.config import TrainingConfig
from meta_models.dataset.opening import Tables, require_one_meaning
from meta_models.dataset.widened import widened
from meta_models.errors import ExitCode
from meta_models.learners.registry import packages_of
from meta_models.pipeline.evaluations import evaluate_external, evaluate_training_genes
from meta_models.pipeline.opening import opened, require_outputs_apart
from meta_models.pipeline.planning import farm_of, print_plan
from meta_models.pipeline.pretraining import pretrained
from meta_models.pipeline.reporting import (
    SCREENED_GENES,
    SCREENING,
    SCREENING_EXCLUDED,
    ReportSources,
    require_analyses,
    require_learners,
    require_targets,
    save_report,
)
from meta_models.pipeline.starts import Beginnings, open_beginnings
from meta_models.pipeline.table_checks import check_features
from meta_models.pipeline.training_phase import planned, trained
from meta_models.places import describe_input
from meta_models.resources import MemoryBudget, PeakSampler, address_space_limit, memory_budget, named_limit
from meta_models.resources.blas import one_blas_thread
from meta_models.result import Note, TrainingResult
from meta_models.result_files import save_facts
from meta_models.run_folder import (
    LOCK,
    MemoryFigures,
    RunFolder,
    UnitPlan,
    install_signal_handlers,
    requirements_lock,
)
from meta_models.training.auto import resolved
from meta_models.training.distillation.teacher import require_teacher
from meta_models.training.fitting.rows.pool import Pool
from meta_models.training.fitting.task import TrainedGenes, TrainingTask
from meta_models.training.plan import Plan, require_possible
from meta_models.training.requirements import require_learnable
from meta_models.training.retrainer import make_retrainer
from meta_models.training.screening.table import Screened, screen_table
from meta_models.training.stages.requirements import require_stages
from meta_models.wording import counted
from meta_models.workers import Farm

logger = logging.getLogger(__name__)


def run_training(config: TrainingConfig) -> ExitCode:
    """Do what ``meta-models train`` is asked to: train, evaluate and save, or print the plan.

    Raises
    ------
    MetaModelsError
        As its subclasses say; the run folder keeps what was finished.
    """
    selected(config)
    require_one_meaning(config.dataset)
    config, chosen = resolved(config)
    if chosen:
        logger.info("%s", chosen)
    require_learnable(config)
    require_possible(config)
    require_cluster(config.distributed)
    require_stages(config)
    if config.targets is not None:
        read_targets(config.targets)
    if config.teacher is not None:
        require_teacher(config.teacher)
    beginnings = open_beginnings(config)
    require_outputs_apart(config)
    budget = memory_budget(config.max_memory_gb)
    hard_limit = address_space_limit(budget.bytes) if config.strict_memory else nullcontext()
    with named_limit(budget), hard_limit, install_signal_handlers(), one_blas_thread():
        if config.dry_run or config.out_dir is None:
            return print_plan(config, beginnings, budget)
        with (
            RunFolder.open(config.out_dir, overwrite=config.overwrite, resume=config.resume) as folder,
            _work_dir(config, folder) as work_dir,
            PeakSampler(budget.bytes, on_hard_stop=folder.fail) as sampler,
            farm_of(config, folder, budget) as farm,
        ):
            analyses = _run(_resumed(config, folder), beginnings, folder, work_dir, budget, sampler, farm)
    return ExitCode.DONE if analyses is None else require_targets(analyses)


def _work_dir(config: TrainingConfig, folder: RunFolder) -> AbstractContextManager[Path]:
    """Where tables are converted to; of a run that is only planned they stay there for its units."""
    return UnitPlan.being_made(folder.path) if config.plan_only else folder.scratch("input")


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


@dataclasses.dataclass(frozen=True)
class _Ready:
    """What is known before anything is trained."""

    tables: Tables
    plan: Plan
    screened: Screened
    notes: tuple[Note, ...]


def _run(
    config: TrainingConfig,
    beginnings: Beginnings,
    folder: RunFolder,
    work_dir: Path,
    budget: MemoryBudget,
    sampler: PeakSampler,
    farm: Farm,
) -> AnalysisRun | None:
    """None where the run was only planned."""
    ends_at = None if config.max_hours is None else time.monotonic() + 3600 * config.max_hours
    folder.update(config=config.model_dump(mode="json"), seeds={"seed": config.seed})
    with _phase("reading", folder, sampler):
        tables, plan, notes = opened(config, beginnings, folder, work_dir, budget, farm)
    with _phase("screening", folder, sampler):
        ready = _Ready(tables, plan, _screened(tables, plan, config, folder, farm), notes)
        beginnings.require_kept(ready.screened.features)
    task = _with_tables(_task(config, ready, folder, ends_at), tables, beginnings, work_dir, farm)
    with _phase("pretraining", folder, sampler) if beginnings.folders else nullcontext():
        task = dataclasses.replace(task, origins={**task.origins, **pretrained(beginnings.folders, task)})
    with _phase("training", folder, sampler):
        if config.plan_only:
            planned(plan, task, folder)
            return None
        result = trained(plan, task, notes, folder)
    return _assessed(ready, result, budget, folder, sampler)


def _screened(tables: Tables, plan: Plan, config: TrainingConfig, folder: RunFolder, farm: Farm) -> Screened:
    screened = screen_table(tables.dataset, tables.positions, config)
    check_features(tables, screened.features)
    folder.clear_earlier()
    _save_screening(screened, folder)
    told = _screening_lines(screened, tables.dataset.info.evidence_features)
    for line in told:
        logger.info("%s", line)
    plan_lines = (*plan.chosen_lines(), *plan.peak_lines(), *farm.lines(), *plan.shard_lines())
    folder.update(lines={"profile": plan.profile.lines(), "screening": told, "plan": plan_lines})
    return screened


def _assessed(
    ready: _Ready, result: TrainingResult, budget: MemoryBudget, folder: RunFolder, sampler: PeakSampler
) -> AnalysisRun:
    """Analyse, evaluate on other tables and report what was trained."""
    tables, plan = ready.tables, ready.plan
    whole, result = _evaluate_whole_genes(result, tables, plan, folder, sampler)
    with _phase("analysis", folder, sampler), folder.scratch("figures") as figures, settings_in(figures):
        budget_and_threads = {"budget": budget.bytes, "threads": plan.cpus.count}
        dataset = widened(tables.dataset, result.columns)
        again, why_not = make_retrainer(result, dataset, **budget_and_threads)
        analyses = run_analyses(
            AnalysisContext(result, folder, dataset, again, why_not, genes=tables.trained, **budget_and_threads)
        )
    with _phase("external evaluation", folder, sampler):
        external = evaluate_external(result, tables, folder, plan.cpus.count)
    result = dataclasses.replace(
        result,
        memory=dataclasses.replace(result.memory, measured=sampler.peak_bytes),
        seconds={**folder.manifest.phases, **result.seconds},
    )
    folder.update(memory=_memory_figures(result, budget, sampler, folder))
    folder.write_text(LOCK, requirements_lock(packages_of(result.config.learners)))
    model_file, screening = plan.strategy.model_file, ready.screened.report.csv()
    save_report(ReportSources(result, analyses, model_file, screening, whole, external), folder)
    require_analyses(analyses)
    require_learners(result)
    return analyses


def _evaluate_whole_genes(
    result: TrainingResult, tables: Tables, plan: Plan, folder: RunFolder, sampler: PeakSampler
) -> tuple[EvaluationTable | None, TrainingResult]:
    """The figures on every position, which the leaderboard of the result has from then on."""
    with _phase("whole genes", folder, sampler):
        whole, result = evaluate_training_genes(result, tables, folder, plan.cpus.count)
        save_facts(result, plan.strategy.model_file, folder)
    return whole, result


@contextmanager
def _phase(name: str, folder: RunFolder, sampler: PeakSampler) -> Iterator[None]:
    """Time the block, and record the most that it held."""
    with folder.phase(name):
        yield
    memory = folder.manifest.memory
    folder.update(memory=memory.model_copy(update={"phases": {**memory.phases, name: sampler.lap()}}))


def _pool_of(tables: Tables, work_dir: Path) -> Pool | None:
    if tables.pool is None or tables.pool_positions is None:
        return None
    hashes = tuple(describe_input(origin).sha256 for origin in tables.pool.origins)
    return Pool(tables.pool, tables.pool_positions, hashes, work_dir / "mined")


def _with_tables(
    task: TrainingTask, tables: Tables, beginnings: Beginnings, work_dir: Path, farm: Farm
) -> TrainingTask:
    pool = _pool_of(tables, work_dir)
    return dataclasses.replace(
        task, pool=pool, trained=TrainedGenes.of(tables.trained), window=tables.window, farm=farm,
        origins=beginnings.origins, left_out=tuple(sorted(tables.left_out)),
    )  # fmt: skip


def _save_screening(screened: Screened, folder: RunFolder) -> None:
    folder.write_text(SCREENING, screened.report.csv())
    folder.write_text(SCREENING_EXCLUDED, screened.report.excluded_text())
    folder.write_text(SCREENED_GENES, "".join(f"{gene}\n" for gene in screened.genes))


def _screening_lines(screened: Screened, evidence: frozenset[str]) -> tuple[str, ...]:
    removed = ", ".join(screened.report.excluded) or "none"
    told = {finding.feature for finding in screened.report.suspicious()}
    reported = len(told.intersection(screened.features))
    counts = f"{counted(len(screened.report.excluded), 'feature')} removed ({removed}), {reported} reported and kept"
    looked = f"Screening looked at {counted(len(screened.genes), 'gene')} ({SCREENED_GENES}): {counts}"
    measured = sorted({f.feature for f in screened.report.kept_evidence()} & evidence)
    if not measured:
        return (looked,)
    return looked, f"Kept although it tells much of the label, as evidence ({SCREENING}): {', '.join(measured)}"


def _task(config: TrainingConfig, ready: _Ready, folder: RunFolder, ends_at: float | None) -> TrainingTask:
    plan = ready.plan
    return TrainingTask(
        config=config,
        dataset=ready.tables.dataset,
        positions=ready.tables.positions,
        profile=plan.profile,
        features=ready.screened.features,
        excluded=ready.screened.excluded,
        screened=ready.screened.rows,
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
