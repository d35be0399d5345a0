"""Focal loss of the boosters that have it: whatever holds for log-loss holds for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learner_cases import NAMES, Rows, fit_all, jobs_of, learner, make_rows
from pydantic import ValidationError

from meta_models.learners.loss_options import LossConfig
from meta_models.learners.losses import focal_loss
from meta_models.learners.seam import Resources
from meta_models.metrics import average_precision

FOCAL = [name for name in NAMES if issubclass(learner(name).Config, LossConfig)]
OPTIONS = {"loss": "focal", "focal_gamma": 2.0}
pytestmark = pytest.mark.parametrize("name", FOCAL)


@pytest.fixture(autouse=True)
def library_of(name: str) -> None:
    extra = learner(name).traits.extra
    if extra is not None:
        pytest.importorskip(extra, reason=f"the extra '{extra}' is not installed")


@pytest.fixture(scope="module")
def rows() -> Rows:
    return make_rows()


def test_it_splits_on_a_rare_class_and_ranks(name: str) -> None:
    rows = make_rows(4000)
    rare = np.where((rows.labels == 1) & (np.arange(4000) % 10 > 0), 0, rows.labels)
    predictor, _ = fit_all(name, rows, labels=rare, options=OPTIONS)
    scores = predictor.scores(rows.matrix)[:, 1]
    assert scores.std() > 0.01
    assert (average_precision(rare == 1, scores, None).value or 0) > 10 * (rare == 1).mean()


def test_it_is_stored_scored_and_explained_like_any_booster(name: str, rows: Rows) -> None:
    predictor, fits = fit_all(name, rows, options=OPTIONS)
    restored = learner(name).restore(predictor.files(), 6, 3)
    scored = rows.matrix[450:]
    out_of_fold = np.concatenate([fitted.scores[:, :, -1] for fitted in fits], axis=1)
    np.testing.assert_array_equal(restored.scores(scored).astype(np.float32), out_of_fold)
    contributions = restored.contributions(scored)
    assert contributions is not None
    p = restored.scores(scored)
    np.testing.assert_allclose(contributions.sum(2), np.log(p / (1 - p)), atol=1e-4)


def test_held_out_rows_change_nothing(name: str, rows: Rows) -> None:
    held_out = np.arange(600) >= 450
    other = Rows(rows.matrix.copy(), np.where(held_out, (rows.labels + 1) % 3, rows.labels), rows.sample)
    other.matrix[held_out] = other.matrix[held_out][::-1] * 3 + 1
    weights = np.random.default_rng(1).uniform(1, 30, 600).astype(np.float32)
    heavier = np.where(held_out, 1000, weights).astype(np.float32)
    first, _ = fit_all(name, rows, weights=weights, options=OPTIONS)
    second, _ = fit_all(name, other, weights=heavier, threads=2, options=OPTIONS)
    assert first.files() == second.files()


def test_its_curves_are_focal_losses_and_stop_it(name: str, rows: Rows) -> None:
    options = OPTIONS | {"n_estimators": 150, "learning_rate": 0.5, "early_stopping_rounds": 5}
    jobs = jobs_of(learner(name), 600, stop=True)
    predictor, fits = fit_all(name, rows, jobs=jobs, options=options)
    margins, stop = predictor.log_odds(rows.matrix), jobs[0].stop
    for target, fitted in enumerate(fits):
        assert fitted.rounds == int(np.argmin(fitted.curves["held_out"])) + 1 < 150
        loss = focal_loss(margins[stop, target], rows.labels[stop] == target, 2.0).mean()
        assert fitted.curves["held_out"][fitted.rounds - 1] == pytest.approx(loss, rel=1e-3)


def test_a_class_alone(name: str, rows: Rows) -> None:
    predictor, _ = fit_all(name, rows, labels=np.zeros(600, int), options=OPTIONS)
    scores = predictor.scores(rows.matrix)
    assert (scores[:, 0] > 0.9).all()
    assert (scores[:, 1:] < 0.1).all()


def test_gamma_without_focal_loss_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="focal_gamma 2 belongs to loss focal"):
        learner(name).Config(focal_gamma=2.0)


def test_on_pages_on_disk_it_is_the_same(name: str, rows: Rows, tmp_path: Path) -> None:
    kind = learner(name)
    if not kind.traits.on_disk:
        pytest.skip("it keeps nothing on disk")
    config = kind.Config(n_estimators=5, **OPTIONS, subsample=1)
    job = replace(jobs_of(kind, 600)[1], stages=(5,))
    fits = []
    for cache in (None, tmp_path):
        with kind.prepare(rows.training_rows(), config, Resources(cache=cache)) as prepared:
            fits.append(prepared.fit(job, rows.labels, None, threads=1))
    np.testing.assert_allclose(fits[0].scores, fits[1].scores, atol=1e-5)


def test_catboost_refuses_it_and_says_why(name: str) -> None:
    del name
    with pytest.raises(ValidationError, match="CatBoost does not bound the leaves"):
        learner("catboost").Config(loss="focal")
