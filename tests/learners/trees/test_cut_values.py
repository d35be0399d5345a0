"""The values at which features are cut into bins."""

from __future__ import annotations

import tracemalloc

import numpy as np

from meta_models.learners.classical.scaling import fit_scaler
from meta_models.learners.trees.bins import make_bins
from meta_models.learners.trees.cut_values import cut_values
from meta_models.learners.xgboost.missing import MISSING, fill_missing

RNG = np.random.default_rng(0)


def with_missing(rows: int, features: int) -> np.ndarray:
    sample = RNG.normal(size=(rows, features)).astype(np.float32)
    sample[::7, ::2] = np.nan
    return sample


def test_missing_is_a_value_below_all_others() -> None:
    sample = with_missing(500, 3)
    cuts = cut_values(sample, 64)
    np.testing.assert_array_equal(cuts, cut_values(fill_missing(sample), 64))
    assert (cuts[0] == MISSING).tolist() == [True, False, True]
    assert np.isnan(sample).any()  # nothing is written to the sample


def test_making_bins_and_scales_takes_a_column_at_a_time() -> None:
    sample = with_missing(5_000, 200)
    for made in (make_bins, fit_scaler):
        tracemalloc.start()
        made(sample)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < sample.nbytes / 4, made.__name__
