import numpy as np
import polars as pl
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.schema import CLASS_NAMES
from meta_models.training.fitting.rows.audit import cut_sample, rows_stood_for
from meta_models.training.strategies import STRATEGIES


@pytest.mark.parametrize(
    ("strategy", "options"), [("single_model", {}), ("batch_ensemble", {"max_genes_per_batch": 8})], ids=str
)
def test_every_strategy_keeps_what_the_features_were_like(tmp_path, strategy, options):
    weights = np.where(np.arange(720) % 3 == 0, 5.0, 1.0)
    frame = make_frame(24, 30).with_columns(
        sampling_weight=pl.Series(weights),
        feature_0=pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise(pl.col("feature_0")),
    )
    task = make_task(tmp_path, frame, strategy, **options)
    info = STRATEGIES[strategy].train(task).model.info
    assert tuple(info.sketches) == task.features
    assert info.sketches["feature_0"].missing == pytest.approx(5 / 7, rel=1e-5)
    assert info.sketches["3mer_ACG"].dtype == "uint8"
    shares = [weights[(frame["splice_type"] == c).to_numpy()].sum() / weights.sum() for c in CLASS_NAMES]
    assert info.prevalence == pytest.approx(shares)


def test_without_calibration_and_weights_the_shares_are_those_of_the_rows(tmp_path):
    frame = make_frame().with_columns(sampling_weight=pl.Series(np.where(np.arange(720) % 3 == 0, 5.0, 1.0)))
    task = make_task(tmp_path, frame, calibrate=False, training_weights="none")
    info = STRATEGIES["single_model"].train(task).model.info
    assert info.prevalence == pytest.approx([(frame["splice_type"] == c).mean() for c in CLASS_NAMES])


def test_rows_of_the_sample_stand_for_the_table():
    scores = np.random.default_rng(0).random(1000).astype(np.float32)
    sample = cut_sample(scores, 200, seed=1)
    stood_for = rows_stood_for(scores, sample)
    assert stood_for.sum() == pytest.approx(1000)
    assert set(stood_for.tolist()) == {1.0, 9.0}
    assert (stood_for[np.argsort(-scores[sample])[:100]] == 1).all()
    assert rows_stood_for(scores, np.arange(1000)).tolist() == [1.0] * 1000


@pytest.mark.parametrize(("calibrate", "shares"), [(False, [1 / 3] * 3), (True, None)])
def test_the_shares_are_those_for_which_the_probabilities_are_right(tmp_path, calibrate, shares):
    frame = make_frame()
    task = make_task(tmp_path, frame, calibrate=calibrate, training_weights="balanced")
    info = STRATEGIES["single_model"].train(task).model.info
    assert info.prevalence == pytest.approx(shares or [(frame["splice_type"] == c).mean() for c in CLASS_NAMES])
