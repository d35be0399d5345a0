"""The analysis of a finished run, repeated or extended without training."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meta_models.analysis.comparison.table import EvaluationTable
from meta_models.analysis.framework.base import AnalysisContext
from meta_models.analysis.framework.options import AnalysisConfig
from meta_models.analysis.performance.targets import read_targets
from meta_models.analysis.plots.style import settings_in
from meta_models.analysis.runner import OUTCOMES, AnalysisRun, run_analyses, selected
from meta_models.config import TrainingConfig
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.genes.folder import GeneFolder
from meta_models.dataset.opening import DEMO, open_training_table
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.reading.reader import Dataset
from meta_models.dataset.widened import widened
from meta_models.errors import ExitCode, InputError, UsageError
from meta_models.pipeline.reporting import (
    EXTERNAL,
    SCREENED_GENES,
    SCREENING,
    SCREENING_EXCLUDED,
    WHOLE_GENES,
    ReportSources,
    require_analyses,
    require_targets,
    save_report,
)
from meta_models.places import describe_input, require_inputs, table_path
from meta_models.resources import MemoryBudget, PeakSampler, cpu_limit, memory_budget, named_limit
from meta_models.resources.blas import one_blas_thread
from meta_models.result import TrainingResult
from meta_models.result_files import StoredResult, load_result, read_stored
from meta_models.run_folder import MANIFEST_NAME, RunFolder, RunManifest, install_signal_handlers
from meta_models.run_folder.manifest import now
from meta_models.training.retrainer import make_retrainer

logger = logging.getLogger(__name__)

_ADVICE = "Raise --max-memory-gb if the machine has more, or lower --shap-rows and --threads"
#: What the report names besides the artifacts of the analyses: files, and evaluations on other tables.
_NAMED = (
    SCREENING,
    SCREENING_EXCLUDED,
    SCREENED_GENES,
    f"{WHOLE_GENES}.",
    f"{WHOLE_GENES}_",
    f"{EXTERNAL}.",
    f"{EXTERNAL}_",
)


@dataclass(frozen=True)
class _Finished:
    """A run whose training finished, and its table; all of it was compared with the hashes in the manifest."""

    path: Path
    manifest: RunManifest
    stored: StoredResult
    result: TrainingResult
    dataset: Dataset
    genes: GeneFolder | None = None


def analyse_run(run_dir: Path, options: AnalysisConfig) -> ExitCode:
    """Repeat the analyses of the run in `run_dir`, and run those that `options` add; the model is not trained again.

    Artifacts of the analyses and the report are written anew, into the run folder or ``options.out_dir``; the model and
    all else stay as they are. With the same options and versions they equal those of the run byte for byte.

    Raises
    ------
    UsageError
        If `run_dir` holds no run whose training finished, or an option is wrong.
    InputError
        If the table or a file of the run is not there, or is another one. The run folder is then left as it is.
    MemoryBudgetError
        If the analyses come near the memory budget; those that had ended were written.
    UnitsFailed, TargetMissed
        If an analysis failed or a target was missed; all else was written.
    """
    manifest = RunManifest.read(run_dir)
    if manifest is None:
        raise UsageError(f"{run_dir} must be the folder of a run", f"Found no {MANIFEST_NAME}", "Name a run folder")
    _require_apart(run_dir, options)
    stored, config = read_stored(run_dir), _with_known_targets(options.applied_to(dict(manifest.config)), options)
    selected(config)
    if config.targets is not None:
        read_targets(config.targets)
    for name in (SCREENING, *stored.artifacts):
        _verify(run_dir, name, manifest)
    budget = memory_budget(config.max_memory_gb)
    with named_limit(budget), install_signal_handlers(), one_blas_thread(), tempfile.TemporaryDirectory() as work_dir:
        dataset = _dataset(config, options, manifest, Path(work_dir), stored.left_out)
        result = load_result(run_dir, stored, config, measured_peak=manifest.memory.measured, seconds=manifest.phases)
        run = _Finished(
            run_dir, manifest, stored, result, widened(dataset, result.columns), _genes(config, options, manifest)
        )
        with (
            _opened(run, options) as folder,
            PeakSampler(budget.bytes, advice=_ADVICE, on_hard_stop=folder.fail),
        ):
            analyses = _analyse(run, folder, budget)
    return require_targets(analyses)


def _require_apart(run_dir: Path, options: AnalysisConfig) -> None:
    """Before another folder is made for the analyses: it holds nothing that is read, and lies in nothing."""
    if options.out_dir is not None and not _same(options.out_dir, run_dir):
        tables = {} if options.dataset in (None, DEMO) else {"--dataset": table_path(options.dataset)}
        require_apart([Output("--out-dir", options.out_dir, folder=True)], tables, {"RUN_DIR": run_dir})


def _with_known_targets(config: TrainingConfig, options: AnalysisConfig) -> TrainingConfig:
    """`config` without the limits of the run where their file is gone, which is no reason not to look at the rest."""
    if options.targets is not None or config.targets is None or config.targets.is_file():
        return config
    logger.warning("The limits of the run are left out: %s is not there. Give --targets", config.targets)
    return config.model_copy(update={"targets": None})


def _verify(run_dir: Path, name: str, manifest: RunManifest) -> None:
    record = manifest.artifacts.get(name)
    if record is None or record.sha256 is None:
        raise UsageError(f"{run_dir} must be a run whose training finished", f"Found no finished {name}", "Train again")
    if describe_input(run_dir / name).sha256 != record.sha256:
        raise InputError(f"{run_dir / name} must be as the run wrote it", "Found other content", "Train again")


@contextmanager
def _opened(run: _Finished, options: AnalysisConfig) -> Iterator[RunFolder]:
    """The folder that is written to: the run's own, or another one."""
    command = f"{now()} {' '.join(sys.argv)}"
    config = run.result.config.model_dump(mode="json")
    if options.out_dir is not None and not _same(options.out_dir, run.path):
        with RunFolder.open(options.out_dir, overwrite=options.overwrite) as folder:
            folder.clear_earlier()
            lines, inputs = run.manifest.lines, run.manifest.inputs
            folder.update(config=config, seeds=run.manifest.seeds, inputs=inputs, lines=lines, analysed=(command,))
            for name in run.manifest.artifacts:
                if name.startswith(_NAMED):
                    _verify(run.path, name, run.manifest)
                    folder.write_bytes(name, (run.path / name).read_bytes())
            yield folder
        return
    with RunFolder.open(run.path, extend=True) as folder:
        folder.supersede([OUTCOMES, *_artifacts_of_analyses(run.path)])
        folder.update(config=config, analysed=(*folder.manifest.analysed, command))
        yield folder


def _same(one: Path, other: Path) -> bool:
    return one.exists() and one.samefile(other)


def _artifacts_of_analyses(path: Path) -> list[str]:
    """What the analyses of the run wrote, as their outcomes say; nothing where it was stopped before they ended."""
    try:
        outcomes = json.loads((path / OUTCOMES).read_bytes())
        return [str(name) for outcome in outcomes for name in outcome["artifacts"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _dataset(
    config: TrainingConfig, options: AnalysisConfig, manifest: RunManifest, work_dir: Path, left_out: tuple[str, ...]
) -> Dataset:
    """The table of the run, whose files must have the content that it was trained on."""
    where = config if options.dataset is None else config.model_copy(update={"dataset": options.dataset})
    known = dict.fromkeys(left_out, "left out of the run")
    dataset = open_training_table(where, work_dir, lambda *_: known).dataset
    require_inputs(dataset.origins, manifest.inputs, where.dataset)
    return dataset


def _genes(config: TrainingConfig, options: AnalysisConfig, manifest: RunManifest) -> GeneFolder | None:
    """The genes of the run, where a learner reads them whole; they must be those that it was trained on."""
    if not config.reads_genes:
        return None
    path = table_path(options.dataset or config.dataset)
    genes = BuiltFolder.open(path).genes
    known = {} if manifest.environment is None else manifest.environment.other_inputs.get("genes", {})
    if known and [describe_input(file).sha256 for file in genes.files] != list(known.values()):
        raise InputError(
            "The genes must be those that the run was trained on",
            f"{path} has others",
            "Give --dataset, where they lie now",
        )
    return genes


def _analyse(run: _Finished, folder: RunFolder, budget: MemoryBudget) -> AnalysisRun:
    threads = cpu_limit(run.result.config.threads).count
    again, why_not = make_retrainer(run.result, run.dataset, budget=budget.bytes, threads=threads)
    context = AnalysisContext(run.result, folder, run.dataset, again, why_not, budget.bytes, threads, genes=run.genes)
    with folder.scratch("figures") as figures, settings_in(figures):
        analyses = run_analyses(context)
    for name, option in ((WHOLE_GENES, "oof_dataset"), (EXTERNAL, "eval_dataset")):
        if getattr(run.result.config, option) is not None and not (run.path / f"{name}.json").is_file():
            flag = f"--{option.replace('_', '-')}"
            logger.warning("The run ended before it was evaluated on %s; train --resume does that", flag)
    sources = ReportSources(
        run.result,
        analyses,
        run.stored.model_file,
        (run.path / SCREENING).read_text(encoding="utf-8"),
        whole_genes=_evaluation(run.path, WHOLE_GENES),
        external=_evaluation(run.path, EXTERNAL),
    )
    save_report(sources, folder)
    require_analyses(analyses)
    return analyses


def _evaluation(path: Path, name: str) -> EvaluationTable | None:
    """The evaluation on another table that the run wrote, if it did."""
    file = path / f"{name}.json"
    return EvaluationTable.from_json(json.loads(file.read_bytes())) if file.is_file() else None
