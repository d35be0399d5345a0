"""What every learner of rows must keep to, whatever it is made of."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learner_cases import CASES, CLASSES, NAMES, Rows, fit_all, jobs_of, learner, make_rows
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from meta_models.errors import UsageError
from meta_models.learners.seam import FitJob, MalformedModel, Predictor, Resources, Shape

HERE = Path(__file__).parent
pytestmark = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def library_of(name: str) -> None:
    """Skip where the extra of the learner is not installed; CI has a stage that installs it."""
    extra = learner(name).traits.extra
    if extra is not None:
        pytest.importorskip(extra, reason=f"the extra '{extra}' is not installed")


@pytest.fixture(scope="module")
def rows() -> Rows:
    return make_rows()


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(1).uniform(1, 30, 600).astype(np.float32)


def scored(rows: Rows) -> np.ndarray:
    return rows.matrix[len(rows.labels) * 3 // 4 :]


def probabilities(predictor: Predictor, rows: Rows) -> np.ndarray:
    scores = predictor.scores(scored(rows))
    assert scores.shape == (len(scored(rows)), len(CLASSES))
    assert scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()
    return scores


def test_what_is_scored_out_of_fold_is_what_the_files_give(name: str, rows: Rows, weights: np.ndarray) -> None:
    predictor, fits = fit_all(name, rows, weights=weights)
    restored = learner(name).restore(predictor.files(), 6, len(CLASSES))
    assert restored.files() == predictor.files()
    assert (restored.n_inputs, restored.n_targets) == (6, 3)
    out_of_fold = np.concatenate([fitted.scores[:, :, -1] for fitted in fits], axis=1)
    assert out_of_fold.dtype == np.float32
    np.testing.assert_array_equal(probabilities(restored, rows).astype(np.float32), out_of_fold)


def test_it_learns(name: str, rows: Rows, weights: np.ndarray) -> None:
    predictor, _ = fit_all(name, rows)
    scores, labels = probabilities(predictor, rows), rows.labels[450:]
    for target in CLASSES:
        of_class, of_rest = scores[labels == target, target], scores[labels != target, target]
        assert (of_class[:, None] > of_rest).mean() > 0.75


def test_a_row_scores_the_same_in_any_company(name: str, rows: Rows) -> None:
    predictor, _ = fit_all(name, rows)
    whole = predictor.scores(rows.matrix)
    np.testing.assert_array_equal(predictor.scores(rows.matrix[37:38]), whole[37:38])
    np.testing.assert_array_equal(predictor.scores(rows.matrix[5:400:3]), whole[5:400:3])
    assert predictor.scores(rows.matrix[:0]).shape == (0, 3)


def test_held_out_rows_change_nothing(name: str, rows: Rows, weights: np.ndarray) -> None:
    held_out = np.arange(600) >= 450
    other = Rows(rows.matrix.copy(), rows.labels.copy(), rows.sample)
    other.matrix[held_out] = other.matrix[held_out][::-1] * 3 + 1
    other.labels[held_out] = (rows.labels[held_out] + 1) % 3
    heavier = np.where(held_out, 1000, weights).astype(np.float32)
    first, _ = fit_all(name, rows, weights=weights)
    second, _ = fit_all(name, other, weights=heavier)
    assert first.files() == second.files()


def test_a_weight_of_nought_is_left_out(name: str, rows: Rows) -> None:
    weights = np.ones(600, np.float32)
    weights[:100] = 0
    jobs = [replace(job, train=job.train & (np.arange(600) >= 100)) for job in jobs_of(learner(name), 600)]
    weighted, _ = fit_all(name, rows, weights=weights)
    without, _ = fit_all(name, rows, jobs=jobs)
    assert weighted.files() == without.files()


def test_weights_of_a_job_stand_in_for_those_of_the_task(name: str, rows: Rows, weights: np.ndarray) -> None:
    jobs = [replace(job, weights=weights) for job in jobs_of(learner(name), 600)]
    of_task, _ = fit_all(name, rows, weights=weights)
    of_job, _ = fit_all(name, rows, weights=np.ones(600, np.float32), jobs=jobs)
    assert of_task.files() == of_job.files()


def test_a_weight_of_two_is_a_row_twice(name: str, rows: Rows) -> None:
    case, twice = CASES[name], np.arange(0, 450, 3)
    weights = np.ones(600, np.float32)
    weights[twice] = 2
    more = Rows(np.vstack([rows.matrix, rows.matrix[twice]]), np.concatenate([rows.labels, rows.labels[twice]]),
                rows.sample)  # fmt: skip
    jobs = [_and_trained_on(job, len(twice)) for job in jobs_of(learner(name), 600)]
    weighted, _ = fit_all(name, rows, weights=weights, options=case.weighing)
    repeated, _ = fit_all(name, more, jobs=jobs, options=case.weighing)
    plain, _ = fit_all(name, rows, options=case.weighing)
    apart = np.abs(probabilities(weighted, rows) - probabilities(repeated, rows)).max()
    assert apart <= case.tolerance, case.why
    assert apart < np.abs(probabilities(weighted, rows) - probabilities(plain, rows)).max()


def _and_trained_on(job: FitJob, n: int) -> FitJob:
    nothing = np.zeros(n, bool)
    return replace(
        job, train=np.concatenate([job.train, ~nothing]), stop=np.concatenate([job.stop, nothing]),
        score=np.concatenate([job.score, nothing]),
    )  # fmt: skip


def test_missing_values(name: str, rows: Rows) -> None:
    holes = Rows(rows.matrix.copy(), rows.labels, rows.sample.copy())
    holes.matrix[:, 4] = np.nan
    holes.sample[:, 4] = np.nan
    holes.matrix[455] = np.nan
    predictor, _ = fit_all(name, holes)
    restored = learner(name).restore(predictor.files(), 6, 3)
    np.testing.assert_array_equal(probabilities(restored, holes), probabilities(predictor, holes))
    probabilities(fit_all(name, rows)[0], holes)  # missing where it never was in training


@pytest.mark.parametrize("sites", [0, 1])
def test_a_rare_class(name: str, rows: Rows, sites: int) -> None:
    labels = np.where(rows.labels == 2, 0, rows.labels)
    labels[:sites] = 2
    predictor, _ = fit_all(name, rows, labels=labels)
    restored = learner(name).restore(predictor.files(), 6, 3)
    scores = probabilities(restored, rows)
    assert scores[:, 2].mean() < 0.1
    assert scores[:, 1].max() > 0.3


def test_threads_and_runs_give_the_same_bytes(name: str, rows: Rows, weights: np.ndarray) -> None:
    once, _ = fit_all(name, rows, weights=weights, threads=1)
    with threadpool_limits(2):
        again, _ = fit_all(name, rows, weights=weights, threads=2)
        scores = again.scores(rows.matrix)
    assert once.files() == again.files()
    np.testing.assert_array_equal(once.scores(rows.matrix), scores)


def test_features_that_may_not_be_used_are_not(name: str, rows: Rows) -> None:
    if not learner(name).traits.features:
        pytest.skip("its traits say that a job may not name features")
    allowed = np.array([True, False, True, True, True, False])
    jobs = [replace(job, features=allowed) for job in jobs_of(learner(name), 600)]
    predictor, _ = fit_all(name, rows, jobs=jobs)
    other = rows.matrix.copy()
    other[:, ~allowed] = other[::-1, ~allowed]
    np.testing.assert_array_equal(predictor.scores(other), predictor.scores(rows.matrix))
    labels = rows.labels[450:]
    assert predictor.scores(scored(rows))[labels == 1, 1].mean() > 0.2


def test_constraints(name: str, rows: Rows) -> None:
    if not learner(name).traits.constraints:
        pytest.skip("its traits say that a job may not name constraints")
    jobs = [replace(job, constraints=(1, 0, 0, -1, 0, 0)) for job in jobs_of(learner(name), 600)]
    predictor, _ = fit_all(name, rows, jobs=jobs)
    raised, lowered = rows.matrix.copy(), rows.matrix.copy()
    raised[:, 0] += 0.7
    lowered[:, 3] /= 2
    for changed in (raised, lowered):
        assert (predictor.scores(changed) >= predictor.scores(rows.matrix) - 1e-7).all()


def test_stages(name: str, rows: Rows) -> None:
    if not learner(name).traits.stages:
        pytest.skip("it has no stages")
    jobs = jobs_of(learner(name), 600, stages=(2, 5))
    predictor, fits = fit_all(name, rows, jobs=jobs)
    for stage, rounds in enumerate((2, 5)):
        scores = np.concatenate([fitted.scores[:, :, stage] for fitted in fits], axis=1)
        np.testing.assert_array_equal(predictor.at_stage(rounds).scores(scored(rows)).astype(np.float32), scores)
    assert {fitted.stages for fitted in fits} == {(2, 5)}
    assert {fitted.rounds for fitted in fits} == {5}
    assert all(len(fitted.curves[curve]) == 5 for fitted in fits for curve in ("train", "held_out"))


def test_stop_rows_decide_when_to_stop_and_nothing_else(name: str, rows: Rows) -> None:
    if not learner(name).traits.stopping:
        pytest.skip("nothing stops it early")
    kind, options = learner(name), {"n_estimators": 150, "learning_rate": 0.5, "early_stopping_rounds": 5}
    jobs = jobs_of(kind, 600, stop=True)
    _, fits = fit_all(name, rows, jobs=jobs, options=options)
    best = [int(np.argmin(fitted.curves["held_out"])) + 1 for fitted in fits]
    assert [fitted.rounds for fitted in fits] == best
    assert [fitted.stages for fitted in fits] == [(rounds,) for rounds in best]
    assert max(best) < 150
    for job, fitted in zip(jobs, fits, strict=True):
        fixed = replace(job, stop=np.zeros(600, bool), stages=(fitted.rounds,))
        _, (again,) = fit_all(name, rows, jobs=[fixed], options=options)
        assert again.predictor.files() == fitted.predictor.files()


def test_score_rows_do_not_decide_when_to_stop(name: str, rows: Rows) -> None:
    kind = learner(name)
    if not kind.traits.stages:
        pytest.skip("it has no rounds")
    options = {"n_estimators": 60, "learning_rate": 0.9}
    _, fits = fit_all(name, rows, options=options)
    assert {fitted.rounds for fitted in fits} == {60}


def test_contributions_add_up_to_the_log_odds(name: str, rows: Rows) -> None:
    predictor, _ = fit_all(name, rows)
    contributions = predictor.contributions(scored(rows))
    if contributions is None:
        pytest.skip("it has none")
    assert contributions.shape == (150, 3, 7)
    p = np.clip(probabilities(predictor, rows), 1e-12, 1 - 1e-12)
    np.testing.assert_allclose(contributions.sum(2), np.log(p / (1 - p)), atol=1e-4)
    far = scored(rows) * np.float32(1e4)  # scores that are 0 or 1 as far as they can tell
    np.testing.assert_allclose(predictor.contributions(far).sum(2), predictor.log_odds(far), rtol=1e-5, atol=1e-4)
    for kind, importance in predictor.importances().items():
        assert importance.shape == (3, 6)
        assert (importance >= 0).all()
        assert kind == "cover" or importance[1].argmax() == 0


def test_files_are_served_without_the_library(name: str, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, _ = fit_all(name, rows)
    scores, files = probabilities(predictor, rows), predictor.files()
    for library in ("lightgbm", "catboost"):
        monkeypatch.setitem(sys.modules, library, None)
    np.testing.assert_array_equal(probabilities(learner(name).restore(files, 6, 3), rows), scores)
    extra = learner(name).traits.extra
    if extra is not None:
        with pytest.raises(UsageError, match=rf"'\.\[{extra}\]'"):
            fit_all(name, rows)


def test_an_option_that_there_is_not_is_refused(name: str) -> None:
    kind = learner(name)
    with pytest.raises(ValidationError, match=f"(?s){kind.Config.__name__}.*no_such_option"):
        kind.Config(no_such_option=1)
    assert all(field.description for field in kind.Config.model_fields.values())
    assert kind.Config().model_config["frozen"]


def test_balanced_classes_raise_the_scores_of_a_rare_class(name: str, rows: Rows) -> None:
    if "class_weights" not in learner(name).Config.model_fields:
        pytest.skip("it has no such option")
    plain, _ = fit_all(name, rows)
    balanced, _ = fit_all(name, rows, options={"class_weights": "balanced"})
    assert probabilities(balanced, rows)[:, 1].mean() > 1.2 * probabilities(plain, rows)[:, 1].mean()


def test_files_of_another_shape_are_refused(name: str, rows: Rows) -> None:
    predictor, _ = fit_all(name, rows)
    files = predictor.files()
    for inputs, targets in ((5, 3), (7, 3), (6, 2), (6, 4)):
        with pytest.raises(MalformedModel):
            learner(name).restore(files, inputs, targets)
    first = next(iter(files))
    for wrong in ({}, files | {"more.npy": b""}, files | {first: b""}, files | {first: files[first] + b"\0"}):
        with pytest.raises(MalformedModel):
            learner(name).restore(wrong, 6, 3)


def test_mutated_files_are_refused_or_harmless(name: str) -> None:
    """In a process of its own: what is looked for ends processes. ``learner_mutants.py NAME 2000`` for more."""
    ended = subprocess.run(
        [sys.executable, str(HERE.parent / "learner_mutants.py"), name, "100"],
        capture_output=True, text=True, timeout=600, check=False, cwd=HERE.parent,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-500:] + ended.stderr[-2000:]


def test_footprint_is_at_least_what_is_measured(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, str(HERE.parent / "learner_memory.py"), name, "20000", "40"],
        capture_output=True, text=True, timeout=600, check=False, cwd=HERE.parent,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    building, peak = map(int, ended.stdout.split())
    kind = learner(name)
    shape = Shape(rows=20_000, features=40, kmers=20, sites=2_000)
    predicted = kind.footprint(shape, kind.Config(), Resources())
    assert building <= predicted.building
    assert peak <= max(predicted.building, predicted.held + predicted.job)
