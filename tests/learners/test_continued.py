"""Predictors that go on from another one: sums by hand, files, joining, damage."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from meta_models.errors import UsageError
from meta_models.learners.continued import (
    EARLIER_FILE,
    MOST_STEPS,
    ContinuedPredictor,
    join_served,
    restore_served,
)
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, Fitted, MalformedModel, Matrix, Predictor, Resources, TrainingRows
from meta_models.learners.seam.tables import ArrayTable

LEARNER = LEARNERS["xgboost"]
BOOSTERS = [name for name, learner in LEARNERS.items() if learner.traits.starts and learner.traits.inputs == "rows"]


def table(columns: int, n: int = 400) -> tuple[Matrix, np.ndarray]:
    matrix = np.random.default_rng(columns).normal(size=(n, columns)).astype(np.float32)
    return matrix, (matrix[:, 0] > 0.3).astype(np.int64) + (matrix[:, 1] > 0.5)


def fit(
    columns: int, target: int, margins: np.ndarray | None = None, learner: str = "xgboost", **options: object
) -> Fitted:
    """On the first 300 rows; the others are scored."""
    matrix, labels = table(columns)
    rows = TrainingRows(ArrayTable(matrix), tuple(map(str, range(columns))), matrix)
    train, nothing = np.arange(len(matrix)) < 300, np.zeros(len(matrix), bool)
    job = FitJob("job", -1, (target,), train, nothing, ~train, margins=margins)
    config = LEARNERS[learner].Config(n_estimators=8, **options)
    with LEARNERS[learner].prepare(rows, config, Resources()) as prepared:
        return prepared.fit(job, labels, None, threads=1)


def earlier() -> Predictor:
    return LEARNER.join([fit(2, target).predictor for target in range(3)])


def margins(matrix: Matrix) -> np.ndarray:
    return earlier().log_odds(np.ascontiguousarray(matrix[:, [3, 0]])).astype(np.float32)


def part(target: int, **options: object) -> tuple[ContinuedPredictor, Fitted]:
    found = fit(4, target, margins(table(4)[0])[:, [target]], **options)
    return ContinuedPredictor(earlier(), (3, 0), (target,), found.predictor), found


@pytest.fixture(scope="module")
def whole() -> Predictor:
    return join_served(LEARNER, [part(target)[0] for target in range(3)])


def test_log_odds_are_the_sum(whole: Predictor) -> None:
    matrix, _ = table(4)
    assert isinstance(whole, ContinuedPredictor)
    own = np.column_stack([part(target)[1].predictor.log_odds(matrix)[:, 0] for target in range(3)])
    np.testing.assert_allclose(whole.log_odds(matrix), margins(matrix) + own, atol=1e-5)
    np.testing.assert_allclose(whole.scores(matrix), expit(margins(matrix) + own), atol=1e-6)


@pytest.fixture(params=BOOSTERS)
def booster(request: pytest.FixtureRequest) -> str:
    try:
        LEARNERS[request.param].require_library()
    except UsageError as error:
        pytest.skip(str(error))
    return request.param


@pytest.mark.parametrize("options", [{}, {"loss": "focal"}, {"max_depth": 1}])
def test_scores_of_a_fit_are_those_that_are_served(booster: str, options: dict[str, object]) -> None:
    if booster == "catboost" and "loss" in options:
        pytest.skip("CatBoost has no focal loss")
    matrix, _ = table(4)
    served, fitted = part(1, learner=booster, **options)
    np.testing.assert_allclose(fitted.scores[:, :, 0], served.scores(matrix[300:]), atol=1e-6)


def test_a_fit_goes_on_from_its_margins(booster: str) -> None:
    matrix, labels = table(4)
    truth = labels[:300] == 1
    losses = [
        -np.log(np.where(truth, p, 1 - p)).mean()
        for p in (expit(margins(matrix)[:300, 1]), part(1, learner=booster)[0].scores(matrix[:300])[:, 0])
    ]
    assert losses[1] < losses[0]


def test_a_fit_that_has_nothing_to_add_adds_nothing(booster: str) -> None:
    matrix, labels = table(4)
    sure = np.where(labels == 1, 20.0, -20.0).astype(np.float32)
    found = fit(4, 1, sure[:, None], booster).predictor.log_odds(matrix)
    np.testing.assert_allclose(found, 0, atol=1e-5)


def test_margins_of_one_fit_are_not_those_of_the_next() -> None:
    matrix, labels = table(4)
    rows = TrainingRows(ArrayTable(matrix), tuple("abcd"), matrix)
    everything, nothing = np.ones(len(matrix), bool), np.zeros(len(matrix), bool)
    job = FitJob("job", -1, (1,), everything, nothing, nothing)
    one, two = (np.full((len(matrix), 1), value, np.float32) for value in (0.0, 3.0))
    with LEARNER.prepare(rows, LEARNER.Config(n_estimators=4), Resources()) as ready:
        first, other, again = (
            ready.fit(replace(job, margins=m), labels, None, threads=1).predictor.files() for m in (one, two, one)
        )
    assert first == again != other


def test_files_make_it_again(whole: Predictor) -> None:
    matrix, _ = table(4)
    again = restore_served(LEARNER, whole.files(), 4, 3)
    assert again.files() == whole.files()
    np.testing.assert_array_equal(again.scores(matrix), whole.scores(matrix))


def test_contributions_sum_to_log_odds(whole: Predictor) -> None:
    matrix, _ = table(4)
    found = whole.contributions(matrix)
    assert found is not None
    np.testing.assert_allclose(found.sum(axis=-1), whole.log_odds(matrix), atol=1e-4)
    assert np.abs(found[:, :, [0, 3]]).sum() > 0


def test_importances_stand_in_the_columns_that_are_read(whole: Predictor) -> None:
    assert isinstance(whole, ContinuedPredictor)
    gain, own, before = (each.importances()["gain"] for each in (whole, whole.own, whole.earlier))
    np.testing.assert_allclose(gain[:, 3], own[:, 3] + before[:, 0])
    np.testing.assert_allclose(gain[:, 0], own[:, 0] + before[:, 1])
    np.testing.assert_allclose(gain[:, [1, 2]], own[:, [1, 2]])


def test_stages_are_its_own(whole: Predictor) -> None:
    matrix, _ = table(4)
    none_of_its_own = whole.at_stage(1).log_odds(matrix) - margins(matrix)
    assert np.abs(none_of_its_own).max() < np.abs(whole.log_odds(matrix) - margins(matrix)).max()


def test_parts_of_other_beginnings_are_not_joined() -> None:
    one, _ = part(0)
    other = ContinuedPredictor(fit(2, 0).predictor, (3, 0), (0,), one.own)
    with pytest.raises(ValueError, match="went on from the same one"):
        join_served(LEARNER, [one, other])


@pytest.mark.parametrize(
    "damaged",
    [
        b"{", b"[]", b'{"columns": [0, 1], "targets": [0, 1, 2]}',
        b'{"columns": [0, 9], "of": 3, "targets": [0, 1, 2]}',
        b'{"columns": [0], "of": 3, "targets": [0, 1, 2]}', b'{"columns": [0, 1], "of": 3, "targets": [0, 1, 3]}',
        b'{"columns": [0, 1], "of": 4, "targets": [0, 1, 2]}', b'{"columns": [0, 1.5], "of": 3, "targets": [0, 1, 2]}',
        b'{"columns": [0, 1], "of": 1000000000, "targets": [0, 1, 2]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_damage_is_refused(whole: Predictor, damaged: bytes) -> None:
    with pytest.raises(MalformedModel):
        restore_served(LEARNER, {**whole.files(), EARLIER_FILE: damaged}, 4, 3)


def test_steps_are_counted() -> None:
    step, facts = "earlier_", json.dumps({"columns": [0, 1], "targets": [0, 1, 2], "of": 3}).encode()
    files = {f"{step * n}{EARLIER_FILE}": facts for n in range(MOST_STEPS + 1)}
    with pytest.raises(MalformedModel, match="at most 8"):
        restore_served(LEARNER, files, 2, 3)


def test_trees_are_those_of_both(whole: Predictor) -> None:
    assert whole.facts() == {"trees": 3 * (8 + 8), "earlier": {"trees": 3 * 8}}
