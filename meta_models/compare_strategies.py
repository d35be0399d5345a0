"""Single model against batch ensemble: the same genes trained both ways, and what the difference costs."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.config import TrainingConfig
from meta_models.dataset.demo import write_demo_table
from meta_models.dataset.files import read_footer
from meta_models.dataset.opening import is_built_in, named_tables, require_one_meaning
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.reader import Dataset, open_dataset
from meta_models.errors import ExitCode, InputError, MetaModelsError, UnitsFailed, UsageError
from meta_models.metrics import (
    FamilyStatistic,
    MeanStatistic,
    PairedBootstrap,
    RankingStatistic,
    SumStatistic,
    heavy_row_share,
    paired_bootstrap,
)
from meta_models.persistence import load_model
from meta_models.result import CALIBRATED, probability_columns
from meta_models.run_folder import (
    RunManifest,
    RunState,
    atomic_write,
    json_bytes,
    make_folder,
    read_artifact,
    scratch_folder,
)
from meta_models.schema import SITE_CLASSES

logger = logging.getLogger(__name__)

SINGLE, ENSEMBLE = "single_model", "batch_ensemble"
MODEL_FILES = {SINGLE: "model_multiclass.pkl", ENSEMBLE: "model_multiclass_all_genes.pkl"}
#: Rows that are scored to measure the cost of prediction, and how often; the fastest counts.
PREDICTED_ROWS, REPEATS = 20_000, 3
_OOF = "oof_predictions.parquet"
#: Options that change neither what a run does nor what it takes.
_OF_THE_COMMAND = ("out_dir", "overwrite", "resume", "verbose")
AP, MEAN = "average_precision", "mean"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Difference:
    """One figure of both strategies out of fold, and ensemble minus single model, with 95 % intervals over families.

    Attributes
    ----------
    lower, upper : float or None
        Of the difference, which is paired; those of the two figures themselves are wider.
    """

    population: str
    metric: str
    target: str
    single: float | None
    ensemble: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    families: int
    reason: str | None
    single_lower: float | None
    single_upper: float | None
    ensemble_lower: float | None
    ensemble_upper: float | None


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
    if config.out_dir is None:
        raise UsageError("--out-dir must name the folder of the comparison", "It is missing", "Give --out-dir DIR")
    for name in ("max_features", "targets"):
        if getattr(config, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{flag} is not for both strategies", f"Found {flag}", "Train the one that it is meant for"
            )
    folder = config.out_dir
    require_one_meaning(config.dataset)
    runs = [Output("--out-dir", folder / strategy, folder=True) for strategy in (SINGLE, ENSEMBLE)]
    require_apart(runs, named_tables(config), {})
    make_folder(folder)
    source = write_demo_table(folder / "demo") if is_built_in(config.dataset) else Path(config.dataset)
    manifests = {strategy: _run(strategy, config, source, folder) for strategy in (SINGLE, ENSEMBLE)}
    with scratch_folder(folder, "text", elsewhere=folder) as work_dir:
        dataset = open_dataset(source, work_dir=work_dir, base_score_columns=config.base_score_columns)
        costs = [_cost(strategy, manifest, dataset, config, folder) for strategy, manifest in manifests.items()]
    tables = {name: read_artifact(folder / name, _OOF) for name in (SINGLE, ENSEMBLE)}
    differences = compare_scores(tables[SINGLE], tables[ENSEMBLE], samples=config.bootstrap_samples, seed=config.seed)
    frame = pl.DataFrame([asdict(difference) for difference in differences], infer_schema_length=None)
    atomic_write(folder / "strategy_comparison.tsv", frame.write_csv(separator="\t").encode())
    record = {
        "verdict": verdict(differences[0]),
        "differences": [asdict(d) for d in differences],
        "costs": [asdict(c) for c in costs],
    }
    atomic_write(folder / "strategy_comparison.json", json_bytes(record))
    for line in summary_lines(differences, costs):
        logger.info("%s", line)
    return ExitCode.DONE


def compare_scores(single: pl.DataFrame, ensemble: pl.DataFrame, *, samples: int, seed: int) -> list[Difference]:
    """Differences of two out-of-fold tables of the same rows, that in mean average precision first.

    Raises
    ------
    InputError
        If they are not of the same rows.
    """
    labels = single["label"].to_numpy()
    if single.height != ensemble.height or not single["gene_id"].cast(str).equals(ensemble["gene_id"].cast(str)):
        raise InputError(
            "Both runs must have scored the same rows", f"Found {single.height:,} and {ensemble.height:,}", "Run anew"
        )
    families, codes = np.unique(single["family"].cast(str).to_numpy(), return_inverse=True)
    weights = single["weight"].to_numpy()
    populations: dict[str, NDArray[np.float32] | None] = {"table": None}
    if np.ptp(weights) > 0:
        populations = {"genomic": weights, "table": None}
    scores = [table.select(probability_columns(CALIBRATED)).to_numpy() for table in (single, ensemble)]
    found = []
    for population, weight in populations.items():
        ranked = [
            [RankingStatistic(labels == c, s[:, c], weight, codes, len(families)) for c in SITE_CLASSES] for s in scores
        ]
        with_sites = [statistic.families_with_sites for statistic in ranked[0]]
        compared: list[tuple[str, FamilyStatistic, FamilyStatistic, int]] = [
            (MEAN, MeanStatistic(ranked[0]), MeanStatistic(ranked[1]), min(with_sites))
        ]
        weak = _undecided(labels, scores, weight)
        compared += [(c.label, *pair) for c, *pair in zip(SITE_CLASSES, *ranked, with_sites, strict=True)]
        for target, one, two, count in compared:
            boot = paired_bootstrap(one, two, AP, families_with_sites=count, samples=samples, seed=seed)
            found.append(_difference(population, AP, target, boot, weak.get(target)))
        first, second = (SumStatistic(labels, s, weight, codes, len(families)) for s in scores)
        boot = paired_bootstrap(
            first, second, "log_loss", families_with_sites=len(families), samples=samples, seed=seed
        )
        found.append(_difference(population, "log_loss", "all", boot))
    return found


def summary_lines(differences: list[Difference], costs: list[Cost]) -> Iterator[str]:
    """For the terminal: the verdict, every difference, what each strategy took."""
    yield verdict(differences[0])
    for d in differences:
        if d.single is None or d.ensemble is None or d.difference is None:
            yield f"{d.population} {d.metric} {d.target}: null ({d.reason})"
            continue
        bounds = d.reason if d.lower is None or d.upper is None else f"95 % {d.lower:+.4f} to {d.upper:+.4f}"
        yield (
            f"{d.population} {d.metric} {d.target}: single {d.single:.4f}, ensemble {d.ensemble:.4f}, "
            f"difference {d.difference:+.4f} ({bounds}; {d.families} families)"
        )
    for cost in costs:
        yield (
            f"{cost.strategy}: {_run_line(cost)}, model {cost.model_bytes / 1e6:.1f} MB, "
            f"prediction {cost.seconds_per_100k_rows:.2f} s per 100,000 rows"
        )


def _run_line(cost: Cost) -> str:
    if cost.wall_seconds is None or cost.training_seconds is None or cost.training_seconds_per_100k_rows is None:
        return f"wall, training and peak null ({cost.reason})"
    peak = "not measured" if cost.peak_bytes is None else f"{cost.peak_bytes / 1e9:.2f} GB"
    return (
        f"wall {cost.wall_seconds:.1f} s (training {cost.training_seconds:.1f} s, "
        f"{cost.training_seconds_per_100k_rows:.1f} s per 100,000 rows), peak {peak}"
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


def _undecided(
    labels: NDArray[np.uint8], scores: Sequence[NDArray[np.float32]], weight: NDArray[np.float32] | None
) -> dict[str, str]:
    """Why the average precision of a class, or the mean of both, says nothing, where a few heavy rows decide it."""
    if weight is None:
        return {}
    found: dict[str, str] = {}
    for target in SITE_CLASSES:
        heavy = [heavy_row_share(labels == target, s[:, target], weight) for s in scores]
        decisive = next((h.text for h in heavy if h.decisive), None)
        found |= {} if decisive is None else {target.label: decisive}
    return found | ({MEAN: "; ".join(f"{name}: {text}" for name, text in found.items())} if found else {})


def _difference(
    population: str, metric: str, target: str, boot: PairedBootstrap, null_because: str | None = None
) -> Difference:
    if null_because is not None:
        nothing = (None,) * 5
        return Difference(population, metric, target, *nothing, boot.families, null_because, *nothing[:4])
    interval = boot.difference_interval
    return Difference(
        population, metric, target, boot.base, boot.meta, boot.difference, interval.lower, interval.upper,
        boot.families, interval.reason, boot.base_interval.lower, boot.base_interval.upper, boot.meta_interval.lower,
        boot.meta_interval.upper,
    )  # fmt: skip


def _run(strategy: str, config: TrainingConfig, source: Path, folder: Path) -> RunManifest:
    """Train with `strategy` in a process of its own; the manifest that it left."""
    out_dir = folder / strategy
    _keep_measured(out_dir)
    options = config.model_dump(mode="json", exclude={"out_dir", "dry_run"})
    options |= {"dataset": str(source), "strategy": strategy, "train_all_genes": False}
    file = folder / f"{strategy}.config.json"
    atomic_write(file, json_bytes(options))
    module = "meta_models.training.run_gene_cv_sigmoid"
    command = [sys.executable, "-m", module, "--config", str(file), "--out-dir", str(out_dir)]
    logger.info("Training %s in %s", strategy, out_dir)
    code = _exit_code(command)
    if code not in (ExitCode.DONE, ExitCode.TARGET_MISSED):
        raise _failed(strategy, code)
    _keep_measured(out_dir)
    manifest = RunManifest.read(out_dir)
    if manifest is None:
        raise _failed(strategy, code)
    return manifest


def _exit_code(command: Sequence[str]) -> int:
    """That of `command`. Signals that arrive meanwhile are handed on to it, and end this process after it.

    It has a session of its own, where those of a terminal or of a whole group do not reach it: a second one would end
    it at once.
    """
    started: list[subprocess.Popen[bytes]] = []
    told: list[int] = []

    def hand_on(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        for process in started:
            process.send_signal(number)

    with _handled(hand_on), subprocess.Popen(command, start_new_session=True) as process:
        started.append(process)
        for number in told:
            process.send_signal(number)
        code = process.wait()
    if told:
        raise KeyboardInterrupt if told[0] == signal.SIGINT else SystemExit(128 + told[0])
    return code


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Within the block `handler` gets the signals that end a process, but for those that are ignored."""
    if threading.current_thread() is not threading.main_thread():  # where Python allows no handlers
        yield
        return
    heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)


def _measured(out_dir: Path) -> Path:
    """Where the manifest of a run that did all its work is kept."""
    return out_dir.parent / "measured" / out_dir.name


def _keep_measured(out_dir: Path) -> None:
    """Keep the manifest of a finished run that reused no unit: its figures are of the whole work."""
    manifest = RunManifest.read(out_dir)
    if manifest is not None and manifest.state is RunState.COMPLETE and not _reused(manifest):
        make_folder(_measured(out_dir))
        manifest.write(_measured(out_dir))


def _reused(manifest: RunManifest) -> list[str]:
    return [name for name, unit in manifest.units.items() if unit.reused]


def _work(manifest: RunManifest) -> dict[str, object]:
    """What was done: the key of every unit, and all options."""
    keys = {name: unit.key for name, unit in manifest.units.items()}
    return {"units": keys, **{k: v for k, v in manifest.config.items() if k not in _OF_THE_COMMAND}}


def _cost(strategy: str, manifest: RunManifest, dataset: Dataset, config: TrainingConfig, folder: Path) -> Cost:
    """What the run of `manifest` took, or an earlier one that did the work which it reused."""
    out_dir = folder / strategy
    model = out_dir / MODEL_FILES[strategy]
    rows = read_footer(out_dir / _OOF).rows
    wall, training, each, peak, reason = None, None, None, None, None
    measured = RunManifest.read(_measured(out_dir))
    if measured is not None and _work(measured) == _work(manifest):
        wall, training = sum(measured.phases.values()), measured.phases.get("training", 0.0)
        each, peak = training * 100_000 / rows, measured.memory.measured
    else:
        reused = f"{len(_reused(manifest))} of {len(manifest.units)} units"
        reason = f"the run reused {reused} of runs that were stopped, or had other options"
    return Cost(
        strategy=strategy,
        wall_seconds=wall,
        training_seconds=training,
        training_seconds_per_100k_rows=each,
        peak_bytes=peak,
        model_bytes=model.stat().st_size,
        seconds_per_100k_rows=prediction_cost(model, dataset, config.threads),
        reason=reason,
    )


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


def _failed(strategy: str, code: int) -> MetaModelsError:
    kind = UsageError if code == ExitCode.USAGE else UnitsFailed
    return kind(
        f"Both strategies must finish to be compared; {strategy} did not",
        f"It ended with exit code {code}",
        "See its message above, and run again with --resume or --overwrite",
    )
