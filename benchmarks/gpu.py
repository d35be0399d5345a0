"""Training on a GPU at the reference size, and the same small run on CPU and GPU.

    python benchmarks/gpu.py [--rows 3729279] [--features 1142] [--rounds 200] [--max-depth 6] [--json FILE]
    python benchmarks/gpu.py --small demo [--json FILE]

Needs no network and no data. *Reference size*: chunks of a simulated table (small counts and floats, 400 rows a gene)
are made by all cores on their way into the matrix, by the learner's own ``prepare``; then the product's own
cross-validation trains 3 x (folds + 1) boosters by the learner's own ``fit``. With ``--seconds`` boosters that would
begin after so many seconds are left out, and the whole is extrapolated, and said to be. *Bare* is one
``xgboost.train`` of the same rounds on the same matrix without any metric. ``--cpu-rounds`` measures the same matrix
and trees on the CPU, with all cores. ``--small`` runs the command itself on a table, on the CPU and on the GPU.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

from meta_models.cli import main as command
from meta_models.config import TrainingConfig
from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.learners.seam import FitJob, Fitted, Resources, Shape, TrainingRows
from meta_models.learners.xgboost.booster import QuantisedRows, prepared_matrix
from meta_models.learners.xgboost.matrix import BUILD_BYTES
from meta_models.progress import Progress
from meta_models.resources import PeakSampler, cpu_limit, memory_budget
from meta_models.training.devices import choose_device, present_gpu
from meta_models.training.fitting.folds import split_groups
from meta_models.training.fitting.one_vs_rest import Problem, fit_one_vs_rest
from meta_models.training.fitting.rows.audit import audit_features, sample_size
from meta_models.training.memory import fitting_peak

GENE_ROWS = 400
DEFAULTS = TrainingConfig.from_mapping({}).section
SHARES = (0.8, 0.1, 0.1)
FLOATS = 54


@dataclass(frozen=True)
class SimulatedTable:
    """Rows made on demand, the same at every pass: three base scores, floats that lean on the label, counts."""

    n_rows: int
    n_features: int
    threads: int
    seed: int = 0
    source: str = "simulated"
    labels: np.ndarray = field(init=False, repr=False)

    @property
    def chunk_rows(self) -> int:
        """Rows of a chunk, as many as go into a matrix at a time."""
        return rows_of_chunk(self.n_features, size=BUILD_BYTES)

    def __post_init__(self) -> None:
        labels = np.random.default_rng(self.seed).choice(3, self.n_rows, p=SHARES).astype(np.uint8)
        object.__setattr__(self, "labels", labels)

    def iter_matrix(self, _: Sequence[str], __: int | None = None) -> Iterator[np.ndarray]:
        """Chunks in row order of `chunk_rows`, made by `threads` threads a few ahead of the reader."""
        starts = iter(range(0, self.n_rows, self.chunk_rows))
        first = list(islice(starts, 2 * self.threads))
        with ThreadPoolExecutor(self.threads) as pool:
            ahead = deque(pool.submit(self._chunk, start) for start in first)
            while ahead:
                chunk = ahead.popleft().result()
                ahead.extend(pool.submit(self._chunk, start) for start in islice(starts, 1))
                yield chunk

    def _chunk(self, start: int) -> np.ndarray:
        labels = self.labels[start : start + self.chunk_rows]
        rng = np.random.default_rng([self.seed, start])
        counts = self.n_features - FLOATS
        values = np.empty((len(labels), self.n_features), np.float32)
        values[:, :FLOATS] = rng.standard_normal((len(labels), FLOATS), np.float32)
        values[:, :9] += 1.5 * (labels[:, None] == np.arange(9) % 3)
        values[:, FLOATS:] = _counts()[np.frombuffer(rng.bytes(len(labels) * counts), np.uint8)].reshape(-1, counts)
        values[:, FLOATS : FLOATS + 30] += (labels > 0)[:, None] & (values[:, 3:4] > 0)
        return values


def _counts() -> np.ndarray:
    """Counts (256,) that a random byte stands for: most 0, few up to 5."""
    return np.repeat(np.arange(6, dtype=np.float32), [150, 60, 28, 12, 5, 1])


class OutOfTime(Exception):
    """The boosters that are left would begin too late."""


@dataclass
class Fitting:
    """Trains jobs by the learner's `fit`, one after another, and keeps what each took."""

    prepared: QuantisedRows
    problem: Problem
    threads: int
    until: float
    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, jobs: Sequence[FitJob], _: str) -> dict[str, Fitted]:
        return {job.name: self._fit(job) for job in jobs}

    def _fit(self, job: FitJob) -> Fitted:
        if self.seconds and time.monotonic() > self.until:
            raise OutOfTime
        started, p = time.monotonic(), self.problem
        fitted = self.prepared.fit(job, p.labels, p.weights, threads=self.threads)
        self.seconds[job.name] = time.monotonic() - started
        say(f"  {job.name}: {fitted.rounds} rounds in {self.seconds[job.name]:.2f} s")
        return fitted


def say(text: str) -> None:
    print(text, flush=True)


def device_memory() -> int:
    """Bytes of the GPU's memory in use now; 0 where that cannot be asked."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        return int(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]) * 2**20
    except (OSError, subprocess.CalledProcessError):
        return 0


def build(
    table: SimulatedTable, config: TrainingConfig, resources: Resources
) -> tuple[QuantisedRows, dict[str, float]]:
    """The matrix, and seconds of the two steps that lead to it."""
    names = tuple(f"f{k}" for k in range(table.n_features))
    started = time.monotonic()
    n = sample_size(table.n_features, config)
    rows = np.sort(np.random.default_rng(0).choice(table.n_rows, min(n, table.n_rows), replace=False))
    sample = audit_features(table, names, rows, Progress("")).sample
    audited = time.monotonic()
    prepared = prepared_matrix(TrainingRows(table, names, sample, config.seed), config.section, resources)
    return prepared, {"audit": audited - started, "matrix": time.monotonic() - audited}


def bare(prepared: QuantisedRows, problem: Problem, threads: int) -> dict[str, float]:
    """Seconds of a first round, which takes the matrix to the GPU, and of an ``xgboost.train`` without evaluation."""
    matrix, parameters = prepared.matrix, prepared.parameters(threads, ())
    matrix.set_label((problem.labels == 1).astype(np.float32))
    matrix.set_weight(problem.weights)
    started = time.monotonic()
    xgb.train(parameters, matrix, 1)
    first = time.monotonic()
    xgb.train(parameters, matrix, problem.config.rounds_limit)
    return {"first_round": first - started, "bare": time.monotonic() - first}


def reference(options: argparse.Namespace, device: str, rounds: int) -> dict[str, Any]:
    """Build and train on `device`."""
    started, threads = time.monotonic(), cpu_limit(options.threads).count
    table = SimulatedTable(options.rows, options.features, threads)
    same = {"max_depth": options.max_depth, "subsample": options.subsample}
    config = TrainingConfig.from_mapping({"n_estimators": rounds, "n_folds": options.folds, "device": device, **same})
    shape, resources = Shape(options.rows, options.features), Resources(threads, device)
    with PeakSampler(memory_budget().bytes) as sampler:
        prepared, figures = build(table, config, resources)
        say(f"{device}: {figures['audit']:.1f} s to check, {figures['matrix']:.1f} s to build")
        groups = np.arange(options.rows) // GENE_ROWS
        weights = np.ones(options.rows, np.float32)
        problem = Problem(table.labels, weights, split_groups(table.labels, groups, config), config)
        figures |= bare(prepared, problem, threads)
        say(f"{device}: first round {figures['first_round']:.2f} s; {rounds} bare rounds {figures['bare']:.2f} s")
        fitting = Fitting(prepared, problem, threads, started + options.seconds)
        scores = _train(problem, fitting)
    seconds, planned = list(fitting.seconds.values()), 3 * (options.folds + 1)
    each = float(np.mean(seconds))
    return {
        "device": device, "rows": options.rows, "features": options.features, "rounds": rounds, "threads": threads,
        "boosters": len(seconds), "planned": planned, "measured_training": sum(seconds),
        "training": each * planned, "extrapolated": len(seconds) < planned,
        "seconds_per_tree": each / rounds, "ratio_to_bare": each / figures["bare"],
        "oof_ap": None if scores is None else mean_ap(table.labels, scores),
        "host_peak_gb": (sampler.peak_bytes or 0) / 1e9,
        "host_predicted_gb": fitting_peak(shape, config, resources) / 1e9,
        "device_gb_trained": device_memory() / 1e9,
        "device_predicted_gb": config.learner.device_bytes(shape, config.section) / 1e9, **figures,
    }  # fmt: skip


def _train(problem: Problem, fitting: Fitting) -> np.ndarray | None:
    try:
        return fit_one_vs_rest(problem, fitting).scores()
    except OutOfTime:
        say("  out of time: the rest is extrapolated")
        return None


def mean_ap(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean average precision of donor and acceptor."""
    from sklearn.metrics import average_precision_score

    return float(np.mean([average_precision_score(labels == k, scores[:, k]) for k in (1, 2)]))


def small(table: str, rounds: int) -> dict[str, Any]:
    """The command itself on the CPU and on the GPU."""
    import polars as pl

    found: dict[str, Any] = {"table": table}
    for device in ("cpu", "cuda"):
        with tempfile.TemporaryDirectory() as folder:
            out, started = Path(folder) / "run", time.monotonic()
            options = ["--analyses", "base-vs-meta", "--bootstrap-samples", "100", "--n-estimators", str(rounds)]
            code = command(["train", "--dataset", table, "--out-dir", str(out), "--device", device, *options])
            if code:
                raise SystemExit(f"the run on {device} ended with {code}")
            phases = json.loads((out / "run_manifest.json").read_text())["phases"]
            oof = pl.read_parquet(out / "oof_predictions.parquet")
            scores = oof.select("raw_neither", "raw_donor", "raw_acceptor").to_numpy()
            found[device] = {
                "wall": time.monotonic() - started,
                "training": phases["training"],
                "oof_ap": mean_ap(oof["label"].to_numpy(), scores),
                "model_bytes": (out / "model_multiclass.pkl").stat().st_size,
            }
    return found


def main() -> None:
    """Print what was found, as one line of JSON for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_729_279)
    parser.add_argument("--features", type=int, default=1_142)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--max-depth", type=int, default=DEFAULTS.max_depth)
    parser.add_argument("--subsample", type=float, default=DEFAULTS.subsample)
    parser.add_argument("--seconds", type=float, default=np.inf, help="begin no booster after so many")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--cpu-rounds", type=int, default=0, help="as many rounds of one fold on the CPU, too")
    parser.add_argument("--small", help="a table (or demo) to run the command on")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    if options.small:
        found.append(small(options.small, options.rounds))
    else:
        config = TrainingConfig.from_mapping({"device": options.device})
        shape = Shape(options.rows, options.features)
        choice = choose_device(shape, config, present_gpu(config.learner))
        say(f"Device: {choice.name} ({choice.reason})")
        found.append(reference(options, choice.name, options.rounds))
        if options.cpu_rounds:
            options.seconds = 0.0
            found.append(reference(options, "cpu", options.cpu_rounds))
    for part in found:
        say(json.dumps(part))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
