"""Every way of combining, fitted to the same members: average precision on every position, out of fold.

    python benchmarks/combinations.py BUILT --out RESULT.json [--run FOLDER] [--learners NAME ...] [OPTION ...]

BUILT is a folder of ``meta-models build``. The members are trained once, by the command; then each method is
cross-fitted to their scores out of fold, and every position of all genes is scored once, by the members of its fold.
Differences are those to the member that is best on the table, with 95 % intervals over families. ``--run`` keeps the
run folder of the members, and goes on with the units that a stopped one left there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from meta_models.config import TrainingConfig
from meta_models.dataset.opening import open_tables
from meta_models.inference.contenders import FoldScorer
from meta_models.inference.gene_scoring import score_genes_out_of_fold
from meta_models.pipeline.every_position import with_every_position
from meta_models.pipeline.run import run_training
from meta_models.result import TrainingResult
from meta_models.standings import Contenders, Difference, LeaderboardRecord, Pair, Standing
from meta_models.training.combination.fit import cross_fit
from meta_models.training.combination.stack import Options
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.several import joining
from meta_models.training.several import learners as several

BUDGET = 8_000_000_000
SLSQP, EVOLUTION = "slsqp", "differential-evolution"
METHODS = {
    "voting": ("voting", SLSQP), "weighted": ("weighted", SLSQP), f"weighted, {EVOLUTION}": ("weighted", EVOLUTION),
    "greedy": ("greedy", SLSQP), "stacking": ("stacking", SLSQP), "blending": ("blending", SLSQP),
    "per-bin": ("per-bin", SLSQP), f"per-bin, {EVOLUTION}": ("per-bin", EVOLUTION), "best": ("best", SLSQP),
}  # fmt: skip


def trained(config: TrainingConfig) -> tuple[TrainingTask, Mapping[str, TrainingResult], TrainingResult]:
    """What the command trains: the task, the result of each member, and that of the run."""
    kept: list[Any] = []

    def join(task: TrainingTask, results: Mapping[str, TrainingResult], failed: Mapping[str, str]) -> TrainingResult:
        whole = joining.join(task, results, failed)
        kept.extend([task, results, whole])
        return whole

    with mock.patch.object(several, "join", join):
        run_training(config)
    task, results, whole = kept
    return task, results, whole


def compared(
    task: TrainingTask, results: Mapping[str, TrainingResult], whole: TrainingResult, names: Sequence[str]
) -> tuple[Contenders, dict[str, dict[str, Any]]]:
    """Each method of `names`: how it combines in each fold, and what that took and weighs."""
    features = joining.read_by_any(task, results)
    stack = joining.stack_of(task, list(results.values()), features)
    ways, facts = {}, {}
    for name in names:
        method, optimiser = METHODS[name]
        started = time.process_time()
        _, ways[name] = cross_fit(stack, method, Options(optimiser=optimiser, seed=task.config.seed))
        shares = {fold: way.shares(len(results), 3).mean(axis=1) for fold, way in sorted(ways[name].items())}
        facts[name] = {
            "cpu_seconds": time.process_time() - started,
            "weights": {str(f): dict(zip(results, s.round(3).tolist(), strict=True)) for f, s in shares.items()},
        }
    return Contenders(whole.contenders.members, ways, features), facts


def on_every_position(
    whole: TrainingResult, contenders: Contenders, config: TrainingConfig, folder: Path
) -> LeaderboardRecord:
    """The leaderboard of the members with each method as a further standing, and minus the best member."""
    tables = open_tables(config, folder, BUDGET)
    assert tables.genes is not None, "--whole-genes scores nothing"
    scorer, board = FoldScorer(whole.fold_models, contenders), whole.leaderboard
    assert board is not None
    frame = score_genes_out_of_fold(scorer, whole.oof, tables.genes, whole.bases, config.threads or 1)
    rows = [row for row in board.standings if row.role != "combination"]
    rows += [Standing(name, "method", *[None] * 7) for name in contenders.combined]
    pairs = tuple(Pair(name, board.opponent, Difference(None, None, None)) for name in contenders.combined)
    mine = replace(whole, leaderboard=replace(board, standings=tuple(rows), pairs=pairs))
    found = with_every_position(mine, frame, scorer, whole.bases, weighting="none").leaderboard
    assert found is not None
    return found


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--run", type=Path, help="folder of the run that trains the members, kept")
    parser.add_argument("--learners", nargs="+", default=["xgboost", "lightgbm", "random_forest", "logistic", "sgd"])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--train", type=json.loads, default={}, help="options of train, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        options = {"analyses": ("leaderboard",), "bootstrap_samples": 500, "threads": 1, **given.train}
        run = given.run or Path(name) / "run"
        options |= {"dataset": str(given.built), "out_dir": run, "resume": run.exists(), "learners": given.learners}
        config = TrainingConfig.from_mapping(options)
        task, results, whole = trained(config.model_copy(update={"whole_genes": "off"}))
        contenders, facts = compared(task, results, whole, given.methods)
        board = on_every_position(whole, contenders, config, Path(name) / "tables")
    rows = _rows(board, facts)
    given.out.write_text(
        json.dumps({"built": given.built.name, "options": given.train, "best": board.opponent, "rows": rows}, indent=1)
        + "\n"
    )
    sys.stdout.write(_markdown(rows))
    return 0


def _rows(board: LeaderboardRecord, facts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Members, base models and methods, the best first."""
    gains = {pair.one: pair.every for pair in board.pairs}
    rows = []
    for row in board.standings:
        every = gains.get(row.name)
        gain = {} if every is None else {"difference": every.value, "lower": every.lower, "upper": every.upper}
        rows.append({**_figures(row), **gain, **facts.get(row.name, {})})
    return sorted(rows, key=lambda row: -(row["mean"] or 0.0))


def _figures(row: Standing) -> dict[str, Any]:
    measured = {"seconds": row.seconds, "size_bytes": row.size_bytes, "rows_per_second": row.rows_per_second}
    found = {"donor": row.every_donor, "acceptor": row.every_acceptor, "mean": row.every_mean}
    table = {"table": row.table_mean, "weighted": row.weighted_mean}
    return {"name": row.name, "role": row.role, **found, "log_loss": row.every_log_loss, **table, **measured}


def _markdown(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| | AP on every position | log-loss | minus best member | s (members: wall of training; methods: CPU) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        difference = ""
        if row.get("lower") is not None:
            difference = f"{row['difference']:+.4f} ({row['lower']:+.4f} to {row['upper']:+.4f})"
        seconds = row.get("cpu_seconds", row["seconds"])
        took = "" if seconds is None else f"{seconds:.1f}"
        lines.append(f"| {row['name']} | {row['mean']:.4f} | {row['log_loss']:.6f} | {difference} | {took} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
