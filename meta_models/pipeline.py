"""From a table to a finished run folder. The one module that sees training, analysis and inference."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from meta_models.analysis.base import AnalysisContext
from meta_models.analysis.evaluation import best_base_overall, evaluate, standard_strata
from meta_models.analysis.evaluation_table import EvaluationTable
from meta_models.analysis.report.html import render_report
from meta_models.analysis.report.input import ArtifactCheck, ReportInput
from meta_models.analysis.report.summary import render_summary
from meta_models.analysis.runner import AnalysisRun, run_analyses, selected
from meta_models.config import TrainingConfig
from meta_models.dataset.demo import write_demo_table
from meta_models.dataset.positions import Positions, choose_genes, read_positions
from meta_models.dataset.profile import profile_dataset
from meta_models.dataset.reader import Dataset, open_dataset
from meta_models.dataset.thinning import thin_negatives
from meta_models.errors import ExitCode, InputError, TargetMissed, UnitsFailed, UsageError
from meta_models.inference.scoring import score_out_of_fold, score_table
from meta_models.persistence import dump_model
from meta_models.resources import MemoryBudget, PeakSampler, apply_address_space_limit, cpu_limit, memory_budget
from meta_models.result import TrainingResult
from meta_models.run_folder import MemoryFigures, RunFolder, describe_input, install_signal_handlers
from meta_models.schema import BaseModel
from meta_models.training.families import FAMILIES
from meta_models.training.plan import Plan, make_plan
from meta_models.training.pool import Pool
from meta_models.training.screen_table import Screened, screen_table
from meta_models.training.task import TrainingTask

logger = logging.getLogger(__name__)
DEMO = "demo"


def run_training(config: TrainingConfig) -> ExitCode:
    """Do what ``meta-models train`` is asked to: train, evaluate and save, or print the plan.

    Raises
    ------
    MetaModelsError
        As its subclasses say; the run folder keeps what was finished.
    """
    if config.family not in FAMILIES:
        raise UsageError(
            "--family must name a learner", f"Found {config.family!r}", f"Take one of {', '.join(FAMILIES)}"
        )
    selected(config)
    budget = memory_budget(config.max_memory_gb)
    if config.strict_memory:
        apply_address_space_limit(budget.bytes)
    with install_signal_handlers():
        if config.dry_run or config.out_dir is None:
            return _print_plan(config, budget)
        with (
            RunFolder.open(config.out_dir, overwrite=config.overwrite, resume=config.resume) as folder,
            folder.scratch("input") as work_dir,
            PeakSampler(budget.bytes, on_hard_stop=folder.fail) as sampler,
        ):
            return _run(config, folder, work_dir, budget, sampler)


def _print_plan(config: TrainingConfig, budget: MemoryBudget) -> ExitCode:
    with tempfile.TemporaryDirectory() as work_dir:
        dataset, positions = _open(config, Path(work_dir))
        pool = _open_pool(config, Path(work_dir))
        profile = profile_dataset(dataset, positions, pool_rows=pool.n_rows if pool is not None else 0)
        plan = make_plan(profile, config, budget, cpu_limit(config.threads), positions)
        sys.stdout.write(json.dumps(plan.to_dict(), indent=2) + "\n")
    return ExitCode.DONE


def _run(
    config: TrainingConfig, folder: RunFolder, work_dir: Path, budget: MemoryBudget, sampler: PeakSampler
) -> ExitCode:
    folder.update(config=config.model_dump(mode="json"), seeds={"seed": config.seed})
    with folder.phase("reading"):
        dataset, positions = _open(config, work_dir)
        pool = _open_pool(config, work_dir)
        folder.update(inputs=tuple(describe_input(file.path) for file in dataset.files))
        profile = profile_dataset(dataset, positions, pool_rows=pool.n_rows if pool is not None else 0)
        plan = make_plan(profile, config, budget, cpu_limit(config.threads), positions)
        _require_miner(plan, pool)
        for line in (*profile.lines(), plan.selected()):
            logger.info("%s", line)
        plan.strategy.require_fit(plan.predicted_peak, budget.bytes)
    with folder.phase("screening"):
        screened = screen_table(dataset, positions, config)
        _save_screening(screened, folder)
    with folder.phase("training"):
        task = _task(config, dataset, positions, plan, screened, folder)
        result = plan.strategy.train(dataclasses.replace(task, pool=_read_pool(pool, work_dir)))
        _save_training(result, plan, folder)
    with folder.phase("analysis"):
        context = AnalysisContext(result, folder, rows=dataset, budget=budget.bytes, threads=plan.cpus.count)
        analyses = run_analyses(context)
    with folder.phase("external evaluation"):
        if config.oof_dataset is not None:
            _evaluate_whole_genes(result, work_dir, folder)
        external = _evaluate_external(result, work_dir, folder) if config.eval_dataset is not None else None
    result = dataclasses.replace(
        result,
        memory=dataclasses.replace(result.memory, measured=sampler.peak_bytes),
        seconds={**folder.manifest.phases, **result.seconds},
    )
    _save_report(_report_input(result, analyses, plan, screened, external, folder), folder)
    folder.update(memory=_memory_figures(result, budget, sampler))
    return _outcome(analyses)


def _open(config: TrainingConfig, work_dir: Path) -> tuple[Dataset, Positions]:
    """The table (or so many of its genes as the configuration asks for) and its narrow columns."""
    source = write_demo_table(work_dir / "demo") if config.dataset == DEMO else Path(config.dataset)
    dataset = open_dataset(
        source, work_dir=work_dir / "text", base_score_columns=config.base_score_columns, label=config.dataset
    )
    positions = read_positions(dataset)
    if config.sample_genes is not None:
        rows = choose_genes(positions, config.sample_genes, config.seed)
        dataset, positions = dataset.with_rows(rows), positions.filter(rows)
    if config.thin_negatives is not None:
        rows, positions = thin_negatives(positions, config.thin_negatives, config.thin_below, config.seed)
        dataset = dataset.with_rows(rows)
    return dataset, positions


def _open_pool(config: TrainingConfig, work_dir: Path) -> Dataset | None:
    """The table of ``--mine-negatives``; no row is read yet."""
    if config.mine_negatives is None:
        return None
    source = Path(config.mine_negatives)
    return open_dataset(source, work_dir=work_dir / "pool", base_score_columns=config.base_score_columns)


def _require_miner(plan: Plan, pool: Dataset | None) -> None:
    if pool is not None and not plan.strategy.mines:
        raise UsageError(
            "--mine-negatives needs a strategy that mines",
            f"{plan.choice.name} was chosen ({plan.choice.reason}): its members are scored on batches, not on folds",
            "Take --strategy single_model, or leave --mine-negatives out",
        )


def _read_pool(pool: Dataset | None, work_dir: Path) -> Pool | None:
    if pool is None:
        return None
    hashes = tuple(describe_input(file.path).sha256 for file in pool.files)
    return Pool(pool, read_positions(pool), hashes, work_dir / "mined")


def _save_screening(screened: Screened, folder: RunFolder) -> None:
    folder.write_text("leakage_screening.csv", screened.report.csv())
    folder.write_text("global_excluded_features.txt", screened.report.excluded_text())
    for line in _screening_lines(screened):
        logger.info("%s", line)


def _screening_lines(screened: Screened) -> tuple[str, ...]:
    removed = ", ".join(screened.report.excluded) or "none"
    reported = len({finding.feature for finding in screened.report.suspicious()} - set(screened.report.excluded))
    counts = f"{len(screened.report.excluded)} features removed ({removed}), {reported} reported and kept"
    return (f"Screening looked at {len(screened.genes)} genes: {counts}",)


def _task(
    config: TrainingConfig, dataset: Dataset, positions: Positions, plan: Plan, screened: Screened, folder: RunFolder
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
        run_path=folder.path,
    )


def _save_training(result: TrainingResult, plan: Plan, folder: RunFolder) -> None:
    """The model first: nothing that comes later can lose it."""
    folder.write_bytes(plan.strategy.model_file, dump_model(result.model))
    folder.write_parquet("oof_predictions.parquet", result.oof)
    logger.info("Saved %s", folder.path / plan.strategy.model_file)


def _report_input(
    result: TrainingResult,
    analyses: AnalysisRun,
    plan: Plan,
    screened: Screened,
    external: EvaluationTable | None,
    folder: RunFolder,
) -> ReportInput:
    for name in folder.manifest.artifacts:
        folder.verify(name)
    return ReportInput(
        title=result.config.dataset,
        result=result,
        run=analyses,
        model_file=plan.strategy.model_file,
        profile=plan.profile.lines(),
        screening=_screening_lines(screened),
        screening_table=pl.read_csv(io.StringIO(screened.report.csv()), infer_schema_length=None),
        plan=(plan.selected(), *plan.peak_lines()),
        external=external,
        external_lines=(f"External table: {result.config.eval_dataset}",) if external is not None else (),
        artifacts=tuple(
            ArtifactCheck(name, record.bytes or 0, record.sha256 or "", verified=True)
            for name, record in folder.manifest.artifacts.items()
        ),
        provenance=_provenance(folder),
    )


def _provenance(folder: RunFolder) -> dict[str, str]:
    manifest = folder.manifest
    return {
        "command": " ".join(manifest.argv),
        "started": manifest.started,
        "host": manifest.host,
        **{f"version of {name}": version for name, version in manifest.versions.items()},
        **{f"sha256 of {Path(record.path).name}": record.sha256 for record in manifest.inputs[:20]},
    }


def _save_report(report: ReportInput, folder: RunFolder) -> None:
    summary = render_summary(report)
    folder.write_text("training_summary.txt", summary)
    folder.write_text("report.html", render_report(report))
    for line in report.verdict():
        logger.info("%s", line)
    logger.info("Report: %s", folder.path / "report.html")


def _memory_figures(result: TrainingResult, budget: MemoryBudget, sampler: PeakSampler) -> MemoryFigures:
    return MemoryFigures(
        predicted=result.memory.predicted,
        measured=result.memory.measured,
        budget=budget.bytes,
        budget_source=budget.source,
        method=sampler.method,
    )


def _outcome(analyses: AnalysisRun) -> ExitCode:
    """Everything is written by now; what failed or was missed still ends the command with its code."""
    if analyses.failed:
        failed = ", ".join(f"{outcome.code} ({outcome.reason})" for outcome in analyses.failed)
        raise UnitsFailed("Every analysis must finish", f"Failed: {failed}", "The model and all else were saved")
    if analyses.missed_targets:
        raise TargetMissed("Every target must be met", f"{analyses.missed_targets} were missed", "See the report")
    return ExitCode.DONE


def _evaluate_whole_genes(result: TrainingResult, work_dir: Path, folder: RunFolder) -> EvaluationTable:
    """Evaluate on ``--oof-dataset``: every position of the training genes, each by the model that never saw its gene."""
    config = result.config
    if not result.fold_models:
        raise UsageError(
            f"--oof-dataset needs the models of the folds, which the strategy {result.strategy} does not keep",
            action="Take --strategy single_model or --eval-dataset",
        )
    table, positions = _open_other(str(config.oof_dataset), config, work_dir / "oof")
    frame = score_out_of_fold(result.fold_models, result.oof, table, positions)
    best = {int(fold): name for fold, name in result.best_base_by_fold.items()}
    return _save_evaluation(result, frame, positions, best, "oof_dataset_evaluation", folder)


def _evaluate_external(result: TrainingResult, work_dir: Path, folder: RunFolder) -> EvaluationTable:
    """Evaluate on the genes of ``--eval-dataset``, none of which may be related to a training gene."""
    table, positions = _open_other(str(result.config.eval_dataset), result.config, work_dir / "eval")
    _refuse_overlap(result, positions, table)
    frame = score_table(result.model, table, positions)
    best = best_base_overall(result.oof, _shared_bases(result, positions), weighting=result.weighting)
    return _save_evaluation(result, frame, positions, best, "external_evaluation", folder)


def _open_other(source: str, config: TrainingConfig, work_dir: Path) -> tuple[Dataset, Positions]:
    table = open_dataset(Path(source), work_dir=work_dir, base_score_columns=config.base_score_columns)
    return table, read_positions(table)


def _shared_bases(result: TrainingResult, positions: Positions) -> list[BaseModel]:
    return [base for base in result.bases if base in positions.bases]


def _save_evaluation(
    result: TrainingResult,
    frame: pl.DataFrame,
    positions: Positions,
    best_base: str | Mapping[int, str],
    name: str,
    folder: RunFolder,
) -> EvaluationTable:
    config = result.config
    table = evaluate(
        frame, _shared_bases(result, positions), weighting=positions.weighting,
        bootstrap_samples=config.bootstrap_samples, seed=config.seed, best_base=best_base,
        strata=standard_strata(frame, result.base_train_chroms), combiner_frame=result.oof,
    )  # fmt: skip
    folder.write_text(f"{name}.tsv", table.to_frame().write_csv(separator="\t"))
    folder.write_json(f"{name}.json", table.to_json())
    logger.info("%s: %s", name.replace("_", " ").capitalize(), table.headline.sentence())
    return table


def _refuse_overlap(result: TrainingResult, positions: Positions, other: Dataset) -> None:
    for column, what in (("gene_id", "genes"), ("family", "gene families")):
        shared = _texts(result.oof[column]) & _texts(positions.frame[column])
        if shared:
            raise InputError(
                f"--eval-dataset must hold other {what} than those trained on",
                f"{other.source!r} shares {len(shared)} {what}: {', '.join(sorted(shared)[:5])}",
                "Take them out of one of the tables",
            )


def _texts(values: pl.Series) -> set[str]:
    return set(values.unique().cast(pl.String).to_list())
