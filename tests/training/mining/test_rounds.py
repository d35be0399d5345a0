from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from mining_tables import all_positions, mining_task, sampled
from sklearn.metrics import average_precision_score

from meta_models.config import TrainingConfig
from meta_models.errors import InputError, UsageError
from meta_models.inference.contenders import FoldScorer
from meta_models.inference.scoring import score_out_of_fold
from meta_models.learners.seam import FitJob, Fitted
from meta_models.persistence import dump_model
from meta_models.result import TrainingResult
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.more_rows import cut_to_table
from meta_models.training.fitting.one_vs_rest import FINAL, FittedProblem
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.mining import rounds as mining
from meta_models.training.mining.pool import match_pool
from meta_models.training.mining.scan import PoolScan, _Hardest
from meta_models.training.strategies import STRATEGIES

SINGLE = STRATEGIES["single_model"]


def trained_jobs(monkeypatch: pytest.MonkeyPatch, task: TrainingTask) -> tuple[TrainingResult, dict[str, FitJob]]:
    """The result of training `task`, and the jobs of all rounds by name."""
    jobs: dict[str, FitJob] = {}
    change = mining._Larger.change_jobs

    def remembered(self: mining._Larger, scan: PoolScan, number: int) -> mining.ChangeJob:
        changed = change(self, scan, number)
        return lambda job: jobs.setdefault(f"mined-{number}-{job.name}", changed(job))

    with monkeypatch.context() as patched:
        patched.setattr(mining._Larger, "change_jobs", remembered)
        return SINGLE.train(task), jobs


def test_a_fold_mines_no_gene_that_it_holds_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = mining_task(tmp_path, all_positions())
    result, jobs = trained_jobs(monkeypatch, task)
    n, mined_of = task.dataset.n_rows, set()
    for job in jobs.values():
        weights = job.weights
        assert weights is not None
        assert (weights[n:] > 0).any()
        assert (weights[n:][job.score[n:]] == 0).all()
        np.testing.assert_array_equal(weights[:n][job.score[:n]], task.positions.weights[job.score[:n]])
        mined_of.add(tuple(weights[n:]))
    assert len(mined_of) == task.config.n_folds + 1
    assert [record.round for record in result.mining] == [0] * 4 + [1] * 4


def test_what_the_pool_says_of_held_out_genes_changes_nothing_for_their_fold(tmp_path: Path) -> None:
    """Features of positions that only the pool holds, in genes of fold 0, are spoilt: fold 0 mines the same rows."""
    full = all_positions()
    table = sampled(full)
    task = mining_task(tmp_path / "a", full, table)
    fold = make_folds(task.positions, task.config).of_row
    genes = sorted(set(task.positions.frame["gene_id"].cast(str).filter(pl.Series(fold == 0))))
    spoilt = full.with_columns(
        pl.when(pl.col("gene_id").is_in(genes)).then(1 - pl.col(name)).otherwise(name).alias(name)
        for name in ("feature_0", "feature_1", "feature_2", "donor_score")
    )
    other = mining_task(tmp_path / "b", spoilt, table)
    for each in (task, other):
        SINGLE.train(each)

    def mined(of: TrainingTask, name: str) -> np.ndarray:
        return np.load(of.units.folder / "mining-0" / f"hard-{name}.npy")

    np.testing.assert_array_equal(mined(task, "0"), mined(other, "0"))
    for name in ("1", "2", "all"):
        assert not np.array_equal(mined(task, name), mined(other, name))


def test_weights_are_those_of_a_stratum_taken_whole_and_one_sampled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weighted training negatives must add up to those of all positions, over redraws of the sample."""
    full = all_positions()
    sums = []
    for seed in range(4):
        task = mining_task(tmp_path / str(seed), full, sampled(full, seed=seed), n_estimators=3)
        _, jobs = trained_jobs(monkeypatch, task)
        job, n = jobs["mined-1-final-donor"], task.dataset.n_rows
        assert set(np.unique(job.weights[n:])) <= {0.0, 1.0}
        negatives = np.concatenate([task.positions.labels == 0, np.ones(len(job.weights) - n, bool)])
        sums.append(job.weights[negatives].sum())
    truth = (full["splice_type"] == "neither").sum()
    assert np.mean(sums) == pytest.approx(truth, rel=0.06)


def test_hard_negatives_of_the_table_count_one_and_the_rest_as_sampled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = mining_task(tmp_path, all_positions())
    result, jobs = trained_jobs(monkeypatch, task)
    n, weights = task.dataset.n_rows, jobs["mined-1-final-donor"].weights
    changed = weights[:n] != task.positions.weights
    assert changed.any()
    assert set(weights[:n][changed]) == {1.0}
    assert (task.positions.labels[changed] == 0).all()
    record = next(r for r in result.mining if (r.round, r.fold) == (1, FINAL))
    assert record.mined == (weights[n:] > 0).sum()
    sites = (task.positions.labels > 0).sum()
    assert record.mined + record.certain == round(0.5 * sites)


def test_figures_of_the_rounds_are_those_of_all_positions(tmp_path: Path) -> None:
    """The last round's figures must be what scoring all positions with the fold models gives, and sklearn's."""
    task = mining_task(tmp_path, all_positions(), calibrate=False)
    result = SINGLE.train(task)
    assert task.pool is not None
    chosen = {record.fold: record for record in result.mining if record.chosen}
    frame = score_out_of_fold(FoldScorer(result.fold_models), result.oof, task.pool.dataset, task.pool.positions, 2)
    for fold, record in chosen.items():
        if fold == FINAL:
            continue
        rows = frame.filter(pl.col("fold") == fold)
        for name, target, value in (("raw_donor", 1, record.donor), ("raw_acceptor", 2, record.acceptor)):
            expected = average_precision_score(rows["label"].to_numpy() == target, rows[name].to_numpy())
            assert value == pytest.approx(expected, abs=1e-6)
    assert result.oof.height == task.dataset.n_rows
    of_gene = dict(result.oof.select("gene_id", "screened").iter_rows())
    assert frame["screened"].to_list() == [of_gene[gene] for gene in frame["gene_id"]]
    oof = frame.join(
        result.oof.select("gene_id", "position", pl.col("raw_donor").alias("of_table")), on=["gene_id", "position"]
    )
    np.testing.assert_allclose(oof["raw_donor"].to_numpy(), oof["of_table"].to_numpy(), atol=1e-6)


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path: Path) -> None:
    full = all_positions()
    first = SINGLE.train(mining_task(tmp_path, full))
    task = mining_task(tmp_path, full)
    names = task.units.names()
    assert {"mining-0", "mining-1", "mined-1-fold-0-donor", "mined-1-final-neither"} <= set(names)
    times = {name: (task.units.folder / name / "unit.json").stat().st_mtime_ns for name in names}
    for name in ("mining-1", "mined-1-fold-2-donor"):
        task.units.remove(name)
    second = SINGLE.train(task)
    kept = {name for name in names if (task.units.folder / name / "unit.json").stat().st_mtime_ns == times[name]}
    assert set(names) - kept == {"mining-1", "mined-1-fold-2-donor"}
    assert dump_model(first.model) == dump_model(second.model)
    assert first.oof.equals(second.oof)
    assert first.mining == second.mining


def rounds_with(precisions: list[list[float]]) -> list[mining._Round]:
    """Rounds whose folds have these average precisions."""
    folds = range(len(precisions[0]))
    return [
        mining._Round(None, PoolScan({}, {}, {**{k: (values[k], values[k]) for k in folds}, FINAL: (0.0, 0.0)}), {})  # type: ignore[arg-type]
        for values in precisions
    ]


def test_a_fold_does_not_choose_its_own_round() -> None:
    """Round 1 is better on fold 0 alone: fold 0 stays with round 0, for the others say nothing for round 1."""
    rounds = rounds_with([[0.5, 0.5, 0.5], [0.9, 0.45, 0.45]])
    assert [mining._best(rounds, range(3), fold) for fold in (0, 1, 2, FINAL)] == [0, 1, 1, 1]
    worse = rounds_with([[0.5, 0.5], [0.4, 0.4]])
    assert all(mining._gain(worse, range(2), fold) < 0 for fold in (0, 1, FINAL))


def test_mining_stops_where_nothing_is_gained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "_gain", lambda *_: -0.1)
    result = SINGLE.train(mining_task(tmp_path, all_positions(), mining_rounds=5, n_estimators=3))
    assert max(record.round for record in result.mining) == 1


def test_several_rounds_go_on_while_something_is_gained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mining, "_gain", lambda *_: 0.1)
    result = SINGLE.train(mining_task(tmp_path, all_positions(), mining_rounds=2, n_estimators=3))
    assert max(record.round for record in result.mining) == 2


def test_a_pool_without_further_negatives_is_said(tmp_path: Path) -> None:
    full = all_positions()
    task = mining_task(tmp_path, full, full.with_columns(sampling_weight=pl.lit(1.0)), n_estimators=3)
    result = SINGLE.train(task)
    assert any("found no negative that the table lacks" in note.text for note in result.notes)
    assert {record.round for record in result.mining} == {0}


@pytest.mark.parametrize("weights", ["none", "balanced", "effective"])
def test_other_training_weights_mine_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str) -> None:
    task = mining_task(tmp_path, all_positions(), training_weights=weights, n_estimators=3)
    _, jobs = trained_jobs(monkeypatch, task)
    found = jobs["mined-1-final-donor"].weights
    negatives = np.concatenate([task.positions.labels == 0, np.ones(len(found) - task.dataset.n_rows, bool)])
    assert len(set(found[negatives]) - {0.0}) == 1


def test_mined_negatives_count_what_their_class_makes_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = mining_task(tmp_path, all_positions(), class_weights=(0.5, 1, 1), n_estimators=3)
    _, jobs = trained_jobs(monkeypatch, task)
    found, rows = jobs["mined-1-final-donor"].weights, task.dataset.n_rows
    per_position = (task.training_weights / task.positions.weights)[task.positions.labels == 0]
    mined = found[rows:][found[rows:] > 0]
    assert 0.5 < mined[0] < 1
    np.testing.assert_allclose(mined, mined[0])
    np.testing.assert_allclose(per_position, mined[0], rtol=1e-5)


def test_drawn_rows_are_not_mined_for() -> None:
    with pytest.raises(UsageError, match="mine_negatives adds rows for certain"):
        TrainingConfig.from_mapping({"mine_negatives": "all", "training_weights": "oversampling"})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.filter(pl.col("gene_id") != "G0003"), "lacks 1 of 30 genes: G0003"),
        (lambda f: f.filter(pl.col("position") != 7), "lacks .* of .* positions"),
        (lambda f: f.drop("feature_1"), "lacks 1: feature_1"),
        (lambda f: f.drop("position"), "share neither|lacks 1: position"),
        (
            lambda f: f.with_columns(
                splice_type=pl.when(pl.col("splice_type") == "donor").then(pl.lit("acceptor")).otherwise("splice_type")
            ),
            "labels [1-9]",
        ),
    ],
)
def test_a_pool_that_is_not_of_the_table_is_refused(tmp_path: Path, spoil: object, message: str) -> None:
    full = all_positions()
    task = mining_task(tmp_path, spoil(full), sampled(full))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        SINGLE.train(task)


def test_positions_of_other_genes_are_left_alone(tmp_path: Path) -> None:
    full = all_positions()
    table = sampled(full).filter(pl.col("gene_id") < "G0020")
    task = mining_task(tmp_path, full, table)
    matched = match_pool(task.pool.dataset, task.pool.positions, task.positions, task.features)
    assert matched.dataset.n_rows == 20 * 60
    genes = task.positions.frame["gene_id"].cast(str)
    np.testing.assert_array_equal(
        matched.positions.frame["gene_id"].cast(str).to_numpy(), genes.to_numpy()[matched.gene_row]
    )
    known = matched.table_row >= 0
    assert known.sum() == table.height
    ours, theirs = task.positions.frame["position"].to_numpy(), matched.positions.frame["position"].to_numpy()
    np.testing.assert_array_equal(theirs[known], ours[matched.table_row[known]])


def test_the_hardest_are_those_of_a_full_sort() -> None:
    rng = np.random.default_rng(0)
    scores, usable = rng.integers(0, 40, 500).astype(np.float32), rng.random(500) < 0.7
    held = _Hardest(37)
    for start in range(0, 500, 60):
        rows = np.arange(start, min(start + 60, 500))
        held.add(rows, scores[rows], usable[rows])
    rows, kept = held.sorted()
    expected = np.lexsort((np.arange(500), -np.where(usable, scores, -1)))[:37]
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(kept, scores[expected])


def test_out_of_fold_scores_of_mined_rows_are_cut_off() -> None:
    nothing, some = np.zeros(4, bool), np.array([True, False, True, False])
    job = FitJob("fold-0-donor", 0, (1,), ~some, nothing, some, (3,))
    final = FitJob("final-donor", FINAL, (1,), ~nothing, nothing, nothing, (3,))
    scores = np.array([[[0.1]], [[0.2]], [[0.3]]], np.float32)
    booster = Fitted(None, scores, (3,), 3)  # type: ignore[arg-type]
    problem = FittedProblem(None, [job], [final], {})  # type: ignore[arg-type]
    fit = dataclasses.replace(problem, fitted={job.name: booster, final.name: booster})
    assert cut_to_table(problem, fit).fitted[job.name].scores[:, 0, 0].tolist() == pytest.approx([0.1, 0.2])
