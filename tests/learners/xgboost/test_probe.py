"""The small booster behind screening."""

from __future__ import annotations

import numpy as np

from meta_models.learners.xgboost.probe import fit_probe


def test_a_probe_finds_what_columns_tell_and_treats_nan_as_missing():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, size=600)
    inputs = np.column_stack([labels + rng.normal(0, 0.1, 600), rng.normal(size=600)]).astype(np.float32)
    inputs[::7, 1] = np.nan
    probe = fit_probe(inputs[:400], labels[:400], 20, 1)
    found = probe(inputs[400:])
    assert found.shape == (200, 3)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found.argmax(axis=1) == labels[400:]).mean() > 0.97


def test_equal_probes_are_equal_whatever_the_threads():
    rng = np.random.default_rng(4)
    inputs, labels = rng.normal(size=(300, 4)).astype(np.float32), rng.integers(0, 3, size=300)
    first, second = (fit_probe(inputs, labels, 5, threads)(inputs) for threads in (1, 2))
    assert np.array_equal(first, second)
