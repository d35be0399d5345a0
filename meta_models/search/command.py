"""``meta-models tune``: from a table to options that were chosen, what they are worth, and the model they make."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meta_models.analysis.plots.style import settings_in
from meta_models.analysis.runner import analysis_needs, selected
from meta_models.cluster import require_cluster
from meta_models.dataset.opening import named_tables, open_training_table, require_one_meaning, trained_genes
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.profile import profile_dataset
from meta_models.errors import ExitCode, UnitsFailed, UsageError
from meta_models.experiments.launch import launched
from meta_models.learners.registry import LEARNERS
from meta_models.pipeline.planning import farm_of
from meta_models.places import describe_input
from meta_models.resources import MemoryBudget, PeakSampler, cpu_limit, memory_budget, named_limit
from meta_models.resources.blas import one_blas_thread
from meta_models.resources.heap import release_memory
from meta_models.run_folder import RunFolder, describe_environment, install_signal_handlers
from meta_models.schema import GENE
from meta_models.search.apart import FarmScorer
from meta_models.search.chance import chance_precision
from meta_models.search.fold_scores import FoldScorer
from meta_models.search.kept_out import DEFAULT, WINNER, Split, judge, keep_out
from meta_models.search.options import TuneConfig
from meta_models.search.outcome import SearchOutcome
from meta_models.search.proposals import require_optuna
from meta_models.search.report import PAGE, TRIALS, save_search
from meta_models.search.space import LearnerSpace, read_space
from meta_models.search.study import Budget, Scorer, search
from meta_models.search.trials import Trial, start_of, trial_table, winner_of
from meta_models.training.fitting.folds import Folds, make_folds
from meta_models.training.fitting.task import TrainedGenes, TrainingTask
from meta_models.training.plan import Plan, make_plan
from meta_models.training.requirements import reads_windows, require_learnable
from meta_models.training.screening.table import screen_table
from meta_models.training.stages.requirements import require_stages
from meta_models.workers import Farm

logger = logging.getLogger(__name__)
Spaces = dict[str, LearnerSpace]


def run_tune(config: TuneConfig) -> ExitCode:
    """Search, judge the winner on families that took no part, and train it on all genes in ``winner/``.

    Raises
    ------
    MetaModelsError
        As its subclasses say; the folder keeps every fold of every trial that was finished.
    """
    require_optuna()
    require_learnable(config)
    require_cluster(config.distributed)
    require_stages(config)
    _require_genes(config)
    selected(config)
    require_one_meaning(config.dataset)
    spaces = read_space(config)
    if config.out_dir is None:
        raise UsageError("--out-dir must name the folder of the search", "It is missing", "Give --out-dir DIR")
    others = {"--space": config.space, "--targets": config.targets, "--stages": config.stages}
    require_apart([Output("--out-dir", config.out_dir, folder=True)], named_tables(config), others)
    budget = memory_budget(config.max_memory_gb)
    with (
        named_limit(budget),
        install_signal_handlers(),
        one_blas_thread(),
        RunFolder.open(config.out_dir, overwrite=config.overwrite, resume=config.resume) as folder,
        folder.scratch("input") as work_dir,
        PeakSampler(budget.bytes, on_hard_stop=folder.fail),
    ):
        _require_same(config, folder)
        with farm_of(config, folder, budget) as farm:
            outcome = _searched(config, spaces, folder, work_dir, budget, farm)
        release_memory()
        for line in outcome.lines():
            logger.info("%s", line)
        with folder.phase("winner"):
            _train_winner(outcome, folder)
    logger.info("Report: %s", config.out_dir / PAGE)
    return ExitCode.DONE


def _require_same(config: TuneConfig, folder: RunFolder) -> None:
    """Refuse to go on with a search that was another one: what it had found would be lost, and the figure chosen."""
    earlier = folder.earlier
    if not config.resume or earlier is None:
        return
    trials = earlier.config.get("trials", 0)
    same = config.model_copy(update={"trials": max(config.trials, trials)})
    differences = same.differences({**earlier.config, "trials": same.trials})
    differences += (f"--trials {config.trials} (was {trials})",) if config.trials < trials else ()
    if differences:
        raise UsageError(
            "--resume goes on with the same search, with as many trials or more", f"Found {', '.join(differences)}",
            "Give another --out-dir, or --overwrite to search anew",
        )  # fmt: skip


@dataclass(frozen=True)
class _Ready:
    """What the trials need."""

    split: Split
    task: TrainingTask
    folds: Folds
    room: int


def _searched(
    config: TuneConfig, spaces: Spaces, folder: RunFolder, work_dir: Path, budget: MemoryBudget, farm: Farm
) -> SearchOutcome:
    folder.update(config=config.model_dump(mode="json"), seeds={"seed": config.seed})
    ready = _prepared(config, spaces, folder, work_dir, budget, farm)
    with folder.phase("search"):
        trials = _trials(config, spaces, ready, folder)
    winner = winner_of(trials)
    if winner is None:
        raise UnitsFailed("A trial must be fitted", f"All failed, the first: {trials[0].reason}", "Correct that")
    chosen = {
        name: (trial.learner, spaces[trial.learner].section(trial.values))
        for name, trial in ((DEFAULT, start_of(trials, len(spaces))), (WINNER, winner))
    }
    with folder.phase("families kept out"):
        kept_out = judge(ready.split, ready.task, chosen, folder)
    positions, folds = ready.task.positions, ready.folds
    parts = [folds.held_out(fold) for fold in range(folds.n_folds)]
    outcome = SearchOutcome(
        config=config, spaces=spaces, trials=trials, winner=winner,
        genes=positions.frame[GENE].n_unique(), families=positions.groups().n_unique(),
        chance=chance_precision(positions.labels, positions.weights, parts, seed=config.seed), kept_out=kept_out,
    )  # fmt: skip
    with folder.phase("report"), folder.scratch("figures") as figures, settings_in(figures):
        save_search(outcome, ready.split.genes, folder)
    return outcome


def _require_genes(config: TuneConfig) -> None:
    """A search judges learners of genes on every position."""
    for name in config.gene_learners:
        if reads_windows(config, LEARNERS[name]):
            raise UsageError(
                f"{name} reads whole genes", f"{config.dataset!r} is a table of rows, without every position of a gene",
                "Give --dataset a folder that 'meta-models build' made, or search other learners",
            )  # fmt: skip


def _prepared(
    config: TuneConfig, spaces: Spaces, folder: RunFolder, work_dir: Path, budget: MemoryBudget, farm: Farm
) -> _Ready:
    """Read, split and screen: what is kept out is not looked at."""
    with folder.phase("reading"):
        table = open_training_table(config, work_dir)
        dataset, positions = table.dataset, table.positions
        split = keep_out(dataset, positions, config)
        genes = TrainedGenes.of(trained_genes(config))
        searched, own = split.searched
        folder.update(inputs=tuple(describe_input(file.origin) for file in dataset.files))
        plan = _plan(config, spaces, split, budget, genes)
        folder.update(environment=describe_environment(threads=plan.cpus.count, device=plan.device.name))
        kept = f"{len(split.genes):,} of {positions.frame[GENE].n_unique():,} genes are kept out of the search"
        for line in (*plan.profile.lines(), kept, plan.device_line()):
            logger.info("%s", line)
        plan.strategy.require_fit(plan.predicted_peak, budget.bytes)
        farm.require(plan.predicted_peak)
        farm.require_shared([*dataset.paths, *([] if genes is None else genes.folder.files)])
    with folder.phase("screening"):
        screened = screen_table(searched, own, config)
        folder.clear_earlier()
    task = TrainingTask(
        config=config.for_trials, dataset=searched, positions=own, profile=plan.profile, features=screened.features,
        excluded=screened.excluded, screened=screened.rows,
        input_hashes=tuple(record.sha256 for record in folder.manifest.inputs), units=folder.units,
        strategy_reason="trials are single models", budget=budget.bytes, predicted_peak=plan.predicted_peak,
        threads=plan.cpus.count, device=plan.device.name, run_path=folder.path, trained=genes, farm=farm,
    )  # fmt: skip
    room = len(spaces) if sum(plan.learner_peaks.values()) <= budget.bytes else 1
    return _Ready(split, task, make_folds(own, config), room)


def _plan(config: TuneConfig, spaces: Spaces, split: Split, budget: MemoryBudget, genes: TrainedGenes | None) -> Plan:
    """The plan of the largest trial."""
    largest = {name: space.largest for name, space in spaces.items()}
    one = config.for_trials.model_copy(update={"sections": largest})
    profile = profile_dataset(*split.searched, trained=None if genes is None else genes.folder)
    cpus = cpu_limit(config.threads)
    return make_plan(profile, one, budget, cpus, needs=analysis_needs(profile, one, cpus.count))


def _trials(config: TuneConfig, spaces: Spaces, ready: _Ready, folder: RunFolder) -> tuple[Trial, ...]:
    seconds = None if config.hours is None else 3600 * config.hours
    budget = Budget(config.trials, config.n_folds, config.seed, config.pruning, seconds)

    def tell(trials: Sequence[Trial]) -> None:
        """Write the trials so far."""
        folder.write_text(TRIALS, trial_table(trials, config.n_folds).write_csv())

    task, folds = ready.task, ready.folds
    scorer: Scorer = FarmScorer(task, folds) if task.farm.apart else FoldScorer(task, folds, room=ready.room)
    with scorer:
        return search(spaces, scorer, budget, tell)


def _train_winner(outcome: SearchOutcome, folder: RunFolder) -> None:
    """Train on all genes, in a folder of its own, whose report says how the options were chosen."""
    learner = outcome.winner.learner
    options = outcome.config.for_training | {
        "learners": [learner],
        "sections": {learner: outcome.section.model_dump(mode="json")},
        "chosen_by": outcome.note(),
    }
    launched(WINNER, options, folder.path / WINNER, overwrite=outcome.config.overwrite)
