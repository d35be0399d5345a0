from dataclasses import replace

import numpy as np
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.training.fitting.fit_table import as_it_is
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.one_vs_rest import FINAL
from meta_models.training.stages import second
from meta_models.training.stages.second import better, hardest, row_losses, train_second
from meta_models.training.strategies import STRATEGIES

SINGLE = STRATEGIES["single_model"]


def test_losses_are_those_of_what_a_row_is_after_normalising():
    scores = np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.0], [0.0, 0.0, 0.0]])
    found = row_losses(scores, np.array([0, 1, 0]))
    np.testing.assert_allclose(found, [np.log(2), np.log(2), 0.0], atol=1e-12)


def test_the_hardest_are_a_share_of_the_rows_that_are_trained_on():
    losses = np.array([5.0, 1.0, 4.0, 3.0, 2.0, 9.0])
    train = np.array([True, True, True, True, True, False])
    np.testing.assert_array_equal(np.flatnonzero(hardest(losses, train, 0.4)), [0, 2])
    np.testing.assert_array_equal(np.flatnonzero(hardest(losses, train, 0.01)), [0])


def test_a_stage_is_taken_where_the_other_folds_gain():
    first, last = {0: 0.5, 1: 0.5, 2: 0.5}, {0: 0.9, 1: 0.4, 2: 0.45}
    assert [better([first, last], [0, 1, 2], k) for k in (0, 1, 2, FINAL)] == [0, 1, 1, 1]
    assert better([first, first], [0, 1, 2], FINAL) == 0


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    options = {"rounds": "fixed", "n_estimators": 4, "second_stage": 0.2, "second_stage_weight": 3, "threads": 1}
    return make_task(tmp_path_factory.mktemp("task"), make_frame(24, 20), **options)


@pytest.fixture(scope="module")
def first(task):
    return SINGLE._train(task, make_folds(task.positions, task.config), None, as_it_is)


@pytest.mark.parametrize("gains", [True, False])
def test_each_job_weights_its_own_hard_rows_and_the_better_fits_are_kept(task, first, monkeypatch, gains):
    seen, folds = {}, make_folds(task.positions, task.config)

    def train(_, __, change):
        for job in (*first.held_out, *first.final):
            changed = change(job)
            seen[changed.name] = (job, changed.weights)
        return replace(first, fitted={name: replace(fit, rounds=99) for name, fit in first.fitted.items()})

    values = iter([{0: 0.5, 1: 0.5, 2: 0.5}, dict.fromkeys(range(3), 0.6 if gains else 0.4)])
    monkeypatch.setattr(second, "_precision", lambda *_: next(values))
    staged = train_second(task, folds, first, train, 0.2)
    assert {fit.rounds for fit in staged.fit.fitted.values()} == ({99} if gains else {4})
    assert ("and the final model took it" in staged.note.text) == gains
    losses = row_losses(first.scores(), task.positions.labels)
    for name, (job, weights) in seen.items():
        assert name.startswith("second-")
        heavy = weights > 1
        assert not (heavy & ~job.train).any()
        assert heavy.sum() == round(0.2 * job.train.sum())
        assert losses[heavy].min() >= losses[job.train & ~heavy].max()
        assert set(weights[heavy]) == {3.0}


def test_rows_of_a_fold_say_nothing_of_its_weights(task, first):
    weights = {}
    folds = make_folds(task.positions, task.config)
    inside = folds.held_out(0)
    turned = task.positions.frame["label"].to_numpy().copy()
    turned[inside] = (turned[inside] + 1) % 3

    def caught(key):
        def train(_, __, change):
            weights[key] = change(first.held_out[0]).weights
            return first

        return train

    train_second(task, folds, first, caught("one"), 0.2)
    frame = task.positions.frame.with_columns(label=turned.astype(np.uint8))
    train_second(replace(task, positions=replace(task.positions, frame=frame)), folds, first, caught("other"), 0.2)
    np.testing.assert_array_equal(weights["one"], weights["other"])


def test_the_strategy_tells_what_it_did(task):
    result = SINGLE.train(task)
    assert any("A second stage weighted the 20 % of rows" in note.text for note in result.notes)


def test_batches_and_mining_are_refused(tmp_path):
    with pytest.raises(ValueError, match="exclude one another"):
        TrainingConfig(mine_negatives="pool", second_stage=0.2)
    task = make_task(tmp_path, make_frame(24, 20), "batch_ensemble", second_stage=0.2)
    with pytest.raises(UsageError, match="goes with one model"):
        STRATEGIES["batch_ensemble"].train(task)
