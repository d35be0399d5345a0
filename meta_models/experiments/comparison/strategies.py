"""``meta-models compare-strategies``: the same genes trained as one model and as an ensemble, and what each takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from meta_models.analysis.comparison.table import shown
from meta_models.config import TrainingConfig
from meta_models.dataset.demo import write_demo_table
from meta_models.dataset.opening import is_built_in, named_tables, require_one_meaning
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.reading.files import read_footer
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import ExitCode, UsageError
from meta_models.experiments.comparison.costs import reused_units, taken
from meta_models.experiments.comparison.differences import TOP_K, Comparison, Difference, differences_to
from meta_models.experiments.comparison.rows import shared_rows
from meta_models.experiments.launch import launch_run
from meta_models.persistence import load_model
from meta_models.places import TablePath, table_path
from meta_models.result_files import OOF_FILE
from meta_models.run_folder import (
    RunManifest,
    RunState,
    atomic_write,
    json_bytes,
    make_folder,
    read_artifact,
    scratch_folder,
)

logger = logging.getLogger(__name__)

SINGLE, ENSEMBLE = "single_model", "batch_ensemble"
MODEL_FILES = {SINGLE: "model_multiclass.pkl", ENSEMBLE: "model_multiclass_all_genes.pkl"}
#: Rows that are scored to measure the cost of prediction, and how often; the fastest counts.
PREDICTED_ROWS, REPEATS = 20_000, 3
#: Options that change neither what a run does nor what it takes.
_OF_THE_COMMAND = ("out_dir", "overwrite", "resume", "verbose")
#: Columns of a difference in the files, by attribute; the single model is compared with.
_COLUMNS = {
    "population": "population", "metric": "metric", "target": "target", "a": "single", "b": "ensemble",
    "difference": "difference", "lower": "lower", "upper": "upper", "families": "families", "reason": "reason",
    "a_lower": "single_lower", "a_upper": "single_upper", "b_lower": "ensemble_lower", "b_upper": "ensemble_upper",
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a strategy took.

    Attributes
    ----------
    wall_seconds, training_seconds : float or None
        Of all phases of the run, analyses included, and of its training alone.
    training_seconds_per_100k_rows : float or None
        Of training, folds included, for each 100,000 rows of the table.
    seconds_per_100k_rows : float
        Of prediction, with all threads, the features in memory.
    reason : str or None
        Why the seconds of the run and its peak are None.
    """

    strategy: str
    wall_seconds: float | None
    training_seconds: float | None
    training_seconds_per_100k_rows: float | None
    peak_bytes: int | None
    model_bytes: int
    seconds_per_100k_rows: float
    reason: str | None = None


def compare_strategies(config: TrainingConfig) -> ExitCode:
    """Train both strategies below ``out_dir`` and write ``strategy_comparison.tsv`` and ``.json`` there.

    Each run has a process and a folder of its own, so that peaks do not mix and finished work is resumed with
    ``--resume``. Options of the configuration hold for both. The manifest of a run that did all of its work itself is
    kept below ``measured/``: what it took still holds where a later command finds everything finished.

    Raises
    ------
    UsageError
        Without a folder, or where a file is in its place.
    WriteError
        If the folder cannot be made or written to.
    UnitsFailed
        If one of the runs failed; its own message says why.
    """
    folder = _folder(config)
    source = write_demo_table(folder / "demo") if is_built_in(config.dataset) else table_path(config.dataset)
    manifests = {strategy: _run(strategy, config, source, folder) for strategy in (SINGLE, ENSEMBLE)}
    with scratch_folder(folder, "text", elsewhere=folder) as work_dir:
        dataset = open_dataset(source, work_dir=work_dir, base_score_columns=config.base_score_columns)
        costs = [_cost(strategy, manifest, dataset, config, folder) for strategy, manifest in manifests.items()]
    tables = [read_artifact(folder / name, OOF_FILE) for name in (SINGLE, ENSEMBLE)]
    differences = compare_scores(*tables, samples=config.bootstrap_samples, seed=config.seed)
    _save(folder, differences, costs)
    for line in summary_lines(differences, costs):
        logger.info("%s", line)
    return ExitCode.DONE


def compare_scores(single: pl.DataFrame, ensemble: pl.DataFrame, *, samples: int, seed: int) -> list[Difference]:
    """Differences of two out-of-fold tables on the rows they share, that in mean average precision first.

    Raises
    ------
    InputError
        If they share no rows, or disagree on what a row is.
    """
    rows = shared_rows([single, ensemble], [SINGLE, ENSEMBLE])
    return [d for d in differences_to(rows, 0, Comparison(samples, seed))[1] if d.metric != TOP_K]


def summary_lines(differences: list[Difference], costs: list[Cost]) -> Iterator[str]:
    """For the terminal: the verdict, every difference, what each strategy took."""
    yield verdict(differences[0])
    for d in differences:
        if d.a is None or d.b is None or d.difference is None:
            yield f"{d.population} {d.metric} {d.target}: null ({d.reason})"
            continue
        interval = f"95 % {shown(d.lower, '+')} to {shown(d.upper, '+')}"
        bounds = d.reason if d.lower is None or d.upper is None else interval
        yield (
            f"{d.population} {d.metric} {d.target}: single {d.a:.4f}, ensemble {d.b:.4f}, "
            f"difference {shown(d.difference, '+')} ({bounds}; {d.families} families)"
        )
    for cost in costs:
        yield (
            f"{cost.strategy}: {_run_line(cost)}, model {cost.model_bytes / 1e6:.1f} MB, "
            f"prediction {cost.seconds_per_100k_rows:.2f} s per 100,000 rows"
        )


def verdict(mean: Difference) -> str:
    """What the difference in mean average precision says."""
    if mean.lower is None or mean.upper is None:
        return f"Which strategy is better cannot be told: {mean.reason}."
    if mean.lower > 0:
        return "The ensemble is better than the single model."
    if mean.upper < 0:
        return "The single model is better than the ensemble."
    return "Neither strategy is shown to be better: the interval of the difference includes 0."


def prediction_cost(model_file: Path, dataset: Dataset, threads: int | None) -> float:
    """Seconds that the model takes for 100,000 rows whose features are in memory, the best of some repeats."""
    model = load_model(model_file)
    rows = np.arange(min(PREDICTED_ROWS, dataset.n_rows))
    features = dataset.read_rows(rows, model.feature_names)
    if threads is not None:
        model.set_threads(threads)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        model.predict_proba(features)
        seconds.append(time.perf_counter() - started)
    return min(seconds) * 100_000 / len(rows)


def _folder(config: TrainingConfig) -> Path:
    """The folder of the comparison, once the options were checked."""
    if config.out_dir is None:
        raise UsageError("--out-dir must name the folder of the comparison", "It is missing", "Give --out-dir DIR")
    for name in ("max_features", "targets"):
        if getattr(config, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{flag} is not for both strategies", f"Found {flag}", "Train the one that it is meant for"
            )
    require_one_meaning(config.dataset)
    runs = [Output("--out-dir", config.out_dir / strategy, folder=True) for strategy in (SINGLE, ENSEMBLE)]
    require_apart(runs, named_tables(config), {})
    make_folder(config.out_dir)
    return config.out_dir


def _save(folder: Path, differences: list[Difference], costs: list[Cost]) -> None:
    values = [{column: getattr(d, name) for name, column in _COLUMNS.items()} for d in differences]
    frame = pl.DataFrame(values, infer_schema_length=None)
    atomic_write(folder / "strategy_comparison.tsv", frame.write_csv(separator="\t").encode())
    record = {"verdict": verdict(differences[0]), "differences": values, "costs": [asdict(c) for c in costs]}
    atomic_write(folder / "strategy_comparison.json", json_bytes(record))


def _run_line(cost: Cost) -> str:
    if cost.wall_seconds is None or cost.training_seconds is None or cost.training_seconds_per_100k_rows is None:
        return f"wall, training and peak null ({cost.reason})"
    peak = "not measured" if cost.peak_bytes is None else f"{cost.peak_bytes / 1e9:.2f} GB"
    return (
        f"wall {cost.wall_seconds:.1f} s (training {cost.training_seconds:.1f} s, "
        f"{cost.training_seconds_per_100k_rows:.1f} s per 100,000 rows), peak {peak}"
    )


def _run(strategy: str, config: TrainingConfig, source: TablePath, folder: Path) -> RunManifest:
    """Train with `strategy` in a process of its own; the manifest that it left."""
    out_dir = folder / strategy
    _keep_measured(out_dir)
    options = config.model_dump(mode="json", exclude={"out_dir", "dry_run"})
    options |= {"dataset": str(source), "strategy": strategy, "train_all_genes": False}
    manifest = launch_run(strategy, options, out_dir)
    _keep_measured(out_dir)
    return manifest


def _measured(out_dir: Path) -> Path:
    """Where the manifest of a run that did all its work is kept."""
    return out_dir.parent / "measured" / out_dir.name


def _keep_measured(out_dir: Path) -> None:
    """Keep the manifest of a finished run that reused no unit: its figures are of the whole work."""
    manifest = RunManifest.read(out_dir)
    if manifest is not None and manifest.state is RunState.COMPLETE and not reused_units(manifest):
        make_folder(_measured(out_dir))
        manifest.write(_measured(out_dir))


def _work(manifest: RunManifest) -> dict[str, object]:
    """What was done: the key of every unit, and all options."""
    keys = {name: unit.key for name, unit in manifest.units.items()}
    return {"units": keys, **{k: v for k, v in manifest.config.items() if k not in _OF_THE_COMMAND}}


def _cost(strategy: str, manifest: RunManifest, dataset: Dataset, config: TrainingConfig, folder: Path) -> Cost:
    """What the run of `manifest` took, or an earlier one that did the work which it reused."""
    out_dir = folder / strategy
    model = out_dir / MODEL_FILES[strategy]
    size, seconds = model.stat().st_size, prediction_cost(model, dataset, config.threads)
    measured = RunManifest.read(_measured(out_dir))
    if measured is None or _work(measured) != _work(manifest):
        reused = f"{len(reused_units(manifest))} of {len(manifest.units)} units"
        reason = f"the run reused {reused} of runs that were stopped, or had other options"
        return Cost(strategy, None, None, None, None, size, seconds, reason)
    found = taken(measured, read_footer(out_dir / OOF_FILE).rows)
    return Cost(
        strategy, found.wall_seconds, found.training_seconds, found.training_seconds_per_100k_rows, found.peak_bytes,
        size, seconds,
    )  # fmt: skip
