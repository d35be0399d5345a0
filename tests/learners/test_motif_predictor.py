"""Predictors that compute motif scores by themselves: the learner's own on columns made by hand, files, damage."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from meta_models.features import MOTIF_COLUMNS, Motifs, fit_motifs
from meta_models.learners.motif_predictor import (
    MOTIF_FILE,
    MotifLayout,
    MotifPredictor,
    join_predictors,
    restore_predictor,
)
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import FitJob, MalformedModel, Resources, TrainingRows
from meta_models.learners.seam.tables import ArrayTable

LEARNER = LEARNERS["xgboost"]
CODES = len(MOTIF_COLUMNS)
TABLE = CODES + 2
LAYOUT = MotifLayout(TABLE, TABLE + 4, tuple(range(1, CODES + 1)), (TABLE + 2, TABLE + 3))


def table(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (n, CODES))
    noise = rng.normal(size=(n, 2))
    return np.column_stack([noise[:, 0], codes, noise[:, 1]]).astype(np.float32), rng.integers(0, 3, n)


def motifs() -> Motifs:
    matrix, labels = table()
    return fit_motifs(matrix[:, 1 : CODES + 1], labels, np.ones(len(labels)))


def by_hand(matrix: np.ndarray) -> np.ndarray:
    """What the learner reads: the table, the scores of another fold, the own ones."""
    scores = motifs().scores(matrix[:, 1 : CODES + 1])
    return np.column_stack([matrix, np.zeros((len(matrix), 2)), scores]).astype(np.float32)


def fitted(target: int) -> MotifPredictor:
    matrix, labels = table()
    wide = by_hand(matrix)
    rows = TrainingRows(ArrayTable(wide), tuple(map(str, range(wide.shape[1]))), wide)
    everything, nothing = np.ones(len(wide), bool), np.zeros(len(wide), bool)
    job = FitJob("job", -1, (target,), everything, nothing, nothing)
    with LEARNER.prepare(rows, LEARNER.Config(n_estimators=8), Resources()) as prepared:
        return MotifPredictor(prepared.fit(job, labels, None, threads=1).predictor, motifs(), LAYOUT)


@pytest.fixture(scope="module")
def predictor() -> MotifPredictor:
    found = join_predictors(LEARNER, [fitted(target) for target in range(3)])
    assert isinstance(found, MotifPredictor)
    return found


def test_scores_are_those_of_columns_made_by_hand(predictor: MotifPredictor) -> None:
    matrix, _ = table(50)
    np.testing.assert_array_equal(predictor.scores(matrix), predictor.inner.scores(by_hand(matrix)))
    np.testing.assert_array_equal(predictor.log_odds(matrix), predictor.inner.log_odds(by_hand(matrix)))
    assert (predictor.n_inputs, predictor.n_targets) == (TABLE, 3)


def test_contributions_still_sum_to_log_odds(predictor: MotifPredictor) -> None:
    matrix, _ = table(20)
    found = predictor.contributions(matrix)
    assert found is not None
    assert found.shape == (20, 3, TABLE + 1)
    np.testing.assert_allclose(found.sum(axis=2), predictor.log_odds(matrix), atol=1e-4)


def test_importance_of_a_motif_is_shared_by_its_bases(predictor: MotifPredictor) -> None:
    for name, values in predictor.importances().items():
        inner = predictor.inner.importances()[name]
        np.testing.assert_allclose(values.sum(axis=1), inner.sum(axis=1), rtol=1e-6)
        expected = inner[:, 1] + inner[:, LAYOUT.scores[1]] / 25  # base_m22 is in the window of acceptors alone
        np.testing.assert_allclose(values[:, 1], expected, rtol=1e-6)


def test_files_make_the_same_predictor_again(predictor: MotifPredictor) -> None:
    matrix, _ = table(30)
    again = restore_predictor(LEARNER, predictor.files(), TABLE, 3)
    np.testing.assert_array_equal(again.scores(matrix), predictor.scores(matrix))
    assert again.files() == predictor.files()


def _changed(**changes: Any) -> Any:
    return lambda values: {**values, **changes}


def _layout(**changes: Any) -> Any:
    return lambda values: {**values, "layout": {**values["layout"], **changes}}


@pytest.mark.parametrize(
    "change",
    [
        _changed(more=1), _changed(motif_donor=[1.0]), _changed(motif_donor="x"), _changed(layout=None),
        _changed(motif_acceptor=[True] * 625), _layout(table=TABLE + 1), _layout(table=True), _layout(learner=10**9),
        _layout(codes=[0] * 28), _layout(codes=[-1] * CODES), _layout(scores=[0, 1]), _layout(scores=[10**6, 1]),
        lambda values: [values],
    ],
)  # fmt: skip
def test_damaged_files_are_refused(predictor: MotifPredictor, change: Any) -> None:
    files = predictor.files()
    damaged = {**files, MOTIF_FILE: json.dumps(change(json.loads(files[MOTIF_FILE]))).encode()}
    with pytest.raises(MalformedModel):
        restore_predictor(LEARNER, damaged, TABLE, 3)


def test_every_flipped_byte_is_refused_or_makes_finite_scores(predictor: MotifPredictor) -> None:
    files, rng, (matrix, _) = predictor.files(), np.random.default_rng(1), table(5)
    for at in rng.integers(0, len(files[MOTIF_FILE]), 200):
        data = bytearray(files[MOTIF_FILE])
        data[at] ^= 1 << int(rng.integers(8))
        try:
            found = restore_predictor(LEARNER, {**files, MOTIF_FILE: bytes(data)}, TABLE, 3)
        except MalformedModel:
            continue
        assert np.isfinite(found.scores(matrix)).all()


def test_parts_of_other_motifs_are_not_joined(predictor: MotifPredictor) -> None:
    other = motifs()
    other.donor[0, 0, 0] += 1
    parts = [fitted(0), MotifPredictor(fitted(1).inner, other, LAYOUT)]
    with pytest.raises(ValueError, match="same motifs"):
        join_predictors(LEARNER, parts)
