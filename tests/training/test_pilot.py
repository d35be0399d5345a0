"""Features chosen by short boosters: nested in the folds, base scores always kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.cli import main
from meta_models.errors import ExitCode
from meta_models.schema import CLASS_NAMES
from meta_models.training.families import FAMILIES, BoosterJob
from meta_models.training.folds import Folds
from meta_models.training.jobs import audit_task
from meta_models.training.one_vs_rest import FINAL
from meta_models.training.pilot import SAMPLES, carrying, choose, draw_samples, pilot_jobs
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


def test_agreement_is_the_overlap_of_the_samples() -> None:
    never = np.zeros(3, bool)
    same, other = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])
    assert choose({(0, 1): same, (0, 2): same}, never, None).agreement == 1
    found = choose({(0, 1): same, (0, 2): other}, never, None)
    assert found.agreement == pytest.approx(1 / 3)
    assert found.kept[0].all()


def test_samples_are_disjoint_and_keep_relatives_together() -> None:
    groups = np.repeat(np.arange(500), 3)
    sample = draw_samples(Folds(groups % 5, groups, groups), seed=1)
    assert (sample.reshape(500, 3) == sample[::3, None]).all()
    assert np.bincount(sample[::3]).tolist() == [380, 60, 60]


def test_no_job_of_a_fold_sees_its_rows() -> None:
    fold = np.random.default_rng(0).integers(0, 4, 300).astype(np.int16)
    sample = np.random.default_rng(1).integers(0, SAMPLES + 1, 300).astype(np.int8)
    jobs = pilot_jobs(fold, sample)
    assert {held_out for held_out, _ in jobs} == {0, 1, 2, 3, FINAL}
    for (held_out, number), group in jobs.items():
        assert len(group) == len(CLASS_NAMES)
        for job in group:
            np.testing.assert_array_equal(job.train, (sample == number) & (fold != held_out))


def test_features_that_are_not_named_are_never_split_on(tmp_path: Path) -> None:
    task = make_task(tmp_path, noisy_frame(), colsample=0.3)
    allowed = np.zeros(len(task.features), bool)
    allowed[[1, 4, 9, 30]] = True
    family, everything = FAMILIES["xgboost"], np.ones(task.dataset.n_rows, bool)
    table = family.prepare(task.dataset, task.features, audit_task(task), task.config, threads=1)
    job = BoosterJob("one", 0, 1, everything, ~everything, ~everything, 40, features=allowed)
    fitted = family.fit(table, job, task.positions.labels, None, task.config, threads=1)
    gains = family.gains(family.load(fitted.payload), len(task.features))
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
        used = {model.feature_names[int(f[1:])] for b in model.boosters for f in b.get_score()}
        assert len(used) <= 9, fold
    assert np.isfinite(result.oof["raw_donor"].to_numpy()).all()


def test_the_ensemble_refuses_it(demo_table: Path, capsys: pytest.CaptureFixture) -> None:
    options = ["--dry-run", "--max-features", "auto", "--strategy", "batch_ensemble"]
    assert main(["train", "--dataset", str(demo_table), *options]) == ExitCode.USAGE
    assert "--max-features" in capsys.readouterr().err
