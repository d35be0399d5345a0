"""Features chosen by short boosters: nested in the folds, base scores always kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.cli import main
from meta_models.errors import ExitCode
from meta_models.learners.seam import FitJob, Fitted
from meta_models.training.fitting.folds import Folds, make_folds
from meta_models.training.fitting.one_vs_rest import FINAL
from meta_models.training.fitting.problem import audit_task, task_rows
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.screening import pilot
from meta_models.training.screening.pilot import carrying, choose, choose_features, draw_rows, pilot_jobs
from meta_models.training.strategies import STRATEGIES

BASES = ("neither_score", "donor_score", "acceptor_score")


def noisy_frame(noise: int = 40) -> pl.DataFrame:
    frame = make_frame(60, 30)
    values = np.random.default_rng(5).normal(size=(frame.height, noise)).astype(np.float32)
    return frame.with_columns(pl.Series(f"noise_{k}", values[:, k]) for k in range(noise))


def test_the_fewest_features_that_carry_the_gain() -> None:
    share = np.array([0.0, 0.6, 0.3, 0.0995, 0.0005, 0.0])
    always = np.array([True, False, False, False, False, False])
    assert carrying(share, always, None).tolist() == [True, True, True, True, False, False]
    assert carrying(share, always, 3).tolist() == [True, True, True, False, False, False]
    assert carrying(share, always, 1).tolist() == [True, False, False, False, False, False]
    assert carrying(np.zeros(6), always, None).tolist() == always.tolist()


def test_a_fold_has_no_say_in_its_own_features() -> None:
    never = np.zeros(3, bool)
    half = 0.5 * (1 - np.eye(3))
    kept = choose(dict(enumerate(half)), never, None).kept
    assert {fold: features.tolist() for fold, features in kept.items()} == {
        0: [True, False, False], 1: [False, True, False], 2: [False, False, True], FINAL: [True, True, True],
    }  # fmt: skip


def test_what_one_fold_alone_speaks_for_is_noise() -> None:
    never, shares = np.zeros(3, bool), {0: np.array([0.6, 0.4, 0.0]), 1: np.array([0.7, 0.0, 0.3])}
    assert choose(shares, never, None).kept[FINAL].tolist() == [True, False, False]
    assert choose(shares, never, None).kept[1].tolist() == [True, True, False]  # of a single fold all is believed


def test_agreement_is_the_overlap_of_what_two_folds_keep() -> None:
    never = np.zeros(3, bool)
    same, other = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])
    assert choose({0: same, 1: same, 2: same}, never, None).agreement == 1
    assert choose({0: same, 1: same, 2: other}, never, None).agreement == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)


@pytest.mark.parametrize(("families", "drawn"), [(1000, 60), (500, 40), (100, 20)])
def test_some_families_of_each_fold_are_drawn_whole(families: int, drawn: int) -> None:
    groups = np.repeat(np.arange(families), 3)
    folds = Folds((groups % 5).astype(np.int16), groups, groups)
    rows = draw_rows(folds, seed=1)
    assert (rows.reshape(families, 3) == rows[::3, None]).all()
    assert np.bincount(folds.of_row[rows][::3]).tolist() == [drawn] * 5


def test_a_class_that_does_not_vary_has_no_booster() -> None:
    assert [job.targets[0] for job in pilot_jobs(3, np.array([0, 1, 2, 0]))] == [0, 1, 2]
    assert [job.targets[0] for job in pilot_jobs(3, np.array([0, 2, 0, 0]))] == [0, 2]
    assert pilot_jobs(3, np.zeros(5, int)) == []


def test_boosters_of_a_fold_see_its_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(tmp_path, noisy_frame(), max_features="auto")
    folds = make_folds(task.positions, task.config)
    seen: dict[int, set[str]] = {}
    train = pilot.train_jobs

    def watched(task: TrainingTask, table: Any, jobs: Sequence[FitJob], title: str) -> dict[str, Fitted]:
        seen[jobs[0].fold] = set(task.genes())
        return train(task, table, jobs, title)

    monkeypatch.setattr(pilot, "train_jobs", watched)
    choose_features(task)
    assert sorted(seen) == [0, 1, 2]
    for fold, genes in seen.items():
        assert genes <= set(task.genes(folds.held_out(fold)))
        assert len(genes) == 20


def test_features_that_are_not_named_are_never_split_on(tmp_path: Path) -> None:
    task = make_task(tmp_path, noisy_frame(), colsample=0.3)
    allowed = np.zeros(len(task.features), bool)
    allowed[[1, 4, 9, 30]] = True
    everything, rows = np.ones(task.dataset.n_rows, bool), task_rows(task, audit_task(task))
    job = FitJob("one", 0, (1,), everything, ~everything, ~everything, (40,), features=allowed)
    with task.config.learner.prepare(rows, task.config.section, task.resources) as prepared:
        fitted = prepared.fit(job, task.positions.labels, None, threads=1)
    gains = fitted.predictor.importances()["gain"][0]
    assert gains[~allowed].sum() == 0
    assert (gains[allowed] > 0).sum() >= 3


@pytest.mark.parametrize("name", ["single_model", "external_memory"])
def test_a_pilot_leaves_noise_out_and_keeps_base_scores(tmp_path: Path, name: str) -> None:
    task = make_task(tmp_path, noisy_frame(), name, n_estimators=20, max_features=9)
    result = STRATEGIES[name].train(task)
    kept = set(result.model.feature_names)
    assert kept >= {*BASES, "feature_0", "feature_1", "feature_2"}
    assert len(kept) < 25
    left_out = {f.name: f.excluded for f in result.features if f.name not in kept}
    assert all("--max-features" in (why or "") for why in left_out.values())
    assert any("--max-features 9" in note.text for note in result.notes)
    for fold, model in result.fold_models.items():
        used = {model.feature_names[int(f[1:])] for b in model.predictor.boosters for f in b.get_score()}
        assert len(used) <= 9, fold
    assert np.isfinite(result.oof["raw_donor"].to_numpy()).all()


def test_the_ensemble_refuses_it(demo_table: Path, capsys: pytest.CaptureFixture) -> None:
    options = ["--dry-run", "--max-features", "auto", "--strategy", "batch_ensemble"]
    assert main(["train", "--dataset", str(demo_table), *options]) == ExitCode.USAGE
    assert "--max-features" in capsys.readouterr().err
